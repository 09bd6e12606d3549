"""Delete what is finished and old, in small transactions; rows that wait for anything stay.

Every condition stands in the DELETE itself: PostgreSQL asks it again of a row that another transaction has changed. So
a use that is refunded, or an order that is submitted once more, at the same moment stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, not_, or_, select
from sqlalchemy.sql.selectable import FromClause

from claimable_benefits.domain.states import ClaimState, DeliveryState, UseState
from claimable_benefits.ledger.retention.tombstones import Tombstone, add_tombstone
from claimable_benefits.ledger.shops import own, run
from claimable_benefits.ledger.tables import claims, events, outbox, uses

ENDED_USES = (UseState.CONSUMED, UseState.ROLLED_BACK, UseState.RELEASED, UseState.REFUSED)
ENDED_CLAIMS = (ClaimState.CLAIMED, ClaimState.REFUSED, ClaimState.ABANDONED)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were deleted; true where there were any."""

    uses: int = 0
    deliveries: int = 0
    claims: int = 0

    def __bool__(self) -> bool:
        return any((self.uses, self.deliveries, self.claims))

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.uses + other.uses, self.deliveries + other.deliveries, self.claims + other.claims)


def prune_unsent_holds(connection: Connection, before: datetime, now: datetime, *, limit: int) -> Pruned:
    """Delete holds that were dropped before ``before`` (aware) without ever being sent; at most ``limit`` of them."""
    unsent = and_(
        uses.c.state == UseState.RELEASED,
        uses.c.sent_at.is_(None),
        uses.c.redemption_id.is_(None),
        _is_old_use(uses, before, now),
        not_(exists().where(outbox.c.use_id == uses.c.use_id)),
    )
    return Pruned(uses=_delete_uses(connection, unsent, now, limit))


def prune_ended(connection: Connection, before: datetime, now: datetime, *, limit: int) -> Pruned:
    """Delete what ended before ``before`` (aware), at most ``limit`` rows of each kind; uses leave a tombstone.

    An order goes as a whole: its delivery and its uses stay while any of them waits, or changed later.
    """
    deliveries = _delete_deliveries(connection, before, now, limit)
    still_delivered = exists().where(
        outbox.c.shop_id == uses.c.shop_id,
        or_(outbox.c.use_id == uses.c.use_id, outbox.c.order_number == uses.c.order_number),
    )
    ended = and_(uses.c.state.in_(ENDED_USES), _is_old_use(uses, before, now), not_(still_delivered))
    pruned = _delete_uses(connection, ended, now, limit)
    return Pruned(pruned, deliveries, _delete_claims(connection, before, now, limit))


def _is_old_use(table: FromClause, before: datetime, now: datetime) -> ColumnElement[bool]:
    return and_(table.c.updated_at < before, table.c.sweep_at.is_(None), _is_free(table, now))


def _is_free(table: FromClause, now: datetime) -> ColumnElement[bool]:
    return or_(table.c.lease_until.is_(None), table.c.lease_until <= now)


def _delete_deliveries(connection: Connection, before: datetime, now: datetime, limit: int) -> int:
    waiting = uses.alias("waiting")
    ended = and_(waiting.c.state.in_(ENDED_USES), _is_old_use(waiting, before, now))
    has_waiting_use = exists().where(
        waiting.c.shop_id == outbox.c.shop_id,
        or_(waiting.c.use_id == outbox.c.use_id, waiting.c.order_number == outbox.c.order_number),
        not_(ended),
    )
    is_ended = and_(
        own(outbox),
        outbox.c.state == DeliveryState.DELIVERED,
        outbox.c.updated_at < before,
        outbox.c.verify_at.is_(None),
        _is_free(outbox, now),
        not_(has_waiting_use),
    )
    some = select(outbox.c.order_number).where(is_ended).limit(limit)
    gone = run(
        connection, delete(outbox).where(outbox.c.order_number.in_(some), is_ended).returning(outbox.c.order_number)
    )
    numbers = [row.order_number for row in gone]
    _delete_events(connection, [f"order {number}" for number in numbers])
    return len(numbers)


def _delete_uses(connection: Connection, condition: ColumnElement[bool], now: datetime, limit: int) -> int:
    some = select(uses.c.use_id).where(own(uses), condition).limit(limit)
    kept = (uses.c.use_id, uses.c.reference, uses.c.state, uses.c.redemption_id, uses.c.rollback_id, uses.c.sent_at)
    gone = run(connection, delete(uses).where(own(uses), uses.c.use_id.in_(some), condition).returning(*kept)).all()
    for row in gone:
        if row.sent_at is not None or row.redemption_id is not None:
            left = Tombstone(row.redemption_id, row.rollback_id, UseState(row.state))
            add_tombstone(connection, row.reference, left, now)
    _delete_events(connection, [row.use_id for row in gone])
    return len(gone)


def _delete_claims(connection: Connection, before: datetime, now: datetime, limit: int) -> int:
    ended = and_(own(claims), claims.c.state.in_(ENDED_CLAIMS), _is_old_use(claims, before, now))
    some = select(claims.c.claim_id).where(ended).limit(limit)
    gone = run(connection, delete(claims).where(claims.c.claim_id.in_(some), ended).returning(claims.c.claim_id))
    claim_ids = [row.claim_id for row in gone]
    _delete_events(connection, claim_ids)
    return len(claim_ids)


def _delete_events(connection: Connection, subjects: list[str]) -> None:
    if subjects:
        run(connection, delete(events).where(own(events), events.c.subject.in_(subjects)))
