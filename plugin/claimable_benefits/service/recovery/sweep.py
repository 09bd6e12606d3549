"""Look up resolved uses and claims again: a delayed request may have arrived after they were resolved.

A redemption with our reference that the ledger does not expect is rolled back. Where only the remaining uses are the
evidence, it may be a till's: that goes to manual review.
"""

from __future__ import annotations

from contextlib import suppress

from claimable_benefits import signals
from claimable_benefits.domain.evidence import Evidence, Finding
from claimable_benefits.domain.resolution import next_sweep
from claimable_benefits.domain.states import USE_MOVES, ClaimState, UseState
from claimable_benefits.errors import ConflictError, OmneoError
from claimable_benefits.ledger.claims import Claim, move_claim, sweepable_claims, touch_claim
from claimable_benefits.ledger.uses import Use, move_use, sweepable_uses, touch_use
from claimable_benefits.service.context import Context
from claimable_benefits.service.isolation import each_row, set_swept_claim_aside, set_swept_use_aside
from claimable_benefits.service.lookup import look_up_claim, look_up_redemption
from claimable_benefits.service.recovery.resolve_uses import roll_back_extras

# Remaining uses may show another process's use whose answer is not recorded yet, so they count the second time.
_CONFIRMATIONS = 2


def sweep_uses(ctx: Context) -> int:
    """Look up every resolved use whose sweep is due; return how many were found late."""
    with ctx.ledger.read() as connection:
        due = sweepable_uses(connection, ctx.clock())
    return each_row(ctx, due, _sweep, set_swept_use_aside)


def sweep_claims(ctx: Context) -> int:
    """Look up every abandoned claim whose sweep is due: a benefit that is found is the shopper's."""
    with ctx.ledger.read() as connection:
        due = sweepable_claims(connection, ctx.clock())
    return each_row(ctx, due, _sweep_claim, set_swept_claim_aside)


def _sweep(ctx: Context, use: Use) -> bool:
    try:
        use = _schedule(ctx, use)
        finding = look_up_redemption(ctx, use)
    except ConflictError:
        return False  # another worker looks it up, or it moves at the same moment
    except OmneoError:
        return False  # the next lookup is scheduled already
    with suppress(ConflictError):
        return _apply_finding(ctx, use, finding)
    return False


def _schedule(ctx: Context, use: Use) -> Use:
    """Commit the time of the next lookup before this one: a second worker then gets a `ConflictError`."""
    now, sweeps = ctx.clock(), use.sweeps + 1
    gap = next_sweep(sweeps, ctx.timing.sweep_gaps)
    with ctx.ledger.write() as connection:
        return touch_use(connection, use, now, sweeps=sweeps, sweep_at=now + gap if gap else None)


def _apply_finding(ctx: Context, use: Use, finding: Finding) -> bool:
    if finding.evidence is Evidence.ABSENT:
        return False
    unexpected = [found for found in (finding.found_id, *finding.extra_ids) if found and found != use.redemption_id]
    if use.redemption_id is not None:
        roll_back_extras(ctx, use, tuple(unexpected) if finding.is_named else ())
        return bool(unexpected) and finding.is_named
    if finding.is_named:
        return _roll_back_late_redemption(ctx, use, unexpected)
    return _refer_to_review(ctx, use)


def _roll_back_late_redemption(ctx: Context, use: Use, redemption_ids: list[str]) -> bool:
    if UseState.ROLLING_BACK not in USE_MOVES[use.state]:
        return False  # it is being resolved or rolled back already
    audit = ctx.audit("worker", "found at Omneo after it was resolved")
    facts = {"redemption_id": redemption_ids[0], "redeemed_at": audit.at, "attempts": 0, "note": audit.reason}
    with ctx.ledger.write() as connection:
        moved = move_use(connection, use, UseState.ROLLING_BACK, audit, **facts)
    roll_back_extras(ctx, moved, tuple(redemption_ids[1:]))
    return True


def _refer_to_review(ctx: Context, use: Use) -> bool:
    if use.state is not UseState.RELEASED:
        return False
    if use.attempts < _CONFIRMATIONS - 1:
        with ctx.ledger.write() as connection:
            touch_use(connection, use, ctx.clock(), attempts=use.attempts + 1)
        return False
    audit = ctx.audit("worker", "a redemption was found late that may be ours or a till's")
    with ctx.ledger.write() as connection:
        move_use(connection, use, UseState.MANUAL_REVIEW, audit, note=audit.reason, sweep_at=None)
    return True


def _sweep_claim(ctx: Context, claim: Claim) -> bool:
    now, sweeps = ctx.clock(), claim.sweeps + 1
    gap = next_sweep(sweeps, ctx.timing.sweep_gaps)
    with suppress(ConflictError, OmneoError):
        with ctx.ledger.write() as connection:
            claim = touch_claim(connection, claim, now, sweeps=sweeps, sweep_at=now + gap if gap else None)
        finding = look_up_claim(ctx, claim)
        if finding.evidence is Evidence.FOUND and claim.state is ClaimState.ABANDONED:
            audit = ctx.audit("worker", "found at Omneo after it was resolved")
            with ctx.ledger.write() as connection:
                moved = move_claim(
                    connection, claim, ClaimState.CLAIMED, audit, benefit_id=finding.found_id, sweep_at=None
                )
            ctx.send_signal(signals.benefit_claimed, claim=moved)
            return True
    return False
