"""Resolve uses that are in doubt: look up, wait, look up again, then record the outcome."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from claimable_benefits.domain.evidence import Evidence, Finding
from claimable_benefits.domain.resolution import UNCLEAR_FOR, UNREADABLE_FOR, after_absence
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError, InvalidResponse, OmneoError, Rejected
from claimable_benefits.ledger.uses import Use, add_use, due_uses, move_use, touch_use
from claimable_benefits.service.backoff import postpone_use, wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.isolation import each_row, set_use_aside
from claimable_benefits.service.lookup import look_up_redemption
from claimable_benefits.service.redemption.execution import record_found
from claimable_benefits.service.redemption.merged_profile import look_up_and_follow

_log = logging.getLogger("claimable_benefits")

_COPIED = (
    *("customer_id", "profile_id", "benefit_id", "definition_handle", "name", "code", "instructions"),
    *("cart_id", "order_number", "baseline_remaining", "held_until", "sent_at", "slot"),
)


def resolve_uses(ctx: Context) -> int:
    """Resolve uses whose process crashed or whose request got no answer; return how many were resolved."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        crashed = due_uses(connection, UseState.REDEEMING, now)
    each_row(ctx, crashed, _mark_in_doubt, set_use_aside)
    with ctx.ledger.read() as connection:
        doubtful = due_uses(connection, UseState.IN_DOUBT, now)
    return each_row(ctx, doubtful, _resolve, set_use_aside)


def roll_back_extras(ctx: Context, use: Use, redemption_ids: tuple[str, ...]) -> None:
    """Roll back every further redemption with the reference of ``use``, in a row of its own: one attempt makes one."""
    audit = ctx.audit("worker", f"a second redemption of use {use.use_id}")
    for redemption_id in redemption_ids:
        use_id = str(uuid4())
        copied = {name: getattr(use, name) for name in _COPIED}
        with suppress(ConflictError), ctx.ledger.write() as connection:  # another worker has added the row already
            add_use(
                connection,
                audit,
                state=UseState.ROLLING_BACK,
                use_id=use_id,
                reference=f"{ctx.reference_prefix}-{use_id}",
                channel="extra",
                redemption_id=redemption_id,
                redeemed_at=audit.at,
                **copied,
            )


def _mark_in_doubt(ctx: Context, use: Use) -> None:
    with suppress(ConflictError), ctx.ledger.write() as connection:  # its process was alive
        audit = ctx.audit("worker", "the process that redeemed it has ended")
        move_use(connection, use, UseState.IN_DOUBT, audit, attempts=0)


def _resolve(ctx: Context, use: Use) -> bool:
    try:
        leased = _lease(ctx, use)
        leased, finding = look_up_and_follow(ctx, leased, look_up_redemption)
    except ConflictError:
        return False
    except (InvalidResponse, Rejected) as error:
        return _unreadable(ctx, leased, error)
    except OmneoError as error:
        return _retry_later(ctx, leased, f"the lookup failed: {error}", wait(use.attempts + 2))
    with suppress(ConflictError):
        return _apply_finding(ctx, leased, finding)
    return False


def _lease(ctx: Context, use: Use) -> Use:
    now = ctx.clock()
    with ctx.ledger.write() as connection:
        return touch_use(connection, use, now, lease_until=now + ctx.timing.lease)


def _apply_finding(ctx: Context, use: Use, finding: Finding) -> bool:
    if finding.evidence is Evidence.FOUND:
        resolved = _record_found(ctx, use, finding)
        roll_back_extras(ctx, resolved, finding.extra_ids)
        return True
    age = ctx.clock() - (use.sent_at or use.updated_at)
    if finding.evidence is Evidence.UNCLEAR:
        return _unclear(ctx, use, age)
    next_poll = after_absence(age, use.attempts, ctx.timing.trust_absence_after, ctx.timing.poll_gap)
    if next_poll.after is not None:
        return _retry_later(ctx, use, "not at Omneo yet", next_poll.after, attempts=next_poll.polls)
    audit = ctx.audit("worker", "resolved: Omneo never applied it")
    with ctx.ledger.write() as connection:
        sweep_at = audit.at + ctx.timing.sweep_gaps[0]
        move_use(connection, use, UseState.RELEASED, audit, attempts=0, sweep_at=sweep_at)
    return True


def _record_found(ctx: Context, use: Use, finding: Finding) -> Use:
    if use.channel != "checkout":
        return record_found(ctx, use, finding, "worker", "found at Omneo", to=UseState.CONSUMED)
    if use.order_number is not None:
        return record_found(ctx, use, finding, "worker", "found at Omneo", to=UseState.REDEEMED)
    audit = ctx.audit("worker", "found at Omneo after its order had continued without it")
    facts = {"redemption_id": finding.found_id, "redeemed_at": audit.at, "attempts": 0, "note": audit.reason}
    with ctx.ledger.write() as connection:
        return move_use(connection, use, UseState.ROLLING_BACK, audit, **facts)


def _unclear(ctx: Context, use: Use, age: timedelta) -> bool:
    if age < UNCLEAR_FOR:
        return _retry_later(ctx, use, "unclear: another use at the same time", ctx.timing.recheck_gap)
    with ctx.ledger.write() as connection:
        audit = ctx.audit("worker", "unclear which use the redemption belongs to")
        move_use(connection, use, UseState.MANUAL_REVIEW, audit, note=audit.reason)
    return True


def _unreadable(ctx: Context, use: Use, error: InvalidResponse | Rejected) -> bool:
    """Look up later what cannot be read now; where that lasts, as with an id that no ledger can store, ask a person.

    So it is where Omneo refuses to show it, as for a profile that is gone.
    """
    note = f"the lookup failed: {error}"
    if ctx.clock() - (use.sent_at or use.updated_at) < UNREADABLE_FOR:
        return _retry_later(ctx, use, note, wait(use.failures + 2), failures=use.failures + 1)
    _log.error("Use %s waits for manual review: %s", use.use_id, note)
    with suppress(ConflictError), ctx.ledger.write() as connection:
        move_use(connection, use, UseState.MANUAL_REVIEW, ctx.audit("worker", note), note=note)
    return True


def _retry_later(ctx: Context, use: Use, note: str, after: timedelta, **changes: object) -> bool:
    postpone_use(ctx.ledger, use, ctx.clock(), after, note, **changes)
    return False
