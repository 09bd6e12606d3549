"""Send what stands in the outbox to Omneo, again and again until it is there or Omneo says no."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from claimable_benefits import signals
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import NotPermitted, OmneoError, OutcomeUnknown, Rejected, SlowDown
from claimable_benefits.ledger import facts
from claimable_benefits.ledger.outbox import Delivery, finish_delivery, is_due, lease_due
from claimable_benefits.ledger.uses import find_use
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.profile import profile_of_customer
from claimable_benefits.service.verify import DIFFERENT

_log = logging.getLogger("claimable_benefits")
_PAUSE = "deliveries paused until"
BATCH = 10
# A refused token is mended by a person; until then nobody's delivery wears its attempts out.
TOKEN_PAUSE = timedelta(minutes=1)
RATE_PAUSE = timedelta(seconds=30)


def deliver_due(ctx: Context) -> int:
    """Deliver what is due, one after the other; gives how many arrived."""
    delivered = 0
    is_ready = _is_ready(ctx)
    for _ in ctx.until_stopping(range(BATCH)):
        delivery = _take(ctx) if is_ready else None
        if delivery is None:
            break
        arrived = _deliver(ctx, delivery)
        delivered += arrived
        is_ready = arrived or _is_ready(ctx)  # what did not arrive may have paused the destination
    return delivered


def _take(ctx: Context) -> Delivery | None:
    """One at a time: a lease that covers the calls of one delivery would run out under a batch that is slow."""
    with ctx.ledger.write() as connection:
        leased = lease_due(connection, ctx.clock(), seconds=ctx.timing.lease.total_seconds() * 3, limit=1)
        if not leased:
            connection.rollback()  # another thread was faster: there is nothing to commit
    return leased[0] if leased else None


def _deliver(ctx: Context, delivery: Delivery) -> bool:
    attempts = delivery.attempts + 1
    try:
        recorded = ctx.omneo.record_transaction(
            delivery.transaction, profile_id=_profile_id(ctx, delivery), redemption_id=delivery.redemption_id
        )
    except (NotPermitted, SlowDown) as error:
        until = _pause(ctx, error)
        return _finish(ctx, delivery, DeliveryState.DUE, str(error), due_at=until)
    except Rejected as error:
        _log.error("Omneo refuses the transaction of order %s: %s", delivery.order_number, error)
        return _finish(ctx, delivery, DeliveryState.STOPPED, error.words, attempts=attempts)
    except OmneoError as error:
        due_at = ctx.clock() + _pause_after(ctx, error, attempts)
        return _finish(ctx, delivery, DeliveryState.DUE, str(error), attempts=attempts, due_at=due_at)
    arrived = _finish(
        ctx,
        delivery,
        DeliveryState.DELIVERED,
        _why_again(delivery),
        attempts=attempts,
        transaction_id=recorded.id,
        delivered_at=ctx.clock(),
        verify_at=ctx.clock() + ctx.timing.verify,
    )
    if arrived:
        ctx.tell(signals.transaction_delivered, order_number=delivery.order_number, transaction_id=recorded.id)
    return arrived


def _why_again(delivery: Delivery) -> str | None:
    """What verifying had found, so that it does not go round in circles."""
    return delivery.note if delivery.note and delivery.note.startswith(DIFFERENT) else None


def _pause_after(ctx: Context, error: OmneoError, attempts: int) -> timedelta:
    """Without an upsert, a request that is still under way could make a second transaction: its time must be over."""
    pause = wait(attempts)
    is_risky = isinstance(error, OutcomeUnknown) and not ctx.omneo.upserts()
    return max(pause, ctx.timing.settle) if is_risky else pause


def _finish(ctx: Context, delivery: Delivery, to: DeliveryState, note: str | None, **changes: object) -> bool:
    """Commit the outcome. True where the delivery arrived and no newer revision waits."""
    because = ctx.because("worker", "delivered" if to is DeliveryState.DELIVERED else note or "")
    with ctx.ledger.write() as connection:
        current = finish_delivery(connection, delivery, to, because, note=note, **changes)
    return current and to is DeliveryState.DELIVERED


def _profile_id(ctx: Context, delivery: Delivery) -> str | None:
    """The profile that used the benefit; else the customer's; None for a guest or somebody Omneo does not know."""
    if delivery.use_id is not None:
        with ctx.ledger.read() as connection:
            use = find_use(connection, delivery.use_id)
        if use is not None:
            return use.profile_id
    return profile_of_customer(ctx, delivery.customer_id) if delivery.customer_id else None


def _pause(ctx: Context, error: NotPermitted | SlowDown) -> datetime:
    """Pause the destination for every process: it is Omneo that asks for it, not this one order."""
    span = TOKEN_PAUSE
    if isinstance(error, SlowDown):
        span = RATE_PAUSE if error.retry_after is None else timedelta(seconds=error.retry_after)
    until = ctx.clock() + span
    _log.warning("Deliveries to Omneo pause until %s: %s", until.isoformat(timespec="seconds"), error)
    with ctx.ledger.write() as connection:
        facts.remember(connection, _PAUSE, until.isoformat(), ctx.clock())
    return until


def _is_ready(ctx: Context) -> bool:
    """Whether anything is due and the destination is not paused: asked first, as it takes no lock."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        if not is_due(connection, now):
            return False
        until = facts.recall(connection, _PAUSE)
    return until is None or datetime.fromisoformat(until) <= now
