"""Uses of benefits: one row per attempt, moved by compare-and-set along the table of `domain.states`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select
from sqlalchemy.exc import IntegrityError

from claimable_benefits.domain.states import LIVE_USES, UNANSWERED_USES, USE_MOVES, UseState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger.compiled import CompiledStatement, among
from claimable_benefits.ledger.events import Audit, write_event
from claimable_benefits.ledger.optimistic_lock import compare_and_set, due
from claimable_benefits.ledger.tables import uses


@dataclass(frozen=True, slots=True)
class Use:
    """One attempt to use one benefit, as the ledger knows it. ``redemption_id`` is Omneo's, ``use_id`` ours."""

    use_id: str
    reference: str
    channel: str
    customer_id: str
    profile_id: str
    benefit_id: str
    definition_handle: str
    name: str
    code: str | None
    instructions: str
    slot: int
    cart_id: str
    order_number: str | None
    state: UseState
    version: int
    baseline_remaining: int | None
    redemption_id: str | None
    held_until: datetime
    sent_at: datetime | None
    redeemed_at: datetime | None
    rollback_sent_at: datetime | None
    rollback_id: str | None
    lease_until: datetime | None
    due_at: datetime | None
    attempts: int
    sweep_at: datetime | None
    sweeps: int
    note: str | None
    created_at: datetime
    updated_at: datetime

    def is_leased(self, now: datetime) -> bool:
        """Whether somebody is working on this row right now."""
        return self.lease_until is not None and self.lease_until > now


def add_use(connection: Connection, audit: Audit, *, state: UseState = UseState.HELD, **values: Any) -> Use:
    """Write a new use, a hold unless ``state`` says otherwise.

    Raises `Overtaken` where the slot or the cart got another live use meanwhile.
    """
    row = {**values, "state": state, "version": 1, "created_at": audit.at, "updated_at": audit.at}
    try:
        added = connection.execute(insert(uses).values(row).returning(*uses.c)).mappings().one()
    except IntegrityError as error:
        raise ConflictError("This benefit, or this cart, has another live use.") from error
    write_event(connection, values["use_id"], audit, from_state=None, to_state=state, version=1)
    return _use(added)


def move_use(connection: Connection, use: Use, to: UseState, audit: Audit, **changes: Any) -> Use:
    """Move ``use`` to another state, if it still stands where the caller saw it.

    Raises `Overtaken` where it does not, or where another use has the cart, the slot or the redemption that this one
    would get, and `ValueError` for a movement that the table does not know.
    """
    if to not in USE_MOVES[use.state]:
        raise ValueError(f"A use does not go from {use.state} to {to}.")
    moved = _change(connection, use, audit.at, state=to, **{"lease_until": None, "due_at": None, **changes})
    write_event(connection, use.use_id, audit, from_state=use.state, to_state=to, version=moved.version)
    return moved


def touch_use(connection: Connection, use: Use, now: datetime, **changes: Any) -> Use:
    """Change what is noted about ``use`` without moving it: a lease, a note, when to look again."""
    return _change(connection, use, now, **changes)


def _change(connection: Connection, use: Use, now: datetime, **changes: Any) -> Use:
    return replace(use, **compare_and_set(connection, uses, uses.c.use_id, use, now, **changes))


def find_use(connection: Connection, use_id: str) -> Use | None:
    return _one(connection, uses.c.use_id == use_id)


def use_of_redemption(connection: Connection, redemption_id: str) -> Use | None:
    return _one(connection, uses.c.redemption_id == redemption_id)


def held_in_cart(connection: Connection, customer_id: str, cart_id: str) -> Use | None:
    """The hold of this shopper's cart, if there is one."""
    found = _HELD_IN_CART.fetch_all(connection, {"its_customer": customer_id, "its_cart": cart_id})
    return _use(found[0]) if found else None


_HELD_IN_CART = CompiledStatement(
    select(uses).where(
        uses.c.customer_id == bindparam("its_customer"),
        uses.c.cart_id == bindparam("its_cart"),
        among(uses.c.state, [UseState.HELD]),
    )
)


def uses_of_order(connection: Connection, order_number: str) -> list[Use]:
    """Every attempt that was made for an order, oldest first."""
    return _all(connection, uses.c.order_number == order_number)


def live_uses_of(connection: Connection, profile_id: str, benefit_id: str | None = None) -> list[Use]:
    """The live uses of a profile, or of one of its benefits, oldest first."""
    found = [_use(row) for row in _LIVE.fetch_all(connection, {"its_profile": profile_id})]
    return [use for use in found if benefit_id in (None, use.benefit_id)]


