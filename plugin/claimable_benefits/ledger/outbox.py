"""The outbox: transactions for Omneo, one row per order, written in the shop's own database transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.domain.states import DELIVERY_MOVES, DeliveryState
from claimable_benefits.ledger.events import Audit, write_event
from claimable_benefits.ledger.shops import acting_on, columns_of, own, run, shop_of
from claimable_benefits.ledger.tables import outbox
from claimable_benefits.ledger.upsert import insert_for


@dataclass(frozen=True, slots=True)
class Delivery:
    """One order's transaction. ``revision`` counts its contents; ``transaction_id`` is Omneo's.

    ``external_id`` is the order's name at Omneo. ``first_look_at`` is when Omneo was found to have no other shop's
    transaction of that name; None before.
    """

    order_number: str
    revision: int
    external_id: str
    first_look_at: datetime | None
    content: str
    use_id: str | None
    customer_id: str | None
    redemption_id: str | None
    state: DeliveryState
    attempts: int
    lease_until: datetime | None
    due_at: datetime
    transaction_id: str | None
    delivered_at: datetime | None
    verify_at: datetime | None
    failures: int
    note: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def transaction(self) -> Transaction:
        """The content as the shop submitted it."""
        return read_transaction(self.content)

    @property
    def is_looked_for(self) -> bool:
        """Whether Omneo was looked at before the first delivery, and had no other shop's transaction."""
        return self.first_look_at is not None


_ALL = select(*columns_of(outbox)).where(own(outbox))


def put_delivery(
    connection: Connection, transaction: Transaction, audit: Audit, *, use_id: str | None, redemption_id: str | None
) -> None:
    """Add the order's transaction, or replace it by a newer revision. The caller commits."""
    content = write_transaction(transaction)
    row: dict[str, object] = {
        "content": content,
        "use_id": use_id,
        "customer_id": transaction.customer_id,
        "redemption_id": redemption_id,
        "state": DeliveryState.DUE,
        "attempts": 0,
        "due_at": audit.at,
        "note": None,
        "verify_at": None,
        "failures": 0,
        "updated_at": audit.at,
    }
    known = _find_alone(connection, transaction.order_number)
    if known is None:
        its_shop = {"shop_id": shop_of(connection)}
        named = {
            "order_number": transaction.order_number,
            "external_id": _new_name(connection, transaction.order_number),
        }
        first = {**its_shop, **named, "revision": 1, "created_at": audit.at, **row}
        if _add_first(connection, first):
            _note(connection, transaction.order_number, audit, None, DeliveryState.DUE, 1)
            return
        known = _find_alone(connection, transaction.order_number)
    if known and (known.content, known.redemption_id) != (content, redemption_id):
        # A delivery of the older revision may be under way: its lease stays, and its outcome no longer counts.
        of_order = _of_order(transaction.order_number)
        new = {**row, **_renamed(connection, known), "revision": known.revision + 1}
        run(connection, update(outbox).where(of_order).values(new))
        _note(connection, transaction.order_number, audit, known.state, DeliveryState.DUE, known.revision + 1)


def find_delivery(connection: Connection, order_number: str) -> Delivery | None:
    """Read the delivery of an order, or None."""
    row = run(connection, _ALL.where(_of_order(order_number))).first()
    return _delivery(row) if row else None


def _find_alone(connection: Connection, order_number: str) -> Delivery | None:
    """The row, locked until the caller commits: two changes of one order are two revisions."""
    query = _ALL.where(_of_order(order_number)).with_for_update()  # SQLite locks everything
    row = run(connection, query).first()
    return _delivery(row) if row else None


