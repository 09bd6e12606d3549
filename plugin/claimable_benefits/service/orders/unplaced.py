"""Decide about redemptions whose order was not placed in time, by asking the shop what became of the order."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta

from claimable_benefits.domain.shop import Order, OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger.outbox import find_delivery
from claimable_benefits.ledger.uses import Use, due_uses, move_use, touch_use
from claimable_benefits.service.backoff import postpone_use
from claimable_benefits.service.context import Context
from claimable_benefits.service.isolation import each_row, set_use_aside
from claimable_benefits.service.orders.submit import submit_in

_log = logging.getLogger("claimable_benefits")

# An order that the shop has not known for so long was never stored there, or is stuck: manual review.
UNKNOWN_FOR = timedelta(days=1)
# After this time the log and doctor say so: a developer can still correct the loader within the day.
WARN_AFTER = timedelta(hours=1)
NOT_KNOWN = "the order loader has not known order "  # the note of such a use begins with this


def resolve_unplaced(ctx: Context) -> int:
    """Ask the shop about redemptions whose order was not placed in time; return how many were decided."""
    with ctx.ledger.read() as connection:
        due = due_uses(connection, UseState.REDEEMED, ctx.clock())
    return each_row(ctx, due, _resolve, set_use_aside)


def order_of(ctx: Context, order_number: str | None) -> Order | None:
    """Ask the shop's loader about an order; None where the shop does not know it, or the loader fails."""
    if order_number is None:
        return None
    try:
        return ctx.order_loader(order_number)
    except Exception:  # noqa: BLE001 - the shop's own code may raise anything; None is safe
        _log.exception("The order loader failed for order %s.", order_number)
        return None


def _resolve(ctx: Context, use: Use) -> bool:
    now = ctx.clock()
    with suppress(ConflictError):
        with ctx.ledger.write() as connection:
            use = touch_use(connection, use, now, lease_until=now + ctx.timing.lease)
        return _decide(ctx, use, order_of(ctx, use.order_number))
    return False


def _decide(ctx: Context, use: Use, order: Order | None) -> bool:
    state = order.state if order else OrderState.UNKNOWN
    age = ctx.clock() - (use.redeemed_at or use.updated_at)
    if order and state is OrderState.PAID:
        return _placed(ctx, use, order)
    if state is OrderState.CANCELLED or (state is OrderState.OPEN and age >= ctx.timing.order_grace):
        return _roll_back(ctx, use, f"order {use.order_number} is {state}")
    if age >= UNKNOWN_FOR:
        audit = ctx.audit("worker", f"the shop does not know what became of order {use.order_number}")
        _log.error("Use %s waits for manual review: %s.", use.use_id, audit.reason)
        with ctx.ledger.write() as connection:
            move_use(connection, use, UseState.MANUAL_REVIEW, audit, note=audit.reason)
        return True
    if order is None and age >= WARN_AFTER:
        return _ask_later(ctx, use, _warn_of_unknown(use))
    return _ask_later(ctx, use, f"order {use.order_number} is {state}")


def _warn_of_unknown(use: Use) -> str:
    """Return the note of a use whose order the loader does not know; the log says so when it is first written."""
    note = f"{NOT_KNOWN}{use.order_number} for an hour"
    if use.note != note:
        _log.error(
            "Use %s: %s. It failed, or the order is not stored where the loader looks; see flask benefits doctor. "
            "After a day the use waits for manual review.",
            use.use_id,
            note,
        )
    return note


def _placed(ctx: Context, use: Use, order: Order) -> bool:
    """Consume the use of a paid order, or roll it back where the order was placed without it while in doubt."""
    with ctx.ledger.read() as connection:
        delivery = find_delivery(connection, order.number)
    if delivery and delivery.use_id != use.use_id:
        return _roll_back(ctx, use, f"order {order.number} was placed without it")
    if order.transaction is None:
        return _ask_later(ctx, use, f"order {order.number} is paid, but the shop gives no transaction")
    with ctx.ledger.write() as connection:
        submit_in(ctx, order.transaction, connection, actor="worker")
    return True


def _roll_back(ctx: Context, use: Use, reason: str) -> bool:
    """Commit the intent; the next step of this turn calls Omneo."""
    with ctx.ledger.write() as connection:
        move_use(connection, use, UseState.ROLLING_BACK, ctx.audit("worker", reason), attempts=0, note=reason)
    return True


def _ask_later(ctx: Context, use: Use, note: str) -> bool:
    postpone_use(ctx.ledger, use, ctx.clock(), ctx.timing.recheck_gap, note)
    return False
