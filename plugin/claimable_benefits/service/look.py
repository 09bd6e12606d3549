"""Look for the trace of a request whose answer was lost. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.lookup import (
    SKEW,
    UNCLEAR,
    Finding,
    Sent,
    Trace,
    find_by_reference,
    find_by_witness,
    find_claimed,
    find_undo,
)
from claimable_benefits.errors import Malformed, Rejected
from claimable_benefits.ledger.claims import Claim
from claimable_benefits.ledger.tables import claims, uses
from claimable_benefits.ledger.uses import Use
from claimable_benefits.service.context import Context


def look_for_redemption(ctx: Context, use: Use) -> Finding:
    """Whether Omneo has a redemption for this use. Raises `OmneoError` where it cannot be asked.

    Our reference decides where the tenant keeps references and filters by them; else the profile's own redemptions and
    the uses left bear witness.
    """
    sent_at = use.sent_at or use.updated_at
    sent = Sent(
        reference=use.reference,
        benefit_id=use.benefit_id,
        at=sent_at,
        settle=ctx.timing.settle,
        baseline_remaining=use.baseline_remaining,
        owned=_owned_redemptions(ctx, use),
    )
    named = _named(ctx, use)
    if named is not None:
        finding = find_by_reference(sent, named)
        if finding.trace is Trace.FOUND or ctx.omneo.keeps_references():
            return finding
    finding = _witnessed(ctx, use, sent)
    doubly_doubtful = named is not None and ctx.omneo.keeps_references() is None
    return UNCLEAR if doubly_doubtful and finding.trace is Trace.FOUND else finding


def _named(ctx: Context, use: Use) -> Sequence[Redemption] | None:
    """What bears our reference; None where the tenant cannot be asked for it."""
    try:
        return ctx.omneo.redemptions_by_reference(use.reference)
    except (Rejected, Malformed):
        return None


def _witnessed(ctx: Context, use: Use, sent: Sent) -> Finding:
    recent = ctx.omneo.redemptions(use.profile_id, until=sent.at - SKEW)
    benefit = ctx.omneo.benefit(use.profile_id, use.benefit_id)
    return find_by_witness(sent, recent, benefit.remaining if benefit else None, readable=benefit is not None)


def look_for_undo(ctx: Context, use: Use) -> Finding:
    """Whether a reversal or return of this use has appeared at Omneo since it was asked for."""
    sent_at = use.undo_sent_at or use.updated_at
    recent = ctx.omneo.redemptions(use.profile_id, until=sent_at - SKEW)
    return find_undo(use.benefit_id, sent_at, recent, _owned_redemptions(ctx, use))


def look_for_claim(ctx: Context, claim: Claim) -> Finding:
    """Whether the benefit that this claim asked for is there."""
    held = ctx.omneo.benefits(claim.profile_id)
    with ctx.ledger.read() as connection:
        query = select(claims.c.benefit_id).where(
            claims.c.profile_id == claim.profile_id, claims.c.benefit_id.is_not(None)
        )
        owned = {str(row.benefit_id) for row in connection.execute(query)}
    return find_claimed(claim.reference, claim.definition_handle, claim.sent_at, held, owned)


def _owned_redemptions(ctx: Context, use: Use) -> set[str]:
    with ctx.ledger.read() as connection:
        query = select(uses.c.redemption_id).where(
            uses.c.profile_id == use.profile_id, uses.c.redemption_id.is_not(None), uses.c.use_id != use.use_id
        )
        return {str(row.redemption_id) for row in connection.execute(query)}
