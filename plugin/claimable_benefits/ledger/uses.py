"""Uses of benefits: one row per attempt, moved by compare-and-set along the table of `domain.states`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, bindparam, or_, select

from claimable_benefits.domain.states import LIVE_USES, USE_MOVES, UseState
from claimable_benefits.ledger.optimistic_lock import VersionedTable, among
from claimable_benefits.ledger.shops import own, run
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
    rollback_baseline_remaining: int | None
    rollback_baseline_count: int | None
    rollback_id: str | None
    lease_until: datetime | None
    due_at: datetime | None
    attempts: int
    sweep_at: datetime | None
    sweeps: int
    failures: int
    note: str | None
    created_at: datetime
    updated_at: datetime

    def is_leased(self, now: datetime) -> bool:
        """Whether a process is working on this row at ``now`` (aware)."""
        return self.lease_until is not None and self.lease_until > now


# Each of its methods is documented there.
_USES = VersionedTable(
    uses,
    uses.c.use_id,
    Use,
    moves=USE_MOVES,
    first=UseState.HELD,
    noun="use",
    conflict="This benefit, or this cart, has another live use.",
)
add_use, move_use, touch_use, find_use = _USES.add, _USES.move, _USES.touch, _USES.find
due_uses, sweepable_uses = _USES.due, _USES.sweepable


_AT_ONCE = 500
_oldest_first = _USES.select.order_by(uses.c.created_at, uses.c.use_id)
_HELD_IN_CART = _USES.select.where(
    uses.c.customer_id == bindparam("customer"),
    uses.c.cart_id == bindparam("cart"),
    among(uses.c.state, [UseState.HELD]),
)
_LIVE = _oldest_first.where(uses.c.profile_id == bindparam("profile"), among(uses.c.state, LIVE_USES))


def use_of_redemption(connection: Connection, redemption_id: str) -> Use | None:
    """Read the use that owns Omneo's redemption, or None."""
    return _USES.fetch_one(connection, _USES.select.where(uses.c.redemption_id == redemption_id))


def owned_redemptions(connection: Connection, redemption_ids: Collection[str]) -> set[str]:
    """Read which of Omneo's redemptions belong to a use."""
    return _present(connection, uses.c.redemption_id, redemption_ids)


def known_references(connection: Connection, references: Collection[str]) -> set[str]:
    """Read which references a use has, or had."""
    return _present(connection, uses.c.reference, references)


def _present(connection: Connection, column: Column[str], values: Collection[str]) -> set[str]:
    asked = list(values)
    found: set[str] = set()
    for start in range(0, len(asked), _AT_ONCE):  # a statement takes a limited number of values
        query = select(column).where(own(uses), column.in_(asked[start : start + _AT_ONCE]))
        found |= {str(row[0]) for row in run(connection, query)}
    return found


def held_in_cart(connection: Connection, customer_id: str, cart_id: str) -> Use | None:
    """Read the hold of this shopper's cart, or None."""
    return _USES.fetch_one(connection, _HELD_IN_CART, {"customer": customer_id, "cart": cart_id})


def uses_of_order(connection: Connection, order_number: str) -> list[Use]:
    """Read every attempt that was made for an order, oldest first."""
    return _all(connection, uses.c.order_number == order_number)


def live_uses_of(connection: Connection, profile_id: str, benefit_id: str | None = None) -> list[Use]:
    """Read the live uses of a profile, or of one of its benefits, oldest first."""
    found = _USES.fetch_all(connection, _LIVE, {"profile": profile_id})
    return [use for use in found if benefit_id in (None, use.benefit_id)]


def uses_of_customer(connection: Connection, customer_id: str, *, states: Iterable[UseState]) -> list[Use]:
    """Read the uses of a customer that stand in one of ``states``, oldest first."""
    return _USES.fetch_all(connection, _of_customer(tuple(states)), {"customer": customer_id})


