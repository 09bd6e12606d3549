"""Small things worth remembering: which profile a customer is, what dialect the tenant speaks, until when to pause."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from claimable_benefits.ledger.compiled import CompiledStatement
from claimable_benefits.ledger.optimistic_lock import Insert, insert_for
from claimable_benefits.ledger.tables import facts, profiles

LAST_TURN = "last turn of a worker"


def remember_profile(connection: Connection, customer_id: str, profile_id: str, now: datetime) -> None:
    """Nothing changes where it is known already: processes that meet a shopper at once shall agree on when that was."""
    statement = _upsert(insert_for(connection), profiles, "customer_id", ("profile_id", "seen_at"), unless="profile_id")
    statement.execute(connection, {"customer_id": customer_id, "profile_id": profile_id, "seen_at": now})


def forget_profile(connection: Connection, customer_id: str) -> None:
    """Profiles can be merged at Omneo, so a remembered id may go stale (Omneo facts 2)."""
    connection.execute(delete(profiles).where(profiles.c.customer_id == customer_id))


_KNOWN = CompiledStatement(select(profiles.c.profile_id).where(profiles.c.customer_id == bindparam("its_customer")))


def known_profile(connection: Connection, customer_id: str) -> str | None:
    found = _KNOWN.fetch_all(connection, {"its_customer": customer_id})
    return str(found[0]["profile_id"]) if found else None


def set_value(connection: Connection, name: str, value: str, now: datetime) -> None:
    statement = _upsert(insert_for(connection), facts, "name", ("value", "updated_at"))
    statement.execute(connection, {"name": name, "value": value, "updated_at": now})


_RECALL = CompiledStatement(select(facts.c.value).where(facts.c.name == bindparam("its_name")))


def get_value(connection: Connection, name: str) -> str | None:
    found = _RECALL.fetch_all(connection, {"its_name": name})
    return str(found[0]["value"]) if found else None


def compare_and_set_value(connection: Connection, name: str, seen: str | None, value: str, now: datetime) -> bool:
    """Write ``value`` if the fact is still what was ``seen``: of several processes, one gets True."""
    values = {"value": value, "updated_at": now}
    if seen is not None:
        same = (facts.c.name == name) & (facts.c.value == seen)
        return connection.execute(update(facts).where(same).values(values)).rowcount == 1
    first = insert_for(connection)(facts).values(name=name, **values).on_conflict_do_nothing(index_elements=["name"])
    return connection.execute(first.returning(facts.c.name)).first() is not None


@cache
def _upsert(insert: Insert, table: Table, key: str, names: tuple[str, ...], unless: str = "") -> CompiledStatement:
    """In one statement: two that look first would both find nothing, and the second would fail.

    What is there is left alone where its ``unless`` is the same.
    """
    row = insert(table).inline().values({name: bindparam(name) for name in (key, *names)})
    is_another = table.c[unless] != row.excluded[unless] if unless else None
    new = {name: row.excluded[name] for name in names}
    return CompiledStatement(row.on_conflict_do_update(index_elements=[key], set_=new, where=is_another))
