"""Apply a benefit to a cart: a hold in the ledger. Omneo is not asked, and the hold can be dropped at any time."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection

from claimable_benefits.domain.benefits import Benefit
from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError, Declined
from claimable_benefits.ledger.uses import held_in_cart, move_use
from claimable_benefits.service.account.wallet_view import Wallet, read_wallet, remembered_wallet
from claimable_benefits.service.context import Context, shopper_actor
from claimable_benefits.service.holds.offers import evaluate
from claimable_benefits.service.holds.slots import take_slot


@dataclass(frozen=True, slots=True)
class Hold:
    """The outcome of a hold. ``already``: the cart held it before; ``replaced`` names the benefit it replaced."""

    name: str
    use_id: str
    already: bool = False
    replaced: str | None = None


def hold(ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str, *, move: bool = False) -> Hold:
    """Hold the shopper's benefit for ``cart``; with ``move``, take it out of another cart of theirs.

    Raises `Declined` where it is not theirs, does not fit, or is in use elsewhere, and `OmneoError`.
    """
    wallet = _wallet_with(ctx, shopper, benefit_id)
    held = wallet.benefit(benefit_id)
    if held is None or wallet.profile_id is None:
        raise Declined("unknown_benefit", "This benefit is not available any more.")
    if not evaluate(ctx, held.policy, cart)[1].fits:
        raise Declined("no_longer_fits", f"{held.benefit.name} does not fit this cart.")
    try:
        with ctx.ledger.write() as connection:
            return _hold(ctx, connection, shopper, wallet.profile_id, cart, held.benefit, move=move)
    except ConflictError:
        sentence = f"{held.benefit.name} is being used elsewhere at this moment. Please try again."
        raise Declined("in_another_cart", sentence) from None


def _wallet_with(ctx: Context, shopper: Shopper, benefit_id: str) -> Wallet:
    """The cached wallet is enough for a hold; a benefit that is missing there may be newer, so ask Omneo."""
    wallet = remembered_wallet(ctx, shopper)
    return wallet if wallet.benefit(benefit_id) else read_wallet(ctx, shopper)


def _hold(
    ctx: Context, connection: Connection, shopper: Shopper, profile_id: str, cart: Cart, benefit: Benefit, *, move: bool
) -> Hold:
    current = held_in_cart(connection, shopper.customer_id, cart.id)
    if current and current.benefit_id == benefit.id:
        return Hold(benefit.name, current.use_id, already=True)
    if current:
        move_use(
            connection, current, UseState.RELEASED, ctx.audit(shopper_actor(shopper), f"replaced by {benefit.name}")
        )
    audit = ctx.audit(shopper_actor(shopper), f"applied to cart {cart.id}")
    use_id = str(uuid4())
    take_slot(
        ctx,
        connection,
        shopper,
        profile_id,
        benefit,
        audit,
        move=move,
        use_id=use_id,
        channel="checkout",
        cart_id=cart.id,
    )
    return Hold(benefit.name, use_id, replaced=current.name if current else None)
