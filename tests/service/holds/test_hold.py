"""Applying a benefit to a cart reserves it in the shop, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.errors import Declined
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.holds.offers import Offers, read_applied, read_offers
from claimable_benefits.service.holds.release import release, release_overdue
from tests.service.conftest import CART, LEO, MIA, ServiceHarness

OTHER = replace(CART, id="cart-2")


def own(harness: ServiceHarness, handle: str, shopper: Shopper = MIA) -> str:
    found = read_wallet(harness.ctx, shopper).holds(handle)
    assert found is not None
    return found.id


def names(offers: Offers) -> tuple[set[str], set[str]]:
    return {o.benefit.handle for o in offers.fitting}, {o.benefit.handle for o in offers.unfitting}


def test_applying_sends_nothing_to_omneo_but_reads(harness: ServiceHarness) -> None:
    hold(harness.ctx, MIA, CART, own(harness, "first-spend"))

    assert {method for method, _ in harness.wire.seen} == {"GET"}


def test_the_discount_is_the_policys(harness: ServiceHarness) -> None:
    hold(harness.ctx, MIA, CART, own(harness, "first-spend"))

    applied = read_applied(harness.ctx, MIA, CART)

    assert applied is not None
    assert applied.discount.amount == Decimal("10.00")


def test_applying_twice_changes_nothing_and_says_so(harness: ServiceHarness) -> None:
    first = hold(harness.ctx, MIA, CART, own(harness, "first-spend"))
    second = hold(harness.ctx, MIA, CART, own(harness, "first-spend"))

    assert (second.already, second.use_id) == (True, first.use_id)


def test_another_benefit_replaces_the_one_that_was_applied(harness: ServiceHarness) -> None:
    hold(harness.ctx, MIA, CART, own(harness, "first-spend"))

    second = hold(harness.ctx, MIA, CART, own(harness, "alterations"))

    applied = read_applied(harness.ctx, MIA, CART)
    assert second.replaced == "First Spend Discount"
    assert applied is not None
    assert applied.handle == "alterations"


def test_a_benefit_held_in_another_cart_moves_only_when_asked(harness: ServiceHarness) -> None:
    hold(harness.ctx, MIA, CART, own(harness, "first-spend"))
    elsewhere = {o.benefit.handle for o in read_offers(harness.ctx, MIA, OTHER).fitting if o.elsewhere}

    with pytest.raises(Declined) as refused:
        hold(harness.ctx, MIA, OTHER, own(harness, "first-spend"))
    hold(harness.ctx, MIA, OTHER, own(harness, "first-spend"), move=True)

    assert elsewhere == {"first-spend"}
    assert refused.value.reason == "in_another_cart"
    assert read_applied(harness.ctx, MIA, CART) is None
    assert read_applied(harness.ctx, MIA, OTHER) is not None


def test_several_uses_can_be_held_in_as_many_carts(harness: ServiceHarness) -> None:
    benefit_id = own(harness, "alterations")

    for number in range(3):
        hold(harness.ctx, MIA, replace(CART, id=f"cart-{number}"), benefit_id)
    with pytest.raises(Declined) as refused:
        hold(harness.ctx, MIA, replace(CART, id="cart-4"), benefit_id)

    assert refused.value.reason == "in_another_cart"


def test_removing_gives_it_back_at_once(harness: ServiceHarness) -> None:
    benefit_id = own(harness, "first-spend")
    hold(harness.ctx, MIA, CART, benefit_id)

    removed = release(harness.ctx, MIA, CART, benefit_id)
    again = release(harness.ctx, MIA, CART, benefit_id)

    assert (removed, again) == ("First Spend Discount", None)
    assert hold(harness.ctx, MIA, OTHER, benefit_id).already is False


def test_a_hold_ends_with_its_time(harness: ServiceHarness) -> None:
    hold(harness.ctx, MIA, CART, own(harness, "first-spend"))

    harness.clock.forward(minutes=29)
    before = release_overdue(harness.ctx)
    harness.clock.forward(minutes=2)
    after = release_overdue(harness.ctx)

    assert (before, after) == (0, 1)
    assert read_applied(harness.ctx, MIA, CART) is None


def test_an_overdue_hold_does_not_block_another_cart(harness: ServiceHarness) -> None:
    benefit_id = own(harness, "first-spend")
    hold(harness.ctx, MIA, CART, benefit_id)

    harness.clock.forward(minutes=31)

    assert hold(harness.ctx, MIA, OTHER, benefit_id).already is False


def test_somebody_elses_benefit_is_unknown(harness: ServiceHarness) -> None:
    with pytest.raises(Declined) as refused:
        hold(harness.ctx, LEO, CART, own(harness, "first-spend"))

    assert refused.value.reason == "unknown_benefit"


def test_what_does_not_fit_is_not_held(harness: ServiceHarness) -> None:
    with pytest.raises(Declined) as refused:
        hold(harness.ctx, MIA, CART, own(harness, "barista-coffee"))

    assert refused.value.reason == "no_longer_fits"


def test_the_panel_sorts_what_fits_from_what_does_not(harness: ServiceHarness) -> None:
    fitting, unfitting = names(read_offers(harness.ctx, MIA, CART))

    assert fitting == {"first-spend", "alterations"}
    assert unfitting == {"barista-coffee", "birthday-gift"}


def test_a_cart_that_no_longer_fits_brings_no_discount_and_says_why(harness: ServiceHarness) -> None:
    hold(harness.ctx, MIA, CART, own(harness, "first-spend"))
    emptied = Cart(CART.id, (), "AUD")

    applied = read_applied(harness.ctx, MIA, emptied)

    assert applied is not None
    assert applied.discount.amount == 0
    assert applied.fit.misfit == "empty_cart"


def test_omneo_down_leaves_what_is_applied_on_the_panel(harness: ServiceHarness) -> None:
    hold(harness.ctx, MIA, CART, own(harness, "first-spend"))
    harness.wire.fail("GET", "/", "refused", times=99)

    offers = read_offers(harness.ctx, MIA, CART)

    assert offers.reachable is False
    assert offers.applied is not None
