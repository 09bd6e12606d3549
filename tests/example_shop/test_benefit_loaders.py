"""What the shop tells the extension about its orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from claimable_benefits import Order, OrderState
from example_shop import benefit_loaders
from example_shop.payments import cards
from tests.example_shop.browser import Browser
from tests.example_shop.conftest import RunningShop


def at_checkout(shop: RunningShop) -> Browser:
    """Mia in front of the button, with a shirt and her first-spend discount: $126.05."""
    browser = shop.browser("Mia Ngo", "harbour-linen-shirt")
    browser.go("/checkout")
    browser.press("Apply First Spend Discount")
    return browser


def load(shop: RunningShop, number: str) -> Order | None:
    """Ask the order loader, as the extension's worker does."""
    with shop.running.app.app_context():
        return benefit_loaders.order(number)


@pytest.mark.usefixtures("impatient")
def test_the_order_loader_resolves_a_payment_in_doubt(shop: RunningShop) -> None:
    at_checkout(shop).press("Place order", card=cards.LATE_CAPTURE)
    number = shop.payment_references()[0]
    early = load(shop, number)
    shop.pass_time(2)
    resolved = load(shop, number)

    assert early == Order(number, OrderState.UNKNOWN)
    assert resolved is not None
    assert resolved.state is OrderState.PAID
    assert resolved.transaction is not None
    items = resolved.transaction.items
    assert Decimal("126.05") == resolved.transaction.total == sum(item.price_paid for item in items)


def test_the_order_loader_tells_open_from_cancelled_from_unheard_of(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    number = shop.payment_references()[0]
    waiting = load(shop, number)
    browser.press("Decline payment")
    declined, unheard_of = load(shop, number), load(shop, "FT-UNKNOWN")

    assert waiting == Order(number, OrderState.OPEN)
    assert declined == Order(number, OrderState.CANCELLED)
    assert unheard_of is None


def test_the_orders_loader_gives_the_paid_and_cancelled_orders_of_a_period(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.DECLINED)
    browser.press("Place order", card=cards.APPROVED)
    browser.go("/products/tideline-mug")
    browser.press("Add to cart")
    browser.go("/checkout")
    browser.press("Place order", card=cards.REDIRECT)
    declined, paid, _waiting = shop.payment_references()
    now = datetime.now(UTC)
    with shop.running.app.app_context():
        found = list(benefit_loaders.orders(now - timedelta(hours=1), now))
        ages_ago = list(benefit_loaders.orders(now - timedelta(days=100), now - timedelta(hours=1)))

    assert [(each.number, each.state) for each in found] == [
        (declined, OrderState.CANCELLED),
        (paid, OrderState.PAID),
    ]
    assert found[1].transaction is not None
    assert found[1].transaction.total == Decimal("126.05")
    assert ages_ago == []


def test_reconciliation_of_the_shop_finds_nothing(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.DECLINED)
    browser.press("Place order", card=cards.APPROVED)
    shop.work()
    result = shop.running.app.test_cli_runner().invoke(args=["benefits", "reconcile"])

    assert result.exit_code == 0, result.output
    assert "orders_loader" not in result.output
