"""Whether a benefit fits a cart, and why not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from claimable_benefits.domain.discounts import discount_for
from claimable_benefits.domain.eligibility import Fit, Misfit, fit
from claimable_benefits.domain.policy import DiscountKind, Money, Place, Policy
from claimable_benefits.domain.shop import Cart, Line


def aud(amount: str | int) -> Money:
    return Money((("AUD", Decimal(amount)),))


SHIRT = Line("shirt", "Linen shirt", 2, Decimal("25.00"), frozenset({"clothing"}))
CARD = Line("card", "Gift card", 1, Decimal("50.00"), frozenset({"gift-card"}))
FREEBIE = Line("bag", "Tote bag", 1, Decimal(0))
CART = Cart("c", (SHIRT,), "AUD", Decimal("9.95"))
TEN = Policy("ten", DiscountKind.PERCENT, Decimal(10), used_at=frozenset({Place.CHECKOUT}))


def judged(policy: Policy, cart: Cart) -> Fit:
    return fit(policy, cart, discount_for(policy, cart))


def used_at(*places: Place) -> Policy:
    return replace(TEN, used_at=frozenset(places))


SHIPPING = Policy("ship", DiscountKind.SHIPPING, used_at=frozenset({Place.CHECKOUT}))
SERVICE = Policy("service", used_at=frozenset({Place.CHECKOUT}))

MISFITS: dict[Misfit, tuple[Policy, Cart]] = {
    Misfit.STORE_ONLY: (used_at(Place.STORE), CART),
    Misfit.NOT_ONLINE: (used_at(), CART),
    Misfit.ACCOUNT_ONLY: (used_at(Place.ACCOUNT, Place.STORE), CART),
    Misfit.EMPTY_CART: (TEN, replace(CART, lines=())),
    Misfit.OTHER_CURRENCY: (replace(TEN, minimum=aud(10)), replace(CART, currency="JPY")),
    Misfit.BELOW_MINIMUM: (replace(TEN, minimum=aud("50.01")), CART),
    Misfit.NO_MATCHING_ITEM: (replace(TEN, excludes=frozenset({"gift-card"})), replace(CART, lines=(CARD,))),
    Misfit.SHIPPING_IS_FREE: (SHIPPING, replace(CART, shipping=Decimal(0))),
    Misfit.NOTHING_TO_TAKE_OFF: (TEN, replace(CART, lines=(FREEBIE,))),
}


@pytest.mark.parametrize("misfit", Misfit)
def test_every_misfit_has_its_cart(misfit: Misfit) -> None:
    found = judged(*MISFITS[misfit])

    assert (misfit, False) == (found.misfit, found.fits)


def test_what_is_used_as_it_is_claimed_is_sent_to_the_account_where_it_is_held_after_all() -> None:
    assert judged(used_at(Place.CLAIM), CART).misfit is Misfit.ACCOUNT_ONLY


def test_what_is_missing_is_said() -> None:
    found = judged(replace(TEN, minimum=aud("80.50")), CART)

    assert Fit(Misfit.BELOW_MINIMUM, Decimal("30.50")) == found


FITS: dict[str, tuple[Policy, Cart]] = {
    "a percentage of a priced line": (TEN, CART),
    "exactly the minimum": (replace(TEN, minimum=aud("50.00")), CART),
    "one matching line among others": (
        replace(TEN, excludes=frozenset({"gift-card"})),
        replace(CART, lines=(CARD, SHIRT)),
    ),
    "shipping with a price": (SHIPPING, CART),
    "shipping that is not chosen yet": (SHIPPING, replace(CART, shipping=None)),
    "a service that costs nothing": (SERVICE, CART),
    "a service with a free item": (SERVICE, replace(CART, lines=(FREEBIE,))),
    "used in checkout and elsewhere": (used_at(Place.CHECKOUT, Place.STORE), CART),
}


@pytest.mark.parametrize(("policy", "cart"), FITS.values(), ids=FITS)
def test_it_fits(policy: Policy, cart: Cart) -> None:
    assert Fit() == judged(policy, cart)


def test_a_policy_without_a_place_is_used_nowhere_online() -> None:
    assert judged(Policy("unknown"), CART).misfit is Misfit.NOT_ONLINE


def test_an_empty_cart_is_named_before_its_minimum() -> None:
    found = judged(replace(TEN, minimum=aud(100)), replace(CART, lines=()))

    assert found.misfit is Misfit.EMPTY_CART


FIVE_OFF = Policy("five", DiscountKind.AMOUNT, amount=aud(5), used_at=frozenset({Place.CHECKOUT}))


def test_five_dollars_are_not_five_yen_off() -> None:
    yen = replace(CART, currency="JPY")

    assert judged(FIVE_OFF, yen) == Fit(Misfit.OTHER_CURRENCY)
    assert judged(FIVE_OFF, CART).fits


def test_a_minimum_in_dollars_is_not_compared_with_yen() -> None:
    assert judged(replace(TEN, minimum=aud(1)), replace(CART, currency="JPY")).misfit is Misfit.OTHER_CURRENCY


def test_a_percentage_without_a_minimum_takes_every_currency() -> None:
    assert judged(TEN, replace(CART, currency="JPY")).fits


def test_a_table_by_currency_takes_each_of_its_currencies() -> None:
    both = replace(FIVE_OFF, amount=Money((("AUD", Decimal(5)), ("JPY", Decimal(500)))))

    assert judged(both, CART).fits
    assert judged(both, replace(CART, currency="JPY")).fits
    assert judged(both, replace(CART, currency="NZD")).misfit is Misfit.OTHER_CURRENCY


@pytest.mark.parametrize("shipping", ["-4.95", "0.00", "0.004"])
def test_shipping_that_costs_nothing_is_free_already(shipping: str) -> None:
    assert judged(SHIPPING, replace(CART, shipping=Decimal(shipping))).misfit is Misfit.SHIPPING_IS_FREE
