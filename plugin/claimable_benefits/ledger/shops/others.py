"""The other shops of this database: how many of their rows wait, and how this shop takes over the rows of one.

A corrected typo in the tenant's address, or another host name, makes another shop of the same tenant: rows that were
written under the earlier address then wait, and no app works on them. Whether two addresses are one tenant cannot be
known from here, so a person says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, union_all, update
from sqlalchemy.exc import IntegrityError

from claimable_benefits.domain.states import LIVE_CLAIMS, LIVE_USES, DeliveryState, UseState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger.shops import find_shop, shop_of
from claimable_benefits.ledger.tables import claims, events, key_values, outbox, profiles, shops, tombstones, uses

_MOST_NAMED = 5
_WAITING: tuple[tuple[Table, ColumnElement[bool]], ...] = (
    (uses, uses.c.state.in_([*LIVE_USES, UseState.ROLLING_BACK, UseState.MANUAL_REVIEW])),
    (claims, claims.c.state.in_(LIVE_CLAIMS)),
    (outbox, outbox.c.state.in_([DeliveryState.DUE, DeliveryState.DELIVERING, DeliveryState.STOPPED])),
)


@dataclass(frozen=True, slots=True)
class OtherShop:
    """Another tenant's address in this database; ``waiting`` counts rows that a worker or a person must move.

    ``last_turn`` is when a worker of an app with that address last ran; None: never.
    """

    tenant: str
    waiting: int
    last_turn: datetime | None


def other_shops(connection: Connection, turn_name: str) -> list[OtherShop]:
    """Read the other shops of this database, oldest first; ``turn_name`` is where each notes its worker's last turn."""
    of_each = union_all(*(select(table.c.shop_id).where(waits) for table, waits in _WAITING)).subquery()
    counted = select(of_each.c.shop_id, func.count().label("waiting")).group_by(of_each.c.shop_id).subquery()
    turns = select(key_values.c.shop_id, key_values.c.value).where(key_values.c.name == turn_name).subquery()
    query = (
        select(shops.c.tenant, func.coalesce(counted.c.waiting, 0), turns.c.value)
        .outerjoin(counted, counted.c.shop_id == shops.c.shop_id)
        .outerjoin(turns, turns.c.shop_id == shops.c.shop_id)
        .where(shops.c.shop_id != shop_of(connection))
        .order_by(shops.c.shop_id)
    )
    return [
        OtherShop(tenant, waiting, datetime.fromisoformat(turn) if turn else None)
        for tenant, waiting, turn in connection.execute(query)
    ]


def adopt_rows(connection: Connection, tenant: str) -> int:
    """Make all rows of the shop at ``tenant`` this shop's; return how many uses, claims and orders they were.

    What both know of a customer's profile, or of a use that was pruned, stays as this shop has it. Raises
    `LookupError` where there is no such other shop, and `ConflictError` where both have an order of one number, or
    a live use of one benefit, cart or redemption: then the caller rolls back, and nothing is moved.
    """
    own, other = shop_of(connection), find_shop(connection, tenant)
    if other is None or other.shop_id == own:
        raise LookupError(f"No other app has used this database with the address {tenant}.")
    if both := list(_orders_of_both(connection, own, other.shop_id)):
        raise ConflictError(f"Both have an order {' and '.join(both[:_MOST_NAMED])}, so nothing was moved.")
    known = select(profiles.c.customer_id).where(profiles.c.shop_id == own)
    is_known = (profiles.c.shop_id == other.shop_id) & profiles.c.customer_id.in_(known)
    connection.execute(delete(profiles).where(is_known))
    pruned = select(tombstones.c.reference_digest).where(tombstones.c.shop_id == own)
    is_pruned = (tombstones.c.shop_id == other.shop_id) & tombstones.c.reference_digest.in_(pruned)
    connection.execute(delete(tombstones).where(is_pruned))
    connection.execute(delete(key_values).where(key_values.c.shop_id == other.shop_id))
    try:
        moved = [_move(connection, table, other.shop_id, own) for table in (uses, claims, outbox)]
    except IntegrityError as error:
        problem = "Both have a use of one benefit, cart or redemption that is under way, so nothing was moved."
        raise ConflictError(problem) from error
    for table in (events, profiles, tombstones):
        _move(connection, table, other.shop_id, own)
    return sum(moved)


def _orders_of_both(connection: Connection, own: int, other: int) -> Iterator[str]:
    ours = select(outbox.c.order_number).where(outbox.c.shop_id == own)
    query = select(outbox.c.order_number).where(outbox.c.shop_id == other, outbox.c.order_number.in_(ours))
    return (str(number) for number in connection.scalars(query.order_by(outbox.c.order_number)))


def _move(connection: Connection, table: Table, other: int, own: int) -> int:
    return connection.execute(update(table).where(table.c.shop_id == other).values(shop_id=own)).rowcount
