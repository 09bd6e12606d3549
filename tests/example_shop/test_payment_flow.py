"""Placing an order: the shopper pays what they saw or nothing, whatever the payment does, and keeps their benefit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from example_shop.extensions import benefits
from example_shop.payments import cards
from tests.example_shop.browser import Browser, Page, at_once
from tests.example_shop.conftest import RunningShop

SHIRT = "harbour-linen-shirt"
FIRST_SPEND = "First Spend Discount"


def at_checkout(shop: RunningShop, shopper: str = "Mia Ngo", benefit: str | None = FIRST_SPEND) -> Browser:
    """A shopper in front of the button: a shirt, standard shipping, and a benefit applied (first spend: $126.05)."""
    browser = shop.browser(shopper, SHIRT)
    browser.go("/checkout")
    if benefit:
        browser.press(f"Apply {benefit}")
    return browser


def number_of(page: Page) -> str:
    """The order number in a page's address."""
    return page.url.split("/orders/")[1].split("/")[0]


def remaining(shop: RunningShop, customer: str = "1001", handle: str = "first-spend") -> int:
    """How often the benefit may still be used, according to Omneo."""
    held = shop.benefits_of(customer).get(handle)  # Omneo lists what is active
    return int(held["redemptions_remaining"]) if held else 0


def test_an_approved_card_pays_uses_the_benefit_and_shows_both(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    page = browser.press("Place order", card=cards.APPROVED)
    payment = shop.payments(number_of(page))[0]

    assert "Thank you, Mia" in page.text
    assert "Benefit used First Spend Discount It took $12.90 off this order." in page.text
    assert "Your code: FIRST10" in page.text
    assert (payment["status"], payment["amount"]) == ("captured", 12605)
    assert remaining(shop) == 0
    assert "Cart 0" in page.text


def test_the_sale_reaches_omneo_with_its_redemption(make_shop: Callable[..., RunningShop]) -> None:
    shop = make_shop(BENEFITS_WORKER="embedded")
    browser = at_checkout(shop)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    browser.reload_until("Recorded with the loyalty programme", f"/orders/{number}")
    sale = shop.omneo("GET", f"/transactions/external/{number}")["data"]

    assert "Loyalty record Benefit First Spend Discount" in browser.page.text
    assert f"Redemption {sale['redemption']['id']} Delivered" in browser.page.text
    assert (float(sale["total"]), float(sale["total_original"])) == (126.05, 138.95)
    assert {SHIRT, "delivery"} == {item["sku"] for item in sale["items"]}


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        (cards.DECLINED, "Your card was declined."),
        (cards.CAPTURE_DECLINED, "Your bank declined the payment."),
        (cards.LATE_AUTHORISE, "Our payment provider did not answer in time."),
    ],
)
def test_a_card_that_fails_costs_nothing_and_another_one_works_at_once(
    shop: RunningShop, card: str, sentence: str, request: pytest.FixtureRequest
) -> None:
    if card == cards.LATE_AUTHORISE:
        request.getfixturevalue("impatient")
    browser = at_checkout(shop)
    page = browser.press("Place order", card=card)
    left = remaining(shop)
    paid = browser.press("Place order", card=cards.APPROVED)

    assert page.url.endswith("/checkout")
    assert sentence in page.text
    assert "You have not been charged" in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert left == 1
    assert "Thank you, Mia" in paid.text
    assert "$126.05" in paid.text
    assert remaining(shop) == 0


@pytest.mark.usefixtures("impatient")
def test_the_money_reserved_by_a_card_that_fails_later_is_released(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.CAPTURE_DECLINED)
    browser.press("Place order", card=cards.LATE_AUTHORISE)
    states = shop.payment_states()

    assert states == ["voided", "voided"]


