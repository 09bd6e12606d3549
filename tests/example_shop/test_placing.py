"""Placing an order: nobody pays for nothing, and no benefit is used for nothing, whatever the payment does."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import pytest
import requests

from claimable_benefits import Order, OrderState
from example_shop import loyalty
from example_shop.extensions import benefits
from example_shop.payments import cards
from tests.example_shop.browser import Browser, Page, at_once
from tests.example_shop.conftest import World

SHIRT = "harbour-linen-shirt"
FIRST_SPEND = "First Spend Discount"
UNDER_WAY = "UPDATE orders SET state = 'UNKNOWN', approval_url = NULL, leased_until = '{year}-01-01 00:00:00.000000'"


def at_checkout(world: World, shopper: str = "Mia Ngo", benefit: str | None = FIRST_SPEND) -> Browser:
    """A shopper in front of the button: a shirt, standard shipping, and a benefit applied (first spend: $126.05)."""
    browser = world.browser(shopper, SHIRT)
    browser.go("/checkout")
    if benefit:
        browser.press(f"Apply {benefit}")
    return browser


def number_of(page: Page) -> str:
    """The order number in a page's address."""
    return page.url.split("/orders/")[1].split("/")[0]


def remaining(world: World, customer: str = "1001", handle: str = "first-spend") -> int:
    """How often the benefit may still be used, according to Omneo."""
    held = world.benefits_of(customer).get(handle)  # Omneo lists what is active
    return int(held["redemptions_remaining"]) if held else 0


def until_settled(browser: Browser, page: str) -> Page:
    """Look at a page until it says something final."""
    for _ in range(50):
        if "being confirmed" not in browser.go(page).text:
            break
        time.sleep(0.05)
    return browser.page


