"""Follow a profile that was merged into another one at Omneo while a use of its benefit was under way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from claimable_benefits.domain.evidence import Finding
from claimable_benefits.errors import ConflictError, Rejected
from claimable_benefits.ledger.uses import Use, live_uses_of, touch_use
from claimable_benefits.service.context import Context
from claimable_benefits.service.holds.slots import free_slot
from claimable_benefits.wallet.profile_id import remember_profile

_log = logging.getLogger("claimable_benefits")


def follow_merged_profile(ctx: Context, use: Use, refusal: Rejected) -> Use | None:
    """Return the use under the profile that the customer has now, to be sent again; None where nothing is to follow.

    Omneo no longer knows a merged profile, and answers 404 (Omneo facts 2): nothing was applied. The identity leads to
    the profile that has the benefits now. Raises `OmneoError` where that cannot be read.
    """
    if refusal.status != HTTPStatus.NOT_FOUND:
        return None
    with ctx.omneo.within(ctx.timing.lookup_seconds * 2):
        profile_id = ctx.omneo.profile_id(use.customer_id)
        if profile_id is None or profile_id == use.profile_id:
            return None
        benefit = ctx.omneo.benefit(profile_id, use.benefit_id)
    if benefit is None:
        return None
    remember_profile(ctx.wallet_source, use.customer_id, profile_id)
    ctx.wallets.forget(profile_id)
    now = ctx.clock()
    _log.info("Use %s follows its customer's profile, which was merged at Omneo.", use.use_id)
    with suppress(ConflictError), ctx.ledger.write() as connection:
        return touch_use(
            connection,
            use,
            now,
            profile_id=profile_id,
            slot=free_slot(live_uses_of(connection, profile_id, use.benefit_id)),
            baseline_remaining=benefit.remaining,
            sent_at=now,
            lease_until=now + ctx.timing.lease,
            note="the profile was merged into another one at Omneo",
        )
    return None


def look_up_and_follow(ctx: Context, use: Use, look_up: Callable[[Context, Use], Finding]) -> tuple[Use, Finding]:
    """Look a use up, once more under the profile that its customer has now; return it as it is then, and the finding.

    Raises what ``look_up`` raises, and `ConflictError` where the use has moved meanwhile.
    """
    try:
        return use, look_up(ctx, use)
    except Rejected as refusal:
        followed = _follow_for_lookup(ctx, use, refusal)
        if followed is None:
            raise
        return followed, look_up(ctx, followed)


def _follow_for_lookup(ctx: Context, use: Use, refusal: Rejected) -> Use | None:
    """Put a use that cannot be looked up under the profile that the customer has now; None where nothing is to follow.

    Omneo answers 404 for the lists of a merged profile, and its redemptions are the other one's (Omneo facts 2). Raises
    `OmneoError` where the identity cannot be read, and `ConflictError` where the use has moved meanwhile.
    """
    if refusal.status != HTTPStatus.NOT_FOUND:
        return None
    profile_id = ctx.omneo.profile_id(use.customer_id)
    if profile_id is None or profile_id == use.profile_id:
        return None
    remember_profile(ctx.wallet_source, use.customer_id, profile_id)
    ctx.wallets.forget(profile_id)
    _log.info("Use %s is looked up under the profile into which its customer's was merged.", use.use_id)
    with ctx.ledger.write() as connection:
        slot = free_slot(live_uses_of(connection, profile_id, use.benefit_id))
        return touch_use(connection, use, ctx.clock(), profile_id=profile_id, slot=slot)