@cache
def _of_customer(states: tuple[UseState, ...]) -> Select[Any]:
    return _oldest_first.where(uses.c.customer_id == bindparam("customer"), among(uses.c.state, states))


def uses_of_benefit(connection: Connection, profile_id: str, benefit_id: str) -> list[Use]:
    """Read every use of a benefit that was ever sent, oldest first."""
    return _all(connection, *_of_benefit(profile_id, benefit_id), uses.c.sent_at.is_not(None))


def concurrent_rollbacks(connection: Connection, use: Use) -> list[Use]:
    """Read the other uses of the same benefit whose rollback was asked for and is in doubt."""
    return _all(
        connection,
        *_of_benefit(use.profile_id, use.benefit_id),
        uses.c.use_id != use.use_id,
        uses.c.state == UseState.ROLLING_BACK,
        uses.c.rollback_sent_at.is_not(None),
    )


def moving_uses(connection: Connection, use: Use, since: datetime) -> list[Use]:
    """Read the other uses of the same benefit that changed, or may have changed, what is left of it since (aware).

    The rows that are being rolled back are locked until the transaction ends, so that of two processes the second sees
    what the first has sent.
    """
    same = _of_benefit(use.profile_id, use.benefit_id)
    rolling_back = select(uses.c.use_id).where(own(uses), *same, uses.c.state == UseState.ROLLING_BACK)
    run(connection, rolling_back.order_by(uses.c.use_id).with_for_update())
    return _all(
        connection,
        *same,
        uses.c.use_id != use.use_id,
        or_(
            uses.c.state == UseState.REDEEMING,
            (uses.c.state == UseState.ROLLING_BACK) & uses.c.rollback_sent_at.is_not(None),
            (uses.c.state == UseState.ROLLED_BACK) & (uses.c.updated_at > since),
            uses.c.redeemed_at > since,
        ),
    )


def _of_benefit(profile_id: str, benefit_id: str) -> tuple[ColumnElement[bool], ...]:
    return uses.c.profile_id == profile_id, uses.c.benefit_id == benefit_id


def owned_ids(connection: Connection, use: Use, column: str) -> set[str]:
    """Read Omneo's ids in ``column`` (redemption_id or rollback_id) that belong to other uses of the same person.

    Uses from before a merge of profiles bear the earlier profile, and Omneo lists their redemptions under the later.
    """
    owner = uses.c[column]
    is_same_person = or_(uses.c.profile_id == use.profile_id, uses.c.customer_id == use.customer_id)
    others = (is_same_person, owner.is_not(None), uses.c.use_id != use.use_id)
    return {str(row[0]) for row in run(connection, select(owner).where(own(uses), *others))}


def overdue_holds(connection: Connection, now: datetime, *, limit: int = 200) -> list[Use]:
    """Read holds that have expired by ``now`` (aware), but those that are set aside until later."""
    is_due = or_(uses.c.due_at.is_(None), uses.c.due_at <= now)
    query = _USES.select.where(uses.c.state == UseState.HELD, uses.c.held_until <= now, is_due)
    return _USES.fetch_all(connection, query.order_by(uses.c.held_until).limit(limit))


def uses_between(connection: Connection, since: datetime, until: datetime) -> list[Use]:
    """Read the uses that were under way or changed in a period (both times aware), oldest first."""
    return _all(connection, uses.c.updated_at >= since, uses.c.created_at < until)


def uses_in_state(connection: Connection, *states: UseState) -> list[Use]:
    """Read every use in one of these states, oldest first."""
    return _all(connection, uses.c.state.in_(states))


def uses_of_profile(connection: Connection, profile_id: str) -> list[Use]:
    """Read every use of a profile that was ever sent, oldest first."""
    return _all(connection, uses.c.profile_id == profile_id, uses.c.sent_at.is_not(None))


def _all(connection: Connection, *conditions: ColumnElement[bool]) -> list[Use]:
    return _USES.fetch_all(connection, _oldest_first.where(*conditions))
