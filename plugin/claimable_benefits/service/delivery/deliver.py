"""Send the transactions of the outbox to Omneo, with retries until Omneo has them or refuses them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from claimable_benefits import signals
from claimable_benefits.domain.resolution import UNREADABLE_FOR
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import (
    AuthenticationError,
    InvalidResponse,
    OmneoError,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
)
from claimable_benefits.ledger.events import events_of
from claimable_benefits.ledger.outbox import Delivery, finish_delivery, is_due, lease_due
from claimable_benefits.ledger.uses import find_use
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.first_look import find_foreign
from claimable_benefits.service.delivery.pause import end_pause, pause_deliveries, read_pause, take_probe
from claimable_benefits.service.delivery.verify import DIFFERENT
from claimable_benefits.service.isolation import one_row, set_delivery_aside
from claimable_benefits.wallet.profile_id import profile_of_customer

_log = logging.getLogger("claimable_benefits")
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
    is_paused: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether Omneo has recorded the transaction."""
        return self.to is DeliveryState.DELIVERED


def deliver_due(ctx: Context) -> int:
    """Deliver what is due, one after the other, at most `BATCH`; return how many Omneo has recorded."""
    delivered, left = 0, BATCH
    delivery, is_probe = _lease_first(ctx)
    while delivery is not None:
        left -= 1
        sent = one_row(ctx, delivery, partial(_deliver, is_last=left == 0, is_probe=is_probe), set_delivery_aside)
        delivered += sent is not None and sent.counts
        if sent is not None and sent.is_delivered:
            delivery, is_probe = sent.following, False
            continue
        # A failed delivery may have paused all deliveries.
        delivery, is_probe = _lease_first(ctx) if left else (None, False)
    return delivered


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of one delivery: whether Omneo has it, whether that counts, and the next one, leased."""

    is_delivered: bool
    counts: bool
    following: Delivery | None


def _deliver(ctx: Context, delivery: Delivery, *, is_last: bool, is_probe: bool) -> _Sent:
    attempt = _attempt(ctx, delivery)
    takes_next = attempt.is_delivered and not is_last and not ctx.stopping()
    ends_pause = is_probe and not attempt.is_paused
    counts, following = _finish(ctx, delivery, attempt, takes_next=takes_next, ends_pause=ends_pause)
    if counts and attempt.is_delivered:
        transaction_id = attempt.changes["transaction_id"]
        ctx.send_signal(
            signals.transaction_delivered, order_number=delivery.order_number, transaction_id=transaction_id
        )
    return _Sent(attempt.is_delivered, counts and attempt.is_delivered, following)


def _lease_first(ctx: Context) -> tuple[Delivery | None, bool]:
    """Lease the first due delivery; None where none is due, deliveries are paused, or the worker is stopping.

    Give with it whether it is the one that is sent after a pause.
    """
    if ctx.stopping() or not _is_due(ctx):
        return None, False
    with ctx.ledger.read() as connection:
        pause = read_pause(connection)
    if pause and not take_probe(ctx, pause):
        return None, False
    with ctx.ledger.write() as connection:
        leased = _lease(ctx, connection)
        if leased is None:
            connection.rollback()  # another thread was faster: there is nothing to commit
    return leased, bool(pause)


def _lease(ctx: Context, connection: Connection) -> Delivery | None:
    """Lease one row at a time: the lease covers the calls of one delivery, and would end during a slow batch."""
    leased = lease_due(connection, ctx.clock(), seconds=ctx.timing.lease.total_seconds() * 3, limit=1)
    return leased[0] if leased else None


def _attempt(ctx: Context, delivery: Delivery) -> _Attempt:
    attempts = delivery.attempts + 1
    looked: dict[str, object] = {}
    try:
        profile_id = _profile_id(ctx, delivery)
        if not delivery.is_looked_for:
            if foreign := find_foreign(ctx, delivery, profile_id):
                _log.error("The transaction of order %s is not delivered: %s", delivery.order_number, foreign)
                return _Attempt(DeliveryState.STOPPED, foreign, {"attempts": attempts})
            looked["first_look_at"] = ctx.clock()
        named = replace(delivery.transaction, order_number=delivery.external_id)
        recorded = ctx.omneo.record_transaction(named, profile_id=profile_id, redemption_id=delivery.redemption_id)
    except (AuthenticationError, PermissionDenied, RateLimited) as error:
        return _Attempt(DeliveryState.DUE, str(error), {**looked, "due_at": _pause(ctx, error)}, is_paused=True)
    except Rejected as error:
        _log.error("Omneo refuses the transaction of order %s: %s", delivery.order_number, error)
        return _Attempt(DeliveryState.STOPPED, error.words, {**looked, "attempts": attempts})
    except OmneoError as error:
        if _is_unreadable(error) and ctx.clock() - _due_since(ctx, delivery) >= UNREADABLE_FOR:
            _log.error("The delivery of order %s is stopped: %s", delivery.order_number, error)
            return _Attempt(DeliveryState.STOPPED, str(error), {**looked, "attempts": attempts})
        due_at = ctx.clock() + _retry_pause(ctx, error, attempts)
        return _Attempt(DeliveryState.DUE, str(error), {**looked, "attempts": attempts, "due_at": due_at})
    now = ctx.clock()
    found = {
        "transaction_id": recorded.id,
        "delivered_at": now,
        "verify_at": now + ctx.timing.verify_after,
        "failures": 0,
    }
    return _Attempt(DeliveryState.DELIVERED, _note_of_verify(delivery), {**looked, "attempts": attempts, **found})


def _is_unreadable(error: OmneoError) -> bool:
    """Whether Omneo answered a read, or took the transaction, with what cannot be read, such as an odd id."""
    is_success = error.status is not None and 200 <= error.status < 300
    return isinstance(error, InvalidResponse) or (isinstance(error, OutcomeUnknown) and is_success)


def _due_since(ctx: Context, delivery: Delivery) -> datetime:
    """When this content was queued, or resumed by a person."""
    with ctx.ledger.read() as connection:
        moves = events_of(connection, f"order {delivery.order_number}")
    queued = (
        move.at
        for move in reversed(moves)
        if move.to_state == DeliveryState.DUE and move.from_state != DeliveryState.DELIVERING
    )
    return next(queued, delivery.created_at)


def _note_of_verify(delivery: Delivery) -> str | None:
    """Keep what verifying found, so that the same difference is not delivered again and again."""
    return delivery.note if delivery.note and delivery.note.startswith(DIFFERENT) else None


def _retry_pause(ctx: Context, error: OmneoError, attempts: int) -> timedelta:
    """Without an upsert, a delayed request could still make a second transaction: wait until that cannot happen."""
    pause = wait(attempts)
    is_risky = isinstance(error, OutcomeUnknown) and not ctx.omneo.upserts()
    return max(pause, ctx.timing.trust_absence_after) if is_risky else pause


def _finish(
    ctx: Context, delivery: Delivery, attempt: _Attempt, *, takes_next: bool, ends_pause: bool
) -> tuple[bool, Delivery | None]:
    """Commit the outcome and lease the next delivery. Give whether the outcome counts, and the leased delivery."""
    audit = ctx.audit("worker", "delivered" if attempt.is_delivered else attempt.note or "")
    with ctx.ledger.write() as connection:
        if ends_pause:
            end_pause(connection, audit.at)
        counts = finish_delivery(connection, delivery, attempt.to, audit, note=attempt.note, **attempt.changes)
        return counts, _lease(ctx, connection) if takes_next else None


def _profile_id(ctx: Context, delivery: Delivery) -> str | None:
    """Return the profile that used the benefit, else the customer's; None for a guest, or where Omneo knows none."""
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
    until = pause_deliveries(ctx, span)
    _log.warning("Deliveries to Omneo pause until %s: %s", until.isoformat(timespec="seconds"), error)
    return until


def _is_due(ctx: Context) -> bool:
    """Whether a delivery is due: a check that takes no lock.

    False while Omneo's circuit breaker is open: an attempt that is not sent must not lengthen the pause before the
    next one.
    """
    if ctx.omneo.is_resting("deliver"):
        return False
    with ctx.ledger.read() as connection:
        return is_due(connection, ctx.clock())