def _add_first(connection: Connection, row: Mapping[str, object]) -> bool:
    """False where another process has just added it: an error would abort the shop's transaction on PostgreSQL."""
    added = insert_for(connection)(outbox).values(row).on_conflict_do_nothing().returning(outbox.c.order_number)
    return connection.execute(added).first() is not None


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether there is anything to lease at ``now`` (aware); takes no lock."""
    return run(connection, _ANY_DUE, {"moment": now}).first() is not None


def lease_due(connection: Connection, now: datetime, *, seconds: float, limit: int) -> list[Delivery]:
    """Lease for ``seconds`` the deliveries that are due and not leased; until then no other process gets them."""
    lease = _lease_of(connection.dialect.name)
    asked = {"moment": now, "until": now + timedelta(seconds=seconds), "most": limit}
    return sorted(map(_delivery, run(connection, lease, asked)), key=lambda delivery: delivery.due_at)


_moment = bindparam("moment", type_=outbox.c.due_at.type)
_is_due = and_(
    own(outbox),
    or_(outbox.c.state == DeliveryState.DUE, outbox.c.state == DeliveryState.DELIVERING),
    or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= _moment),
    outbox.c.due_at <= _moment,
)
_ANY_DUE = select(outbox.c.order_number).where(_is_due).limit(1)


@cache
def _lease_of(dialect: str) -> ReturningUpdate[Any]:
    """Found and leased in one statement, which is built once: sixteen threads run little else.

    What is due is found once, before anything is leased: PostgreSQL may run a subquery with a LIMIT again for each row,
    find other rows each time, and so lease more than was asked for.
    """
    due = select(outbox.c.order_number).where(_is_due).order_by(outbox.c.due_at).limit(bindparam("most", type_=Integer))
    if dialect != "sqlite":
        due = due.with_for_update(skip_locked=True)
    found = due.cte("due").prefix_with("MATERIALIZED", dialect="postgresql")
    lease = {"state": DeliveryState.DELIVERING, "lease_until": bindparam("until"), "updated_at": _moment}
    taken = update(outbox).where(own(outbox), outbox.c.order_number.in_(select(found.c.order_number)))
    return taken.values(lease).returning(*columns_of(outbox))


def finish_delivery(
    connection: Connection, delivery: Delivery, to: DeliveryState, audit: Audit, **changes: Any
) -> bool:
    """Write the outcome of an attempt. Return False where it no longer counts.

    A newer revision came meanwhile and stays due, or the lease ended and another process holds the row. Raises
    `ValueError` for a state that does not follow delivering.
    """
    if to not in DELIVERY_MOVES[DeliveryState.DELIVERING]:
        raise ValueError(f"A delivery does not go from delivering to {to}.")
    outcome = {"state": to, "lease_until": None, "updated_at": audit.at, **changes}
    held = {"its_order": delivery.order_number, "its_lease": delivery.lease_until, "its_revision": delivery.revision}
    if run(connection, _FINISH, {**held, **outcome}).rowcount == 1:
        _note(connection, delivery.order_number, audit, DeliveryState.DELIVERING, to, delivery.revision)
        return True
    leased = _of_order(delivery.order_number) & (outbox.c.lease_until == delivery.lease_until)
    run(connection, update(outbox).where(leased).values(lease_until=None))
    return False


_FINISH = update(outbox).where(
    own(outbox),
    outbox.c.order_number == bindparam("its_order"),
    outbox.c.lease_until == bindparam("its_lease"),
    outbox.c.revision == bindparam("its_revision"),
    outbox.c.state == literal_column(f"'{DeliveryState.DELIVERING}'"),
)


def deliveries_to_verify(connection: Connection, now: datetime, *, limit: int = 50) -> list[Delivery]:
    """Read what was delivered a while ago and has not been read back since."""
    return _read(connection, _ALL.where(outbox.c.verify_at <= now).order_by(outbox.c.verify_at).limit(limit))


def note_verified(connection: Connection, delivery: Delivery, *, again_at: datetime | None, **changes: Any) -> None:
    """Write when to read this revision back again (aware); None: Omneo has it as it is."""
    run(connection, update(outbox).where(_still(delivery)).values(verify_at=again_at, **changes))


def deliver_again(connection: Connection, delivery: Delivery, to: DeliveryState, audit: Audit) -> bool:
    """Deliver again, or stop, what Omneo has not kept. Return False where the row has changed meanwhile."""
    if to not in DELIVERY_MOVES[DeliveryState.DELIVERED]:
        raise ValueError(f"A delivery does not go from delivered to {to}.")
    values = {"state": to, "due_at": audit.at, "verify_at": None, "note": audit.reason}
    change = update(outbox).where(_still(delivery)).values(updated_at=audit.at, **values)
    if run(connection, change).rowcount == 0:
        return False
    _note(connection, delivery.order_number, audit, DeliveryState.DELIVERED, to, delivery.revision)
    return True


def _still(delivery: Delivery) -> ColumnElement[bool]:
    is_delivered = outbox.c.state == DeliveryState.DELIVERED
    return _of_order(delivery.order_number) & (outbox.c.revision == delivery.revision) & is_delivered


def deliveries_between(connection: Connection, since: datetime, until: datetime) -> list[Delivery]:
    """Read the deliveries that were queued or changed in a period (both times aware), oldest first."""
    query = _ALL.where(outbox.c.updated_at >= since, outbox.c.created_at < until)
    return _read(connection, query.order_by(outbox.c.created_at, outbox.c.order_number))


def deliveries_in_state(connection: Connection, *states: DeliveryState, limit: int = 1_000) -> list[Delivery]:
    """Read the deliveries in one of these states, those that are due longest first."""
    return _read(connection, _ALL.where(outbox.c.state.in_(states)).order_by(outbox.c.due_at).limit(limit))


def resume_delivery(connection: Connection, order_number: str, audit: Audit, *, replaces: bool = False) -> bool:
    """Make a stopped delivery due again. Return False where it is not stopped.

    With ``replaces`` it keeps its name at Omneo and is delivered without a first look, whatever Omneo has of that name.
    """
    known = _find_alone(connection, order_number)
    if known is None or known.state is not DeliveryState.STOPPED:
        return False
    due = {"state": DeliveryState.DUE, "due_at": audit.at, "attempts": 0, "failures": 0, "note": None}
    changed = {"first_look_at": audit.at} if replaces else _renamed(connection, known)
    run(connection, update(outbox).where(_of_order(order_number)).values(**due, **changed, updated_at=audit.at))
    _note(connection, order_number, audit, DeliveryState.STOPPED, DeliveryState.DUE, known.revision)
    return True


def _renamed(connection: Connection, known: Delivery) -> dict[str, object]:
    """Choose another external id where the first look has stopped the delivery: nothing was ever sent under it."""
    was_sent = known.is_looked_for or known.state is not DeliveryState.STOPPED
    return {} if was_sent else {"external_id": _new_name(connection, known.order_number)}


def _new_name(connection: Connection, order_number: str) -> str:
    return external_id_of(order_number, acting_on(connection).order_prefix)


def write_transaction(transaction: Transaction) -> str:
    """Return the transaction as JSON; amounts are strings, so that no cent is rounded."""
    document = asdict(transaction)
    return json.dumps(document, default=str, sort_keys=True)


def read_transaction(content: str) -> Transaction:
    """Return the transaction that `write_transaction` wrote."""
    document: dict[str, Any] = json.loads(content)
    amounts = {key: Decimal(document[key]) for key in ("total", "total_original")}
    items = tuple(_item(item) for item in document["items"])
    at = datetime.fromisoformat(document["transacted_at"])
    return Transaction(**{**document, **amounts, "items": items, "transacted_at": at})


def _item(document: Mapping[str, Any]) -> Item:
    return Item(**{**document, **{key: Decimal(document[key]) for key in ("price", "price_paid", "discount")}})


def _of_order(order_number: str) -> ColumnElement[bool]:
    return own(outbox) & (outbox.c.order_number == order_number)


def _read(connection: Connection, query: Select[Any]) -> list[Delivery]:
    return [_delivery(row) for row in run(connection, query)]


def _note(
    connection: Connection, order_number: str, audit: Audit, before: str | None, after: str, revision: int
) -> None:
    write_event(connection, f"order {order_number}", audit, from_state=before, to_state=after, version=revision)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**{**row._mapping, "state": DeliveryState(row.state)})  # noqa: SLF001 - public, for all its underscore