def uses_of_customer(connection: Connection, customer_id: str, *, states: Iterable[UseState]) -> list[Use]:
    """The uses of a customer that stand in one of ``states``, oldest first."""
    return [_use(row) for row in _of_customer(tuple(states)).fetch_all(connection, {"its_customer": customer_id})]


_oldest_first = select(uses).order_by(uses.c.created_at, uses.c.use_id)
_LIVE = CompiledStatement(
    _oldest_first.where(uses.c.profile_id == bindparam("its_profile"), among(uses.c.state, LIVE_USES)),
)


@cache
def _of_customer(states: tuple[UseState, ...]) -> CompiledStatement:
    whose = uses.c.customer_id == bindparam("its_customer")
    return CompiledStatement(_oldest_first.where(whose, among(uses.c.state, states)))


def unanswered_uses_of(connection: Connection, profile_id: str, benefit_id: str) -> list[Use]:
    """The uses of a benefit that were sent and whose answer is not recorded, oldest first."""
    return _all(
        connection,
        uses.c.profile_id == profile_id,
        uses.c.benefit_id == benefit_id,
        uses.c.state.in_(UNANSWERED_USES),
    )


def concurrent_rollbacks(connection: Connection, use: Use, since: datetime) -> list[Use]:
    """The other uses of the same benefit whose undo was asked for, and of which no id of Omneo's is known.

    Those that were done before ``since`` are left out: whatever they left at Omneo is older.
    """
    return _all(
        connection,
        uses.c.profile_id == use.profile_id,
        uses.c.benefit_id == use.benefit_id,
        uses.c.use_id != use.use_id,
        uses.c.state.in_((UseState.ROLLING_BACK, UseState.ROLLED_BACK)),
        uses.c.rollback_sent_at.is_not(None),
        uses.c.rollback_id.is_(None),
        or_(uses.c.state == UseState.ROLLING_BACK, uses.c.updated_at >= since),
    )


def owned_ids(connection: Connection, use: Use, column: str) -> set[str]:
    """Omneo's ids in ``column`` (redemption_id or rollback_id) that belong to other uses of the same profile."""
    owner = uses.c[column]
    query = select(owner).where(uses.c.profile_id == use.profile_id, owner.is_not(None), uses.c.use_id != use.use_id)
    return {str(row[0]) for row in connection.execute(query)}


def due_uses(connection: Connection, state: UseState, now: datetime, *, limit: int = 50) -> list[Use]:
    """Uses in ``state`` that the worker should look at: due, and nobody working on them."""
    query = select(uses).where(*due(uses, state, now)).order_by(uses.c.updated_at).limit(limit)
    return [_use(row) for row in connection.execute(query).mappings()]


def sweepable_uses(connection: Connection, now: datetime, *, limit: int = 50) -> list[Use]:
    """Settled uses for whose late traces it is time to look."""
    query = select(uses).where(uses.c.sweep_at <= now).order_by(uses.c.sweep_at).limit(limit)
    return [_use(row) for row in connection.execute(query).mappings()]


def overdue_holds(connection: Connection, now: datetime, *, limit: int = 200) -> list[Use]:
    query = select(uses).where(uses.c.state == UseState.HELD, uses.c.held_until <= now).limit(limit)
    return [_use(row) for row in connection.execute(query).mappings()]


def uses_between(connection: Connection, since: datetime, until: datetime) -> list[Use]:
    """The uses that were under way or changed in a period, oldest first."""
    return _all(connection, uses.c.updated_at >= since, uses.c.created_at < until)


def uses_in_state(connection: Connection, *states: UseState) -> list[Use]:
    """Every use in one of these states, oldest first."""
    return _all(connection, uses.c.state.in_(states))


def uses_of_profile(connection: Connection, profile_id: str) -> list[Use]:
    """Every use of a profile that was ever sent, oldest first."""
    return _all(connection, uses.c.profile_id == profile_id, uses.c.sent_at.is_not(None))


def _one(connection: Connection, *conditions: ColumnElement[bool]) -> Use | None:
    row = connection.execute(select(uses).where(*conditions)).mappings().first()
    return _use(row) if row else None


def _all(connection: Connection, *conditions: ColumnElement[bool]) -> list[Use]:
    return [_use(row) for row in connection.execute(_oldest_first.where(*conditions)).mappings()]


def _use(row: Mapping[Any, Any]) -> Use:
    return Use(**{**row, "state": UseState(row["state"])})
