"""Resolve claims that are in doubt, by the same lookups as for uses."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from claimable_benefits import signals
from claimable_benefits.domain.evidence import Evidence, Finding
from claimable_benefits.domain.resolution import after_absence
from claimable_benefits.domain.states import ClaimState
from claimable_benefits.errors import ConflictError, InvalidResponse, OmneoError
from claimable_benefits.ledger.claims import Claim, due_claims, move_claim, touch_claim
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.isolation import each_row, set_claim_aside
from claimable_benefits.service.lookup import look_up_claim

# A list that cannot be read today may be readable tomorrow; meanwhile the claim may not be made again.
UNREADABLE_GAP = timedelta(minutes=10)


def resolve_claims(ctx: Context) -> int:
    """Resolve claims whose process crashed or whose request got no answer; return how many were resolved."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        due = due_claims(connection, ClaimState.CLAIMING, now) + due_claims(connection, ClaimState.IN_DOUBT, now)
    return each_row(ctx, due, _resolve, set_claim_aside)


def _resolve(ctx: Context, claim: Claim) -> bool:
    now = ctx.clock()
    with suppress(ConflictError):
        with ctx.ledger.write() as connection:
            claim = touch_claim(connection, claim, now, lease_until=now + ctx.timing.lease)
        try:
            finding = look_up_claim(ctx, claim)
        except InvalidResponse as error:
            after = wait(claim.failures + 2, UNREADABLE_GAP)
            return _retry_later(ctx, claim, f"the lookup failed: {error}", after, failures=claim.failures + 1)
        except OmneoError as error:
            return _retry_later(ctx, claim, f"the lookup failed: {error}", wait(claim.attempts + 2))
        return _apply_finding(ctx, claim, finding)
    return False


def _apply_finding(ctx: Context, claim: Claim, finding: Finding) -> bool:
    if finding.evidence is Evidence.FOUND:
        moved = _move(ctx, claim, ClaimState.CLAIMED, "found at Omneo", benefit_id=finding.found_id)
        ctx.send_signal(signals.benefit_claimed, claim=moved)
        return True
    age = ctx.clock() - claim.sent_at
    next_poll = after_absence(age, claim.attempts, ctx.timing.trust_absence_after, ctx.timing.poll_gap)
    if next_poll.after is not None:
        return _retry_later(ctx, claim, "not at Omneo yet", next_poll.after, attempts=next_poll.polls)
    sweep_at = ctx.clock() + ctx.timing.sweep_gaps[0]
    _move(ctx, claim, ClaimState.ABANDONED, "resolved: Omneo never applied it", sweep_at=sweep_at)
    return True


def _move(ctx: Context, claim: Claim, to: ClaimState, reason: str, **changes: object) -> Claim:
    with ctx.ledger.write() as connection:
        return move_claim(connection, claim, to, ctx.audit("worker", reason), **changes)


def _retry_later(ctx: Context, claim: Claim, note: str, after: timedelta, **changes: object) -> bool:
    now = ctx.clock()
    with ctx.ledger.write() as connection:
        touch_claim(connection, claim, now, due_at=now + after, lease_until=None, note=note, **changes)
    return False
