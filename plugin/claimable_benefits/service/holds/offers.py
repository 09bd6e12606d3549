"""Evaluate a shopper's benefits for one cart: applied, fitting, or not fitting and why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from claimable_benefits.domain.benefits import Benefit
from claimable_benefits.domain.discounts import Discount, amount_off, discount_for
from claimable_benefits.domain.eligibility import Fit, fit
from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import LoaderError, OmneoError, StillLoading
from claimable_benefits.ledger.uses import Use, held_in_cart, uses_of_customer
from claimable_benefits.loaders import own_discount
from claimable_benefits.service.account.wallet_view import usable
from claimable_benefits.service.context import Context
from claimable_benefits.wallet.snapshot import Snapshot
from claimable_benefits.wallet.wallet_cache import WalletReading

_log = logging.getLogger("claimable_benefits")


@dataclass(frozen=True, slots=True)
class Offer:
    """A benefit evaluated for a cart. ``elsewhere``: another cart of the same shopper holds it."""

    benefit: Benefit
    policy: Policy
    discount: Discount
    fit: Fit
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """The benefit that a cart holds. Where it does not fit, the discount is zero and ``fit`` says why.

    ``held_until`` is aware, in UTC. ``instructions`` is untrusted HTML.
    """

    use_id: str
    benefit_id: str
    handle: str
    name: str
    discount: Discount
    fit: Fit
    instructions: str
    code: str | None
    held_until: datetime


@dataclass(frozen=True, slots=True)
class Offers:
    """What the checkout panel shows. ``pending`` names uses being confirmed; ``reachable`` is whether Omneo answered.

    ``is_loading``: Omneo has not answered yet, and the read goes on. ``age`` is the age of Omneo's part in seconds;
    ``ends`` are the times at which a hold or a benefit ends.
    """

    applied: Applied | None = None
    fitting: tuple[Offer, ...] = ()
    unfitting: tuple[Offer, ...] = ()
    reachable: bool = True
    pending: tuple[str, ...] = ()
    age: float = 0.0
    ends: tuple[datetime, ...] = ()
    is_loading: bool = False


def read_applied(ctx: Context, shopper: Shopper, cart: Cart) -> Applied | None:
    """Read what is applied to ``cart``, from the ledger alone."""
    with ctx.ledger.read() as connection:
        use = held_in_cart(connection, shopper.customer_id, cart.id)
    return _applied(ctx, use, cart) if use else None


@dataclass(frozen=True, slots=True)
class OffersPreview:
    """Offers that are not evaluated yet: with the same ``version``, for the same cart, they are equal.

    An empty version equals no other: the shop's own discounts may depend on anything. ``age`` as in `Offers`.
    """

    load: Callable[[], Offers]
    version: object = ()
    age: float = 0.0


def read_offers(ctx: Context, shopper: Shopper, cart: Cart) -> Offers:
    """Read everything the panel shows. Where Omneo does not answer, it still shows what is applied."""
    return preview_offers(ctx, shopper, cart).load()


def preview_offers(ctx: Context, shopper: Shopper, cart: Cart, *, wait: bool = True) -> OffersPreview:
    """As `read_offers`, for a panel that may have been rendered before. Without ``wait`` it returns at once."""
    try:
        seen = ctx.wallets.get(ctx.wallet_source, shopper, wait=wait)
    except StillLoading:
        return OffersPreview(lambda: replace(_read_offers(ctx, shopper, cart, None), is_loading=True))
    except OmneoError as error:
        _log.warning("The benefits of a checkout could not be read: %s", error)
        return OffersPreview(lambda: _read_offers(ctx, shopper, cart, None))
    # The version was read before the rows, so a change between the two makes another version.
    version = () if ctx.own_discounts else seen.version
    return OffersPreview(lambda: _read_offers(ctx, shopper, cart, seen), version, seen.age)


def _read_offers(ctx: Context, shopper: Shopper, cart: Cart, seen: WalletReading | None) -> Offers:
    with ctx.ledger.read() as connection:
        live = uses_of_customer(
            connection, shopper.customer_id, states=(UseState.HELD, UseState.REDEEMING, UseState.IN_DOUBT)
        )
    here = next((use for use in live if use.state is UseState.HELD and use.cart_id == cart.id), None)
    applied = _applied(ctx, here, cart) if here else None
    pending = tuple(use.name for use in live if use.state is not UseState.HELD)
    if seen is None:
        return Offers(applied=applied, reachable=False, pending=pending)
    offers = _offers(ctx, seen.snapshot, cart, live, here)
    ends = [use.held_until for use in live] + [offer.benefit.expires_at for offer in offers]
    return Offers(
        applied=applied,
        fitting=tuple(offer for offer in offers if offer.fit.fits),
        unfitting=tuple(offer for offer in offers if not offer.fit.fits),
        pending=pending,
        age=seen.age,
        ends=tuple(end for end in ends if end is not None),
    )


def evaluate(ctx: Context, policy: Policy, cart: Cart) -> tuple[Discount, Fit]:
    """Compute the discount of a policy on a cart, and whether it fits; zero where it does not.

    Raises `LoaderError` where the shop's own discount fails.
    """
    own = ctx.own_discounts.get(policy.handle)
    discount = amount_off(policy, cart, own_discount(own, cart, policy)) if own else discount_for(policy, cart)
    verdict = fit(policy, cart, discount)
    return (discount, verdict) if verdict.fits else (Discount(), verdict)


def _applied(ctx: Context, use: Use, cart: Cart) -> Applied:
    discount, verdict = evaluate(ctx, ctx.policy(use.definition_handle), cart)
    return Applied(
        use_id=use.use_id,
        benefit_id=use.benefit_id,
        handle=use.definition_handle,
        name=use.name,
        discount=discount,
        fit=verdict,
        instructions=use.instructions,
        code=use.code,
        held_until=use.held_until,
    )


def _offers(ctx: Context, snapshot: Snapshot, cart: Cart, live: list[Use], here: Use | None) -> list[Offer]:
    now = ctx.clock()
    busy = [use for use in live if not (use.state is UseState.HELD and use.held_until <= now)]
    offers = []
    for benefit in usable(snapshot, now):
        uses = [use for use in busy if use.benefit_id == benefit.id]
        if (here and here.benefit_id == benefit.id) or _all_in_doubt(benefit, uses):
            continue
        policy = ctx.policy(benefit.handle)
        try:
            discount, verdict = evaluate(ctx, policy, cart)
        except LoaderError:  # one bad function of the shop hides no other benefit
            _log.exception("%s is not offered.", benefit.name)
            continue
        offers.append(Offer(benefit, policy, discount, verdict, elsewhere=_none_left(benefit, uses)))
    return offers


def _none_left(benefit: Benefit, uses: list[Use]) -> bool:
    return benefit.remaining is not None and len(uses) >= benefit.remaining


def _all_in_doubt(benefit: Benefit, uses: list[Use]) -> bool:
    """Whether every remaining use may be used already: offer nothing until those uses are resolved."""
    return _none_left(benefit, uses) and not any(use.state is UseState.HELD for use in uses)
