"""Look up at Omneo what became of a request whose answer was lost. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.evidence import (
    SKEW,
    UNCLEAR,
    Evidence,
    Finding,
    SentUse,
    find_by_reference,
    find_by_remaining_uses,
    find_claimed,
    find_claimed_use,
    find_rollback,
)
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import InvalidResponse, Rejected
from claimable_benefits.ledger.claims import Claim, claimed_ids
from claimable_benefits.ledger.uses import Use, concurrent_rollbacks, owned_ids, unanswered_uses_of
from claimable_benefits.service.context import Context


def look_up_redemption(ctx: Context, use: Use) -> Finding:
    """Look up whether Omneo has a redemption for this use. Raises `OmneoError` where it cannot be asked.

    Our reference decides where the tenant keeps references and filters by them; else the profile's redemptions and the
    remaining uses are the evidence.
    """
    if use.channel == "claim":
        return _look_up_claimed_use(ctx, use)
    sent_at = use.sent_at or use.updated_at
    # A released use is looked up until now: its request may have arrived later than an answer could be expected.
    window = ctx.clock() - sent_at if use.state is UseState.RELEASED else ctx.timing.trust_absence_after
    sent = SentUse(
        reference=use.reference,
        benefit_id=use.benefit_id,
        at=_sent_at(ctx, sent_at),
        trust_absence_after=window,
        baseline_remaining=use.baseline_remaining,
        owned=_owned(ctx, use, "redemption_id"),
    )
    named = _named(ctx, use)
    if named is not None:
        finding = find_by_reference(sent, named)
        if finding.evidence is Evidence.FOUND or ctx.omneo.keeps_references():
            return finding
    finding = _by_remaining_uses(ctx, use, sent)
    doubly_doubtful = named is not None and ctx.omneo.keeps_references() is None
    is_ours = not doubly_doubtful and not _others_unanswered(ctx, use)
    return UNCLEAR if finding.evidence is Evidence.FOUND and not is_ours else finding


def _named(ctx: Context, use: Use) -> Sequence[Redemption] | None:
    """Read the redemptions with our reference; None where the tenant cannot filter by it."""
    try:
        return ctx.omneo.redemptions_by_reference(use.reference)
    except (Rejected, InvalidResponse):
        return None


def _by_remaining_uses(ctx: Context, use: Use, sent: SentUse) -> Finding:
    recent = ctx.omneo.redemptions(use.profile_id, until=sent.at - SKEW)
    benefit = ctx.omneo.benefit(use.profile_id, use.benefit_id)
    return find_by_remaining_uses(sent, recent, benefit.remaining if benefit else None, readable=benefit is not None)


def _others_unanswered(ctx: Context, use: Use) -> bool:
    """Whether another use of the same benefit has no answer yet: remaining uses cannot tell the two apart."""
    with ctx.ledger.read() as connection:
        unanswered = unanswered_uses_of(connection, use.profile_id, use.benefit_id)
    return any(other.use_id != use.use_id for other in unanswered)


def _look_up_claimed_use(ctx: Context, use: Use) -> Finding:
    sent_at = _sent_at(ctx, use.sent_at or use.updated_at)
    recent = ctx.omneo.redemptions(use.profile_id, until=sent_at - SKEW)
    owned = _owned(ctx, use, "redemption_id")
    return find_claimed_use(use.reference, use.definition_handle, sent_at, recent, owned)


def look_up_rollback(ctx: Context, use: Use, *, ever: bool = False) -> Finding:
    """Look up whether a reversal or return of this use has appeared at Omneo since the extension asked for it.

    ``ever`` is for a redemption that Omneo refuses to roll back: then one of any age counts. Raises `OmneoError`.
    """
    sent_at = use.rollback_sent_at or use.updated_at
    since = None if ever else _sent_at(ctx, sent_at)
    recent = ctx.omneo.redemptions(use.profile_id, until=None if since is None else since - SKEW)
    # Read after the list: a concurrent rollback that the list shows was committed before its call went out.
    with ctx.ledger.read() as connection:
        concurrent = 0 if ever else len(concurrent_rollbacks(connection, use, sent_at - 2 * SKEW))
    return find_rollback(use.benefit_id, since, recent, _owned(ctx, use, "rollback_id"), concurrent=concurrent)


def look_up_claim(ctx: Context, claim: Claim) -> Finding:
    """Look up whether Omneo has the benefit that this claim asked for. Raises `OmneoError`."""
    try:
        held, problem = ctx.omneo.benefits(claim.profile_id, every=True), None
    except InvalidResponse as error:  # one benefit of theirs may be unreadable, and ours beside it
        held, problem = ctx.omneo.benefits(claim.profile_id), error
    with ctx.ledger.read() as connection:
        owned = claimed_ids(connection, claim.profile_id)
    finding = find_claimed(claim.reference, claim.definition_handle, _sent_at(ctx, claim.sent_at), held, owned)
    if problem is not None and finding.evidence is not Evidence.FOUND:
        raise problem
    return finding


def _sent_at(ctx: Context, at: datetime) -> datetime:
    """Convert to Omneo's clock, which stamps the evidence: ours may be wrong by an hour."""
    return at + ctx.omneo.clock_ahead_of(ctx.clock())


def _owned(ctx: Context, use: Use, column: str) -> set[str]:
    with ctx.ledger.read() as connection:
        return owned_ids(connection, use, column)
