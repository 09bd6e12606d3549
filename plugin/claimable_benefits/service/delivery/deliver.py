"""Send what stands in the outbox to Omneo, again and again until it is there or Omneo says no."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from claimable_benefits import signals
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import (
    AuthenticationError,
    OmneoError,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
)
from claimable_benefits.ledger import facts
from claimable_benefits.ledger.outbox import Delivery, finish_delivery, is_due, lease_due
from claimable_benefits.ledger.uses import find_use
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.verify import DIFFERENT
from claimable_benefits.wallet.profile_id import profile_of_customer

_log = logging.getLogger("claimable_benefits")
_PAUSE = "deliveries paused until"
BATCH = 10
# A refused token is mended by a person; until then nobody's delivery wears its attempts out.
TOKEN_PAUSE = timedelta(minutes=1)
RATE_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How an attempt to deliver ended: where the row goes, why, and what else is noted on it."""

    to: DeliveryState
    note: str | None
    changes: Mapping[str, object]

    @property
    def arrived(self) -> bool:
        return self.to is DeliveryState.DELIVERED


def deliver_due(ctx: Context) -> int:
    """Deliver what is due, one after the other; gives how many arrived."""
    delivered, left = 0, BATCH
    delivery = _first(ctx)
    while delivery is not None:
        left -= 1
        attempt = _attempt(ctx, delivery)
        goes_on = left > 0 and not ctx.stopping()
        counts, following = _finish(ctx, delivery, attempt, takes_next=goes_on and attempt.arrived)
        if counts and attempt.arrived:
            delivered += 1
            transaction_id = attempt.changes["transaction_id"]
            ctx.send_signal(
                signals.transaction_delivered, order_number=delivery.order_number, transaction_id=transaction_id
            )
        # What did not arrive may have paused the destination.
        delivery = following if attempt.arrived or not goes_on else _first(ctx)
    return delivered


def _first(ctx: Context) -> Delivery | None:
    """Take a delivery, unless there is none, or the destination is paused, or nothing is to begin any more."""
    if ctx.stopping() or not _is_ready(ctx):
        return None
    with ctx.ledger.write() as connection:
        taken = _take(ctx, connection)
        if taken is None:
            connection.rollback()  # another thread was faster: there is nothing to commit
    return taken


def _take(ctx: Context, connection: Connection) -> Delivery | None:
    """One at a time: a lease that covers the calls of one delivery would run out under a batch that is slow."""
    leased = lease_due(connection, ctx.clock(), seconds=ctx.timing.lease.total_seconds() * 3, limit=1)
    return leased[0] if leased else None


def _attempt(ctx: Context, delivery: Delivery) -> _Attempt:
    attempts = delivery.attempts + 1
    try:
        recorded = ctx.omneo.record_transaction(
            delivery.transaction, profile_id=_profile_id(ctx, delivery), redemption_id=delivery.redemption_id
        )
    except (AuthenticationError, PermissionDenied, RateLimited) as error:
        return _Attempt(DeliveryState.DUE, str(error), {"due_at": _pause(ctx, error)})
    except Rejected as error:
        _log.error("Omneo refuses the transaction of order %s: %s", delivery.order_number, error)
        return _Attempt(DeliveryState.STOPPED, error.words, {"attempts": attempts})
    except OmneoError as error:
        due_at = ctx.clock() + _pause_after(ctx, error, attempts)
        return _Attempt(DeliveryState.DUE, str(error), {"attempts": attempts, "due_at": due_at})
    now = ctx.clock()
    found = {"transaction_id": recorded.id, "delivered_at": now, "verify_at": now + ctx.timing.verify_after}
    return _Attempt(DeliveryState.DELIVERED, _why_again(delivery), {"attempts": attempts, **found})


def _why_again(delivery: Delivery) -> str | None:
    """What verifying had found, so that it does not go round in circles."""
    return delivery.note if delivery.note and delivery.note.startswith(DIFFERENT) else None


def _pause_after(ctx: Context, error: OmneoError, attempts: int) -> timedelta:
    """Without an upsert, a request that is still under way could make a second transaction: its time must be over."""
    pause = wait(attempts)
    is_risky = isinstance(error, OutcomeUnknown) and not ctx.omneo.upserts()
    return max(pause, ctx.timing.trust_absence_after) if is_risky else pause


def _finish(ctx: Context, delivery: Delivery, attempt: _Attempt, *, takes_next: bool) -> tuple[bool, Delivery | None]:
    """Commit the outcome, and take the next delivery with it. Whether the outcome counts, and what was taken."""
    audit = ctx.audit("worker", "delivered" if attempt.arrived else attempt.note or "")
    with ctx.ledger.write() as connection:
        counts = finish_delivery(connection, delivery, attempt.to, audit, note=attempt.note, **attempt.changes)
        return counts, _take(ctx, connection) if takes_next else None


def _profile_id(ctx: Context, delivery: Delivery) -> str | None:
    """The profile that used the benefit; else the customer's; None for a guest or somebody Omneo does not know."""
    if delivery.use_id is not None:
        with ctx.ledger.read() as connection:
            use = find_use(connection, delivery.use_id)
        if use is not None:
            return use.profile_id
    return profile_of_customer(ctx, delivery.customer_id) if delivery.customer_id else None


def _pause(ctx: Context, error: AuthenticationError | PermissionDenied | RateLimited) -> datetime:
    """Pause the destination for every process: it is Omneo that asks for it, not this one order."""
    span = TOKEN_PAUSE
    if isinstance(error, RateLimited):
        span = RATE_PAUSE if error.retry_after is None else timedelta(seconds=error.retry_after)
    until = ctx.clock() + span
    _log.warning("Deliveries to Omneo pause until %s: %s", until.isoformat(timespec="seconds"), error)
    with ctx.ledger.write() as connection:
        facts.set_value(connection, _PAUSE, until.isoformat(), ctx.clock())
    return until


def _is_ready(ctx: Context) -> bool:
    """Whether anything is due and the destination is not paused: asked first, as it takes no lock.

    While Omneo does not answer, nothing is taken at all: a delivery that is not even sent shall not wait the longer
    for the next attempt, once Omneo is back.
    """
    if ctx.omneo.is_resting("deliver"):
        return False
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        if not is_due(connection, now):
            return False
        until = facts.get_value(connection, _PAUSE)
    return until is None or datetime.fromisoformat(until) <= now
