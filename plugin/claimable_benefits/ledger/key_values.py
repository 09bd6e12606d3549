"""Values under names that a shop's processes share: the tenant's dialect, a pause of deliveries, a worker's turn."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from claimable_benefits.ledger.shops import own, run, shop_of
from claimable_benefits.ledger.tables import key_values
from claimable_benefits.ledger.upsert import insert_for

LAST_TURN = "last turn of a worker"
NAIVE_TIMES = "times without a zone"

_KEY = ("shop_id", "name")
_VALUE = select(key_values.c.value).where(own(key_values), key_values.c.name == bindparam("its_name"))


def set_value(connection: Connection, name: str, value: str, now: datetime) -> None:
    """Write ``value`` under ``name``, in place of what is there; ``now`` is aware."""
    # One statement: of two that read first, both find nothing, and the second fails.
    its_shop = shop_of(connection)
    row = insert_for(connection)(key_values).values(shop_id=its_shop, name=name, value=value, updated_at=now)
    new = {"value": row.excluded.value, "updated_at": row.excluded.updated_at}
    connection.execute(row.on_conflict_do_update(index_elements=_KEY, set_=new))


def get_value(connection: Connection, name: str) -> str | None:
    """Read the value under ``name``, or None."""
    found = run(connection, _VALUE, {"its_name": name}).scalar()
    return None if found is None else str(found)


def compare_and_set_value(connection: Connection, name: str, seen: str | None, value: str, now: datetime) -> bool:
    """Write ``value`` if the value under ``name`` is still ``seen`` (None: there is none): one of several gets True."""
    values = {"value": value, "updated_at": now}
    if seen is not None:
        same = own(key_values) & (key_values.c.name == name) & (key_values.c.value == seen)
        return run(connection, update(key_values).where(same).values(values)).rowcount == 1
    row = insert_for(connection)(key_values).values(shop_id=shop_of(connection), name=name, **values)
    first = row.on_conflict_do_nothing(index_elements=_KEY).returning(key_values.c.name)
    return connection.execute(first).first() is not None
