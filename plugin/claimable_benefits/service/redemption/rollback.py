"""Roll a redemption back: a reversal inside Omneo's ten minutes, a return later (Omneo facts 10).

The same three steps as a redemption. Neither call has an idempotency key, and some tenants take a return after a
reversal: the benefit then has one use too many. So what is left is read just before each call and committed with the
intent. After a lost answer, and after a refusal, the extension looks whether the use is back before it asks again; a
refusal that follows a lost answer proves nothing. Of several uses of one benefit one is rolled back at a time, as what
is left cannot tell them apart. A rollback that Omneo refuses both ways, and shows no evidence of, goes to manual
review.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta

from claimable_benefits import signals
from claimable_benefits.domain.evidence import Evidence
from claimable_benefits.domain.resolution import UNCLEAR_FOR, UNREADABLE_FOR
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError, InvalidResponse, OmneoError, OutcomeUnknown, Rejected
from claimable_benefits.ledger.events import events_of
from claimable_benefits.ledger.uses import Use, due_uses, find_use, move_use, moving_uses, touch_use, uses_of_order
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.holds.slots import repeat_hold
from claimable_benefits.service.isolation import each_row, set_use_aside
from claimable_benefits.service.lookup import count_uses, look_up_earlier_rollback, look_up_rollback
from claimable_benefits.service.redemption.merged_profile import look_up_and_follow

_log = logging.getLogger("claimable_benefits")

# Omneo reverses for ten minutes (Omneo facts 16.25). Clocks may differ: where Omneo refuses, a return follows.
REVERSIBLE = timedelta(minutes=9)
# After so many refusals a person decides about a use of which it stays unclear whether it is back.
_REFUSALS = 6
# Until another use of the same benefit has its answer.
_SHORT_WAIT = timedelta(seconds=2)


def roll_back_order(ctx: Context, order_number: str, *, actor: str, reason: str) -> bool:
    """Roll back the redemption of an order that will not be placed: now if Omneo answers, else the worker does.

    A benefit that is rolled back at once is held for the same cart again, so that the shopper can try another card at
    the same total. True where there was a redemption. Omneo's failures are noted on the use, not raised.
    """
    with ctx.ledger.read() as connection:
        redeemed = [use for use in uses_of_order(connection, order_number) if use.state is UseState.REDEEMED]
    begun = [use for use in redeemed if _begin(ctx, use, actor, reason)]
    for use in begun:
        _restore_hold(ctx, use, actor)
    return bool(begun)


def begin_rollback(ctx: Context, use: Use, *, actor: str, reason: str) -> Use | None:
    """Commit the intent to roll back. None where another request or worker moved the use first."""
    audit = ctx.audit(actor, reason)
    try:
        with ctx.ledger.write() as connection:
            lease = audit.at + ctx.timing.lease
            return move_use(connection, use, UseState.ROLLING_BACK, audit, lease_until=lease, attempts=0, note=reason)
    except ConflictError:
        return None


def roll_back_now(ctx: Context, use: Use, actor: str) -> None:
    """Call Omneo for a rollback whose intent is committed and whose row is leased; the worker retries a failure."""
    with suppress(ConflictError):  # the lease ended first, and the worker continues
        _call(ctx, use, actor)


def finish_rollbacks(ctx: Context) -> int:
    """Take the next step of every rollback that is due, for the worker; return how many were rolled back."""
    with ctx.ledger.read() as connection:
        due = due_uses(connection, UseState.ROLLING_BACK, ctx.clock())
    return each_row(ctx, due, _step, set_use_aside)


def _begin(ctx: Context, use: Use, actor: str, reason: str) -> bool:
    begun = begin_rollback(ctx, use, actor=actor, reason=reason)
    if begun is not None:
        roll_back_now(ctx, begun, actor)
    return begun is not None


def _step(ctx: Context, use: Use) -> bool:
    now = ctx.clock()
    with suppress(ConflictError):
        with ctx.ledger.write() as connection:
            use = touch_use(connection, use, now, lease_until=now + ctx.timing.lease)
        return _look_up_or_call(ctx, use)
    return False


def _look_up_or_call(ctx: Context, use: Use) -> bool:
    """Look up the outcome of an earlier request, then call."""
    sent_at = use.rollback_sent_at
    if sent_at is None:
        return _call(ctx, use, "worker")
    try:
        use, finding = look_up_and_follow(ctx, use, look_up_rollback)
    except OmneoError as error:
        return _unread(ctx, use, "worker", "the lookup failed", error)
    if finding.evidence is Evidence.FOUND:
        return _rolled_back(ctx, use, "worker", "found at Omneo after a lost answer", finding.found_id)
    trusted_at = sent_at + ctx.timing.trust_absence_after
    if ctx.clock() < trusted_at:
        return _retry_later(ctx, use, "waiting for evidence of the rollback", at=trusted_at)
    if finding.evidence is Evidence.UNCLEAR:
        return _unclear(ctx, use, "worker", "an answer to its rollback was lost")
    return _call(ctx, use, "worker")


def _restore_hold(ctx: Context, use: Use, actor: str) -> None:
    audit = ctx.audit(actor, "held again after the rollback")
    with suppress(ConflictError), ctx.ledger.write() as connection:  # the shopper has applied another benefit meanwhile
        current = find_use(connection, use.use_id)
        if current and current.state is UseState.ROLLED_BACK:
            repeat_hold(ctx, connection, current, audit)


def _call(ctx: Context, use: Use, actor: str) -> bool:
    """Ask Omneo; nothing that was asked before is in doubt any more. True where it is rolled back."""
    is_reversible = use.redeemed_at is not None and ctx.clock() - use.redeemed_at < REVERSIBLE
    return _send(ctx, use, actor, is_reversal=is_reversible)


def _send(ctx: Context, use: Use, actor: str, *, is_reversal: bool) -> bool:
    read_at = ctx.clock()
    try:
        baseline = _read_baseline(ctx, use)
    except OmneoError as error:  # without it, a lost answer could not be told from a lost request
        return _unread(ctx, use, actor, "what is left cannot be read", error, rollback_sent_at=None)
    sent = _record_intent(ctx, use, read_at, baseline)
    if sent is None:
        note = "another use of this benefit is on its way"
        return _retry_later(ctx, use, note, at=ctx.clock() + _SHORT_WAIT, rollback_sent_at=None)
    try:
        rollback_id, reason = _ask_omneo(ctx, sent, is_reversal=is_reversal)
    except Rejected as error:
        return _handle_refusal(ctx, sent, actor, str(error), is_reversal=is_reversal)
    except OutcomeUnknown as error:
        return _retry_later(ctx, sent, f"no answer to the rollback: {error}")
    except OmneoError as error:
        # As far as is known, a 401, 403 or 429 comes before Omneo's own code runs: the next step looks.
        in_doubt_since = None if error.status is None else sent.rollback_sent_at
        return _retry_later(ctx, sent, f"the rollback did not reach Omneo: {error}", rollback_sent_at=in_doubt_since)
    return _rolled_back(ctx, sent, actor, reason, rollback_id)


def _read_baseline(ctx: Context, use: Use) -> dict[str, int | None]:
    """Read what is left just before the call; for a benefit without limit, how often it was used."""
    benefit = ctx.omneo.benefit(use.profile_id, use.benefit_id)
    remaining = benefit.remaining if benefit else None
    counted = count_uses(ctx, use) if benefit is not None and remaining is None else None
    return {"rollback_baseline_remaining": remaining, "rollback_baseline_count": counted}


def _record_intent(ctx: Context, use: Use, read_at: datetime, baseline: dict[str, int | None]) -> Use | None:
    """Commit the intent; None where another use of this benefit changed, or may change, what was read."""
    now = ctx.clock()
    with ctx.ledger.write() as connection:
        if moving_uses(connection, use, read_at):
            return None
        lease = now + ctx.timing.lease
        return touch_use(
            connection, use, now, rollback_sent_at=now, lease_until=lease, attempts=use.attempts + 1, **baseline
        )


def _ask_omneo(ctx: Context, use: Use, *, is_reversal: bool) -> tuple[str, str]:
    redemption_id = use.redemption_id or ""
    if is_reversal:
        return ctx.omneo.reverse(redemption_id).id, "reversed"
    return ctx.omneo.return_uses(redemption_id, count=1).id, "returned"


def _handle_refusal(ctx: Context, use: Use, actor: str, problem: str, *, is_reversal: bool) -> bool:
    """Decide after Omneo refused: an earlier request or a voided sale may have rolled it back.

    A refused reversal is followed by a return only where the use is seen not to be back: the ten minutes are over by
    Omneo's clock, or it does not reverse this one.
    """
    try:
        finding = look_up_rollback(ctx, use)
        if finding.evidence is not Evidence.FOUND:
            earlier = look_up_earlier_rollback(ctx, use)
            finding = earlier if earlier.evidence is Evidence.FOUND else finding
    except OmneoError as error:
        return _unread(ctx, use, actor, "refused, and the lookup failed", error)
    if finding.evidence is Evidence.FOUND:
        return _rolled_back(ctx, use, actor, "Omneo had rolled it back already", finding.found_id)
    if finding.evidence is Evidence.UNCLEAR and use.attempts < _REFUSALS:
        note, at = f"unclear whether it is back: Omneo refused it, {problem}", ctx.clock() + ctx.timing.recheck_gap
        return _retry_later(ctx, use, note, at=at, rollback_sent_at=None)  # nothing is in doubt: read a new baseline
    if is_reversal and finding.evidence is Evidence.ABSENT:
        return _send(ctx, use, actor, is_reversal=False)
    return _refer_to_review(ctx, use, actor, "Omneo refused both the reversal and the return", problem)


def _unread(ctx: Context, use: Use, actor: str, problem: str, error: OmneoError, **changes: object) -> bool:
    """Read again later; a person decides where Omneo answers, and for a day it refuses, or nobody can read it."""
    note, now = f"{problem}: {error}", ctx.clock()
    if isinstance(error, (InvalidResponse, Rejected)):
        if now - _begun_at(ctx, use) >= UNREADABLE_FOR:
            return _refer_to_review(ctx, use, actor, "what Omneo shows of it cannot be read", note)
        changes["failures"] = use.failures + 1
    return _retry_later(ctx, use, note, at=now + wait(max(use.attempts, use.failures)), **changes)


def _begun_at(ctx: Context, use: Use) -> datetime:
    """When the rollback was decided. The row does not tell it: each note changes its time."""
    with ctx.ledger.read() as connection:
        moves = events_of(connection, use.use_id)
    begun = (move.at for move in reversed(moves) if move.to_state == UseState.ROLLING_BACK)
    return next(begun, use.created_at)


def _unclear(ctx: Context, use: Use, actor: str, problem: str) -> bool:
    """Look again later; a person decides what stays unclear for long."""
    age = ctx.clock() - (use.rollback_sent_at or use.updated_at)
    if age < UNCLEAR_FOR:
        note = f"unclear whether it is back: {problem}"
        return _retry_later(ctx, use, note, at=ctx.clock() + ctx.timing.recheck_gap)
    return _refer_to_review(ctx, use, actor, "unclear whether Omneo has rolled it back", problem)


def _refer_to_review(ctx: Context, use: Use, actor: str, reason: str, problem: str) -> bool:
    _log.error("Use %s (redemption %s) waits for manual review: %s", use.use_id, use.redemption_id, problem)
    with ctx.ledger.write() as connection:
        move_use(connection, use, UseState.MANUAL_REVIEW, ctx.audit(actor, reason), note=problem)
    return False


def _rolled_back(ctx: Context, use: Use, actor: str, reason: str, rollback_id: str | None) -> bool:
    # Some answers repeat the redemption's own id instead of that of its reversal (Omneo facts 13.4).
    own_id = rollback_id if rollback_id != use.redemption_id else None
    with ctx.ledger.write() as connection:
        audit = ctx.audit(actor, reason)
        use = move_use(connection, use, UseState.ROLLED_BACK, audit, note=reason, rollback_id=own_id)
    ctx.send_signal(signals.redemption_rolled_back, use=use)
    return True


def _retry_later(ctx: Context, use: Use, note: str, *, at: datetime | None = None, **changes: object) -> bool:
    now = ctx.clock()
    due_at = at or now + wait(use.attempts)
    with ctx.ledger.write() as connection:
        touch_use(connection, use, now, lease_until=None, due_at=due_at, note=note, **changes)
    return False