@pytest.fixture
def unhurried(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same, where a payment in doubt is settled only once the test lets time pass, however busy the machine is."""
    monkeypatch.setitem(world.running.app.config, "SHOP_SETTLE_SECONDS", 60)
    return world


def test_an_approved_card_pays_uses_the_benefit_and_shows_both(world: World) -> None:
    browser = at_checkout(world)
    page = browser.press("Place order", card=cards.APPROVED)
    payment = world.payments(number_of(page))[0]

    assert "Thank you, Mia" in page.text
    assert "Benefit used First Spend Discount It took $12.90 off this order." in page.text
    assert "Your code: FIRST10" in page.text
    assert (payment["status"], payment["amount"]) == ("captured", 12605)
    assert remaining(world) == 0
    assert "Cart 0" in page.text


def test_the_sale_reaches_omneo_with_its_redemption(make_world: Callable[..., World]) -> None:
    world = make_world(BENEFITS_WORKER="embedded")
    browser = at_checkout(world)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    for _ in range(60):
        if "Recorded with the loyalty programme" in browser.go(f"/orders/{number}").text:
            break
        time.sleep(0.05)
    sale = world.omneo("GET", f"/transactions/external/{number}")["data"]

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
def test_a_card_that_fails_costs_nothing_and_another_one_works_at_once(world: World, card: str, sentence: str) -> None:
    browser = at_checkout(world)
    page = browser.press("Place order", card=card)
    left = remaining(world)
    paid = browser.press("Place order", card=cards.APPROVED)

    assert page.url.endswith("/checkout")
    assert sentence in page.text
    assert "You have not been charged" in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert left == 1
    assert "Thank you, Mia" in paid.text
    assert "$126.05" in paid.text
    assert remaining(world) == 0


def test_the_money_reserved_by_a_card_that_fails_later_is_let_go(world: World) -> None:
    browser = at_checkout(world)
    browser.press("Place order", card=cards.CAPTURE_DECLINED)
    browser.press("Place order", card=cards.LATE_AUTHORISE)
    states = world.payment_states()

    assert states == ["voided", "voided"]


def test_a_capture_that_answers_late_is_confirmed_and_paid_once(unhurried: World) -> None:
    world, browser = unhurried, at_checkout(unhurried)
    page = browser.press("Place order", card=cards.LATE_CAPTURE)
    world.pass_time(2)
    settled = until_settled(browser, page.url)

    assert f"Your payment for order {number_of(page)} is being confirmed" in page.text
    assert page.headers["Refresh"] == "2"
    assert "Cart 0" in page.text
    assert "Thank you, Mia" in settled.text
    assert world.payment_states() == ["captured"]
    assert remaining(world) == 0


def test_the_order_loader_settles_a_late_payment_when_nobody_looks(unhurried: World) -> None:
    world, browser = unhurried, at_checkout(unhurried)
    number = number_of(browser.press("Place order", card=cards.LATE_CAPTURE))
    with world.running.app.app_context():
        early = loyalty.order(number)
    world.pass_time(2)
    with world.running.app.app_context():
        settled = loyalty.order(number)

    assert early == Order(number, OrderState.UNKNOWN)
    assert settled is not None
    assert settled.state is OrderState.PAID
    assert settled.transaction is not None
    assert Decimal("126.05") == settled.transaction.total == sum(item.price_paid for item in settled.transaction.items)


def test_the_order_loader_tells_open_from_cancelled_from_never_heard_of(world: World) -> None:
    browser = at_checkout(world)
    browser.press("Place order", card=cards.REDIRECT)
    number = world.payment_references()[0]
    with world.running.app.app_context():
        waiting = loyalty.order(number)
    browser.press("Decline payment")
    with world.running.app.app_context():
        declined, unheard_of = loyalty.order(number), loyalty.order("FT-NOBODYS")

    assert waiting == Order(number, OrderState.OPEN)
    assert declined == Order(number, OrderState.CANCELLED)
    assert unheard_of is None


def test_a_benefit_used_at_the_till_meanwhile_is_refused_before_any_money_moves(world: World) -> None:
    browser = at_checkout(world)
    world.redeem_at_the_till("1001", "first-spend")
    page = browser.press("Place order", card=cards.APPROVED)

    assert "First Spend Discount is not available any more" in page.text
    assert "The total was $126.05 and is now $138.95." in page.text
    assert "Total $138.95" in page.text
    assert world.payment_states() == ["voided"]
    assert "Thank you, Mia" in browser.press("Place order", card=cards.APPROVED).text


def test_a_second_click_on_place_order_places_one_order(world: World) -> None:
    browser = at_checkout(world)
    first, second = browser.press_twice("Place order", card=cards.APPROVED)

    assert number_of(first) == number_of(second)
    assert "Thank you, Mia" in until_settled(browser, second.url).text
    assert world.payment_states() == ["captured"]
    assert remaining(world) == 0


def test_two_tabs_place_one_order(world: World) -> None:
    browser = at_checkout(world)
    tab = world.browser()
    tab.session.cookies.update(browser.session.cookies)
    tab.go("/checkout")
    at_once(
        lambda: browser.send("Place order", {"card": cards.APPROVED}),
        lambda: tab.send("Place order", {"card": cards.APPROVED}),
    )

    assert world.payment_states() == ["captured"]


def test_a_page_sent_again_after_the_order_is_paid_lands_on_the_same_order(world: World) -> None:
    browser = at_checkout(world)
    form = browser.page
    first = browser.press("Place order", card=cards.APPROVED)
    browser.page = form
    again = browser.press("Place order", card=cards.APPROVED)

    assert first.url == again.url
    assert world.payment_states() == ["captured"]


def test_a_payment_approved_elsewhere_comes_back_and_is_paid(world: World) -> None:
    browser = at_checkout(world)
    asked = browser.press("Place order", card=cards.REDIRECT)
    left = remaining(world)
    page = browser.press("Approve payment")

    assert asked.url.startswith(world.running.payments_url)
    assert "$126.05" in asked.text
    assert left == 1
    assert "Thank you, Mia" in page.text
    assert remaining(world) == 0


def test_a_payment_declined_elsewhere_leaves_everything_as_it_was(world: World) -> None:
    browser = at_checkout(world)
    browser.press("Place order", card=cards.REDIRECT)
    page = browser.press("Decline payment")

    assert "You have not been charged, because the payment was not approved." in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert remaining(world) == 1


def test_a_payment_that_fails_after_its_approval_gives_the_benefit_back_at_once(world: World) -> None:
    browser = at_checkout(world)
    browser.press("Place order", card=cards.REDIRECT_THEN_DECLINED)
    page = browser.press("Approve payment")

    assert "Your bank declined the payment. You have not been charged" in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert world.payment_states() == ["voided"]
    assert remaining(world) == 1


def test_a_benefit_used_at_the_till_while_the_bank_asks_is_refused_before_any_money_moves(world: World) -> None:
    browser = at_checkout(world)
    browser.press("Place order", card=cards.REDIRECT)
    world.redeem_at_the_till("1001", "first-spend")
    page = browser.press("Approve payment")

    assert "The total was $126.05 and is now $138.95." in page.text
    assert world.payment_states() == ["voided"]


@pytest.mark.parametrize(
    ("verb", "sentence", "states"),
    [
        ("capture", "Thank you, Mia", ["captured"]),
        ("void", "The payment did not go through, and you have not been charged.", ["voided"]),
        (None, "The payment did not go through, and you have not been charged.", ["voided"]),
    ],
)
def test_an_order_whose_request_was_lost_is_settled_by_what_the_provider_says(
    world: World, verb: str | None, sentence: str, states: list[str]
) -> None:
    browser = at_checkout(world, benefit=None)
    asked = browser.press("Place order", card=cards.REDIRECT)
    payment = asked.url.rsplit("/", 1)[1]
    requests.post(asked.url, data={"approve": "yes"}, allow_redirects=False, timeout=5)
    if verb:
        requests.post(f"{world.running.payments_url}/payments/{payment}/{verb}", timeout=5)
    world.in_the_shops_file(
        "UPDATE orders SET state = 'UNKNOWN', approval_url = NULL, leased_until = '2020-01-01 00:00:00.000000'"
    )
    number = str(world.payment_references()[0])

    assert sentence in browser.go(f"/orders/{number}/thanks").text
    assert states == world.payment_states()


def test_an_order_that_is_being_placed_is_left_to_the_request_that_places_it(world: World) -> None:
    browser = at_checkout(world, benefit=None)
    browser.press("Place order", card=cards.REDIRECT)
    world.in_the_shops_file(
        "UPDATE orders SET state = 'UNKNOWN', approval_url = NULL, leased_until = '2999-01-01 00:00:00.000000'"
    )
    page = browser.go("/checkout")

    assert "is being confirmed" in page.text
    assert world.payment_states() == ["redirect"]


def test_coming_back_twice_at_once_pays_once(world: World) -> None:
    browser = at_checkout(world)
    asked = browser.press("Place order", card=cards.REDIRECT)
    requests.post(asked.url, data={"approve": "yes"}, allow_redirects=False, timeout=5)
    back = f"{world.shop_url}/checkout/return/{world.payment_references()[0]}"
    answers = at_once(*[lambda: browser.session.get(back, timeout=10)] * 2)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert "Thank you, Mia" in browser.go(back).text
    assert world.payment_states() == ["captured"]
    assert remaining(world) == 0


def test_a_waiting_payment_can_be_left_for_another_card(world: World) -> None:
    browser = at_checkout(world)
    asked = browser.press("Place order", card=cards.REDIRECT)
    waiting = browser.go("/checkout")
    browser.press("Pay another way")
    page = browser.press("Place order", card=cards.APPROVED)
    approved_late = browser.go(asked.url)

    assert "Your bank asks you to approve the payment" in waiting.text
    assert "Thank you, Mia" in page.text
    assert not approved_late.has_button("Approve payment")
    assert sorted(world.payment_states()) == ["captured", "voided"]


def test_a_cart_that_changes_while_the_bank_asks_is_not_paid_for(world: World) -> None:
    browser = at_checkout(world)
    asked = browser.press("Place order", card=cards.REDIRECT)
    browser.go("/products/rockpool-bowl")
    browser.press("Add to cart")
    browser.page = asked
    page = browser.press("Approve payment")

    assert "Your cart has changed since" in page.text
    assert world.payment_states() == ["voided"]
    assert remaining(world) == 1


def test_an_order_that_costs_nothing_needs_no_card(world: World) -> None:
    browser = world.browser("Mia Ngo", "fig-smoke-candle")
    browser.go("/checkout")
    browser.press("Update shipping", shipping="pickup")
    page = browser.press("Apply Birthday Gift")
    paid = browser.press("Place order")

    assert "no card is needed" in page.text
    assert "Thank you, Mia" in paid.text
    assert "Total $0.00" in paid.text
    assert remaining(world, handle="birthday-gift") == 0
    assert world.payment_states() == []


def test_a_cancelled_order_is_refunded_and_its_benefit_comes_back(world: World) -> None:
    browser = at_checkout(world)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    browser.go(f"/orders/{number}")
    asked = browser.follow("Cancel order")
    page = browser.press("Cancel the order and refund $126.05")
    with world.running.app.app_context():
        benefits.run_once()

    assert "First Spend Discount comes back too" in asked.text
    assert "Cancelled" in page.text
    assert "$126.05 went back to your card." in page.text
    assert world.payment_states() == ["refunded"]
    assert remaining(world) == 1


def test_the_items_of_a_cancelled_order_go_back_into_the_cart(world: World) -> None:
    browser = at_checkout(world)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    browser.go(f"/orders/{number}")
    browser.follow("Cancel order")
    browser.press("Cancel the order and refund $126.05")
    page = browser.press("Put the items back into the cart")

    assert page.url.endswith("/cart")
    assert "Cart 1" in page.text


def test_an_order_without_a_benefit_is_told_to_omneo_too(make_world: Callable[..., World]) -> None:
    world = make_world(BENEFITS_WORKER="embedded")
    browser = at_checkout(world, "Leo Park", benefit=None)
    number = number_of(browser.press("Place order", card=cards.APPROVED))
    for _ in range(60):
        if "Recorded" in browser.go(f"/orders/{number}").text:
            break
        time.sleep(0.05)

    assert None is world.omneo("GET", f"/transactions/external/{number}")["data"]["redemption"]


def test_a_provider_that_is_down_costs_nothing(make_world: Callable[..., World]) -> None:
    world = make_world(PAYMENTS_URL="http://127.0.0.1:9")
    browser = at_checkout(world)
    page = browser.press("Place order", card=cards.APPROVED)

    assert "Our payment provider cannot be reached. You have not been charged" in page.text
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text
    assert remaining(world) == 1
