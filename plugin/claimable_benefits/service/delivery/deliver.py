"""Send the transactions of the outbox to Omneo, with retries until Omneo has them or refuses them."""

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
from claimable_benefits.ledger import key_values
from claimable_benefits.ledger.outbox import Delivery, finish_delivery, is_due, lease_due
from claimable_benefits.ledger.uses import find_use
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.verify import DIFFERENT
from claimable_benefits.wallet.profile_id import profile_of_customer

_log = logging.getLogger("claimable_benefits")
_PAUSE = "deliveries paused until"
BATCH = 10
# A person must replace a refused token; until then a delivery must not use up its attempts.
TOKEN_PAUSE = timedelta(minutes=1)
RATE_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How an attempt to deliver ended: the row's next state, the reason, and the columns to change."""

    to: DeliveryState
    note: str | None
    changes: Mapping[str, object]

    @property
    def is_delivered(self) -> bool:
        """Whether Omneo has recorded the transaction."""
        return self.to is DeliveryState.DELIVERED


def deliver_due(ctx: Context) -> int:
    """Deliver what is due, one after the other, at most `BATCH`; give how many Omneo has recorded."""
    delivered, left = 0, BATCH
    delivery = _lease_first(ctx)
    while delivery is not None:
        left -= 1
        attempt = _attempt(ctx, delivery)
        goes_on = left > 0 and not ctx.stopping()
        counts, following = _finish(ctx, delivery, attempt, takes_next=goes_on and attempt.is_delivered)
        if counts and attempt.is_delivered:
            delivered += 1
            transaction_id = attempt.changes["transaction_id"]
            ctx.send_signal(
                signals.transaction_delivered, order_number=delivery.order_number, transaction_id=transaction_id
            )
        # A failed delivery may have paused all deliveries.
        delivery = following if attempt.is_delivered or not goes_on else _lease_first(ctx)
    return delivered


def _lease_first(ctx: Context) -> Delivery | None:
    """Lease the first due delivery; None where none is due, deliveries are paused, or the worker is stopping."""
    if ctx.stopping() or not _is_ready(ctx):
        return None
    with ctx.ledger.write() as connection:
        leased = _lease(ctx, connection)
        if leased is None:
            connection.rollback()  # another thread was faster: there is nothing to commit
    return leased


def _lease(ctx: Context, connection: Connection) -> Delivery | None:
    """Lease one row at a time: the lease covers the calls of one delivery, and would end during a slow batch."""
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
        due_at = ctx.clock() + _retry_pause(ctx, error, attempts)
        return _Attempt(DeliveryState.DUE, str(error), {"attempts": attempts, "due_at": due_at})
    now = ctx.clock()
    found = {"transaction_id": recorded.id, "delivered_at": now, "verify_at": now + ctx.timing.verify_after}
    return _Attempt(DeliveryState.DELIVERED, _note_of_verify(delivery), {"attempts": attempts, **found})


def _note_of_verify(delivery: Delivery) -> str | None:
    """Keep what verifying found, so that the same difference is not delivered again and again."""
    return delivery.note if delivery.note and delivery.note.startswith(DIFFERENT) else None


def _retry_pause(ctx: Context, error: OmneoError, attempts: int) -> timedelta:
    """Without an upsert, a delayed request could still make a second transaction: wait until that cannot happen."""
    pause = wait(attempts)
    is_risky = isinstance(error, OutcomeUnknown) and not ctx.omneo.upserts()
    return max(pause, ctx.timing.trust_absence_after) if is_risky else pause


def _finish(ctx: Context, delivery: Delivery, attempt: _Attempt, *, takes_next: bool) -> tuple[bool, Delivery | None]:
    """Commit the outcome and lease the next delivery. Give whether the outcome counts, and the leased delivery."""
    audit = ctx.audit("worker", "delivered" if attempt.is_delivered else attempt.note or "")
    with ctx.ledger.write() as connection:
        counts = finish_delivery(connection, delivery, attempt.to, audit, note=attempt.note, **attempt.changes)
        return counts, _lease(ctx, connection) if takes_next else None


def _profile_id(ctx: Context, delivery: Delivery) -> str | None:
    """Give the profile that used the benefit, else the customer's; None for a guest or a customer unknown to Omneo."""
    if delivery.use_id is not None:
        with ctx.ledger.read() as connection:
            use = find_use(connection, delivery.use_id)
        if use is not None:
            return use.profile_id
    return profile_of_customer(ctx.wallet_source, delivery.customer_id) if delivery.customer_id else None


def _pause(ctx: Context, error: AuthenticationError | PermissionDenied | RateLimited) -> datetime:
    """Pause all deliveries, in every process, until the time that this returns."""
    span = TOKEN_PAUSE
    if isinstance(error, RateLimited):
        span = RATE_PAUSE if error.retry_after is None else timedelta(seconds=error.retry_after)
    until = ctx.clock() + span
    _log.warning("Deliveries to Omneo pause until %s: %s", until.isoformat(timespec="seconds"), error)
    with ctx.ledger.write() as connection:
        key_values.set_value(connection, _PAUSE, until.isoformat(), ctx.clock())
    return until


def _is_ready(ctx: Context) -> bool:
    """Whether a delivery is due and deliveries are not paused: a check that takes no lock.

    False while Omneo's circuit breaker is open: an attempt that is not sent must not lengthen the pause before the
    next one.
    """
    if ctx.omneo.is_resting("deliver"):
        return False
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        return is_due(connection, now) and not _is_paused(connection, now)


def are_paused(ctx: Context) -> bool:
    """Whether a delivery has paused all deliveries: Omneo asked for it, or does not accept the token."""
    with ctx.ledger.read() as connection:
        return _is_paused(connection, ctx.clock())


def _is_paused(connection: Connection, now: datetime) -> bool:
    until = key_values.get_value(connection, _PAUSE)
    return until is not None and datetime.fromisoformat(until) > now
