"""Claim a benefit and use it in one call, for what is consumed as it is claimed (Omneo facts 7).

A competition entry or an RSVP: the policy says ``used_at = "claim"``. The ledger records it as a use; until Omneo has
made the benefit, the definition takes its place. So a lost answer and a second click end in the same row.
"""

from __future__ import annotations

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.policy import Place
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError, Declined
from claimable_benefits.ledger.uses import uses_of_customer
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.context import Context, shopper_actor
from claimable_benefits.service.holds.slots import take_slot
from claimable_benefits.service.redemption.execution import execute
from claimable_benefits.service.redemption.redeem import Used, find_use, record_intent, repeated_outcome

_MADE = (UseState.REDEEMING, UseState.IN_DOUBT, UseState.REDEEMED, UseState.CONSUMED)


def claim_and_redeem(ctx: Context, shopper: Shopper, handle: str, use_id: str) -> Used:
    """Claim the definition ``handle`` and use it. ``use_id`` comes from the form: a second click does nothing.

    Raises `Declined` (``not_claimable``, ``benefit_gone``, ``not_confirmed``, ``loyalty_unavailable``), and
    `OmneoError` where the benefits cannot be read.
    """
    if known := find_use(ctx, shopper, use_id):
        return repeated_outcome(known)
    wallet = read_wallet(ctx, shopper)
    definition = wallet.definition(handle)
    if definition is None or Place.CLAIM not in ctx.policy(handle).used_at:
        return _earlier(ctx, shopper, handle)
    audit = ctx.audit(shopper_actor(shopper), "claimed and used in one step")
    try:
        with ctx.ledger.write() as connection:
            use = take_slot(
                ctx,
                connection,
                shopper,
                wallet.profile_id or "",
                _to_be_claimed(definition),
                audit,
                use_id=use_id,
                channel="claim",
                cart_id=f"claim {use_id}",
            )
            use = record_intent(ctx, connection, use, audit.actor, audit.reason)
    except ConflictError:
        if known := find_use(ctx, shopper, use_id):
            return repeated_outcome(known)
        raise Declined("not_confirmed", f"{definition.name} is being claimed at this moment.") from None
    return Used(execute(ctx, use, audit.actor, then=UseState.CONSUMED))


def _earlier(ctx: Context, shopper: Shopper, handle: str) -> Used:
    """Return the outcome of an earlier click, in another tab or an hour ago."""
    with ctx.ledger.read() as connection:
        made = uses_of_customer(connection, shopper.customer_id, states=_MADE)
    for use in reversed(made):
        if (use.channel, use.definition_handle) == ("claim", handle):
            return Used(use, already=True)
    raise Declined("not_claimable", "This benefit cannot be claimed any more.")


def _to_be_claimed(definition: Definition) -> Benefit:
    """The benefit that the claim will make, as far as it is known: one use of this definition."""
    return Benefit(f"claim of {definition.handle}", definition, remaining=1)