@pytest.mark.usefixtures("impatient")
def test_a_capture_that_answers_late_is_confirmed_and_paid_once(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    page = browser.press("Place order", card=cards.LATE_CAPTURE)
    shop.pass_time(2)
    resolved = browser.go(page.url)

    assert f"Your payment for order {number_of(page)} is being confirmed" in page.text
    assert page.headers["Refresh"] == "2"
    assert "Cart 0" in page.text
    assert "Thank you, Mia" in resolved.text
    assert shop.payment_states() == ["captured"]
    assert remaining(shop) == 0


def test_a_benefit_used_at_the_till_meanwhile_is_refused_before_any_money_moves(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    shop.redeem_at_the_till("1001", "first-spend")
    page = browser.press("Place order", card=cards.APPROVED)

    assert "First Spend Discount is not available any more" in page.text
    assert "The total was $126.05 and is now $138.95." in page.text
    assert "Total $138.95" in page.text
    assert shop.payment_states() == ["voided"]
    assert "Thank you, Mia" in browser.press("Place order", card=cards.APPROVED).text


def test_a_second_click_on_place_order_places_one_order(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    first, second = browser.press_twice("Place order", card=cards.APPROVED)

    assert number_of(first) == number_of(second)
    assert "Thank you, Mia" in browser.reload_while("being confirmed", second.url).text
    assert shop.payment_states() == ["captured"]
    assert remaining(shop) == 0


def test_two_tabs_place_one_order(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    tab = shop.browser()
    tab.session.cookies.update(browser.session.cookies)
    tab.go("/checkout")
    at_once(
        lambda: browser.send("Place order", {"card": cards.APPROVED}),
        lambda: tab.send("Place order", {"card": cards.APPROVED}),
    )

    assert shop.payment_states() == ["captured"]


def test_a_page_sent_again_after_the_order_is_paid_lands_on_the_same_order(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    form = browser.page
    first = browser.press("Place order", card=cards.APPROVED)
    browser.page = form
    again = browser.press("Place order", card=cards.APPROVED)

    assert first.url == again.url
    assert shop.payment_states() == ["captured"]


def test_a_payment_approved_at_the_bank_is_paid(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    asked = browser.press("Place order", card=cards.REDIRECT)
    left = remaining(shop)
    page = browser.press("Approve payment")

    assert asked.url.startswith(shop.running.payments_url)
    assert "$126.05" in asked.text
    assert left == 1
    assert "Thank you, Mia" in page.text
    assert remaining(shop) == 0


def test_a_payment_declined_at_the_bank_changes_nothing(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    page = browser.press("Decline payment")

    assert "You have not been charged, because the payment was not approved." in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert remaining(shop) == 1


def test_a_payment_that_fails_after_its_approval_rolls_the_benefit_back_at_once(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT_THEN_DECLINED)
    page = browser.press("Approve payment")

    assert "Your bank declined the payment. You have not been charged" in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert shop.payment_states() == ["voided"]
    assert remaining(shop) == 1


def test_a_benefit_used_at_the_till_while_the_bank_asks_is_refused_before_any_money_moves(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    shop.redeem_at_the_till("1001", "first-spend")
    page = browser.press("Approve payment")

    assert "The total was $126.05 and is now $138.95." in page.text
    assert shop.payment_states() == ["voided"]


def test_two_returns_from_the_bank_at_the_same_time_pay_once(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    asked = browser.press("Place order", card=cards.REDIRECT)
    requests.post(asked.url, data={"approve": "yes"}, allow_redirects=False, timeout=60)
    back = f"{shop.url}/checkout/return/{shop.payment_references()[0]}"
    answers = at_once(*[lambda: browser.session.get(back, timeout=60)] * 2)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert "Thank you, Mia" in browser.go(back).text
    assert shop.payment_states() == ["captured"]
    assert remaining(shop) == 0


def test_a_waiting_payment_can_be_left_for_another_card(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    asked = browser.press("Place order", card=cards.REDIRECT)
    waiting = browser.go("/checkout")
    browser.press("Pay another way")
    page = browser.press("Place order", card=cards.APPROVED)
    approved_late = browser.go(asked.url)

    assert "Your bank asks you to approve the payment" in waiting.text
    assert "Thank you, Mia" in page.text
    assert not approved_late.has_button("Approve payment")
    assert sorted(shop.payment_states()) == ["captured", "voided"]


def test_a_cart_that_changes_while_the_bank_asks_is_not_paid_for(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    asked = browser.press("Place order", card=cards.REDIRECT)
    browser.go("/products/rockpool-bowl")
    browser.press("Add to cart")
    browser.page = asked
    page = browser.press("Approve payment")

    assert "Your cart has changed since" in page.text
    assert shop.payment_states() == ["voided"]
    assert remaining(shop) == 1


def test_an_order_that_costs_nothing_needs_no_card(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo", "fig-smoke-candle")
    browser.go("/checkout")
    browser.press("Update shipping", shipping="pickup")
    page = browser.press("Apply Birthday Gift")
    paid = browser.press("Place order")

    assert "no card is needed" in page.text
    assert "Thank you, Mia" in paid.text
    assert "Total $0.00" in paid.text
    assert remaining(shop, handle="birthday-gift") == 0
    assert shop.payment_states() == []


def test_a_cancelled_order_is_refunded_and_its_benefit_returned(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    browser.go(f"/orders/{number}")
    asked = browser.follow("Cancel order")
    page = browser.press("Cancel the order and refund $126.05")
    with shop.running.app.app_context():
        benefits.run_once()

    assert "First Spend Discount is returned to you too" in asked.text
    assert "Cancelled" in page.text
    assert "$126.05 went back to your card." in page.text
    assert shop.payment_states() == ["refunded"]
    assert remaining(shop) == 1


def test_the_items_of_a_cancelled_order_go_back_into_the_cart(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    browser.go(f"/orders/{number}")
    browser.follow("Cancel order")
    browser.press("Cancel the order and refund $126.05")
    page = browser.press("Put the items back into the cart")

    assert page.url.endswith("/cart")
    assert "Cart 1" in page.text


def test_an_order_without_a_benefit_reaches_omneo_too(make_shop: Callable[..., RunningShop]) -> None:
    shop = make_shop(BENEFITS_WORKER="embedded")
    browser = at_checkout(shop, "Leo Park", benefit=None)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    browser.reload_until("Recorded", f"/orders/{number}")

    assert None is shop.omneo("GET", f"/transactions/external/{number}")["data"]["redemption"]


def test_a_provider_that_is_down_costs_nothing(make_shop: Callable[..., RunningShop]) -> None:
    shop = make_shop(PAYMENTS_URL="http://127.0.0.1:9")
    browser = at_checkout(shop)
    page = browser.press("Place order", card=cards.APPROVED)

    assert "Our payment provider cannot be reached. You have not been charged" in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert remaining(shop) == 1
