"""Refunds: the benefit follows its policy, a crash loses nothing, and nothing is refunded twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from claimable_benefits import OrderState
from example_shop import benefit_loaders
from example_shop.payments import cards
from tests.example_shop.browser import Browser, at_once
from tests.example_shop.conftest import DEAD, RunningShop

SHIRT, BOWL = "harbour-linen-shirt", "rockpool-bowl"
FIRST_SPEND = "First Spend Discount"


def bought(
    shop: RunningShop, card: str = cards.APPROVED, benefit: str | None = FIRST_SPEND, shirts: int = 2
) -> Browser:
    """Buy shirts and a bowl as Mia, and open the order page."""
    browser = shop.browser("Mia Ngo", *[SHIRT] * shirts, BOWL)
    browser.go("/checkout")
    if benefit:
        browser.press(f"Apply {benefit}")
    number = browser.press("Place order", card=card).url.split("/orders/")[1].split("/")[0]
    shop.work()
    browser.go(f"/orders/{number}")
    return browser


def number_of(browser: Browser) -> str:
    """The order whose page the browser shows."""
    return browser.page.url.split("/orders/")[1].split("/")[0]


def choose(browser: Browser, **lines: str) -> str:
    """Choose what to return; returns the name of the button that confirms it."""
    browser.go(f"/orders/{number_of(browser)}")
    browser.follow("Return items")
    browser.press("Review the refund", **{key.replace("_", "-"): value for key, value in lines.items()})
    return next(name for form in browser.page.forms for name in form.buttons if name.startswith("Return"))


def sale(shop: RunningShop, number: str) -> dict[str, Any]:
    """Return the transaction of an order at Omneo."""
    found: dict[str, Any] = shop.omneo("GET", f"/transactions/external/{number}")["data"]
    return found


def charged(shop: RunningShop, number: str) -> Decimal:
    """Return what was charged and not refunded, in dollars."""
    payment = shop.payments(number)[0]
    taken = payment["amount"] if payment["status"] in ("captured", "refunded") else 0
    return Decimal(taken - payment["refunded"]).scaleb(-2)


def test_a_part_of_the_order_is_returned_and_omneo_has_the_rest_with_its_redemption(shop: RunningShop) -> None:
    browser = bought(shop)
    number = number_of(browser)
    before, redemption = charged(shop, number), sale(shop, number)["redemption"]["id"]
    button = choose(browser, line_0="1")
    asked, page = browser.page, browser.press(button)
    shop.work()
    after = sale(shop, number)

    assert button == "Return and refund $116.10"
    assert "First Spend Discount stays used, because you keep a part of the order." in asked.text
    assert "Refunds $116.10 Refunded" in page.text
    assert "Refunded \N{MINUS SIGN}$116.10 Kept and paid $183.65" in page.text
    assert "1 \N{MULTIPLICATION SIGN} Harbour linen shirt" in page.text
    assert page.has_button("Return items") or "Return items" in page.links
    assert before - charged(shop, number) == Decimal("116.10")
    assert Decimal(str(after["total"])) == charged(shop, number)
    assert (after["redemption"]["id"], after["is_void"]) == (redemption, False)
    assert {item["sku"]: item["quantity"] for item in after["items"]} == {SHIRT: 1, BOWL: 1, "delivery": 1}
    assert shop.benefits_of("1001").get("first-spend") is None


def test_returning_piece_by_piece_adds_up_to_what_was_paid_and_ends_cancelled(shop: RunningShop) -> None:
    browser = bought(shop)
    number = number_of(browser)
    for lines in ({"line_0": "1"}, {"line_1": "1"}, {"line_0": "1"}):
        browser.press(choose(browser, **lines))
        shop.work()

    assert charged(shop, number) == 0
    assert "Cancelled" in browser.page.text
    assert browser.page.text.count("Refunded") == 3
    assert sale(shop, number)["is_void"] is True
    assert shop.benefits_of("1001")["first-spend"]["redemptions_remaining"] == 1


def test_a_benefit_that_is_always_refundable_is_returned_with_a_part_of_the_order(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo")
    browser.go("/account/benefits")
    browser.press("Claim Free Shipping")
    browser = bought(shop, benefit="Free Shipping")
    button = choose(browser, line_1="1")
    asked = browser.page
    browser.press(button)
    shop.work()

    assert "Free Shipping is returned to you too, so that you can use it again." in asked.text
    assert shop.benefits_of("1001")["free-shipping"]["redemptions_remaining"] == 1


def test_a_double_click_refunds_once(shop: RunningShop) -> None:
    browser = bought(shop)
    number = number_of(browser)
    before = charged(shop, number)
    browser.press_twice(choose(browser, line_0="1"))
    shop.work()

    assert before - charged(shop, number) == Decimal("116.10")
    assert browser.go(f"/orders/{number}").text.count("$116.10 Refunded") == 1


def test_two_tabs_cannot_return_the_same_piece_twice(shop: RunningShop) -> None:
    browser = bought(shop, shirts=1)
    number = number_of(browser)
    tab = shop.browser()
    tab.session.cookies.update(browser.session.cookies)
    tab.go(f"/orders/{number}")
    before, buttons = charged(shop, number), (choose(browser, line_0="1"), choose(tab, line_0="1"))
    answers = at_once(lambda: browser.send(buttons[0], {}), lambda: tab.send(buttons[1], {}))

    assert before - charged(shop, number) == Decimal("116.10")
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_an_outdated_page_is_shown_again_before_any_money_moves(shop: RunningShop) -> None:
    browser = bought(shop)
    number = number_of(browser)
    browser.follow("Cancel order")
    old = browser.page
    browser.press(choose(browser, line_0="1"))
    before = charged(shop, number)
    browser.page = old
    page = browser.press(next(iter(old.forms[-1].buttons)))

    assert page.status == 409
    assert "Part of this has been returned in another window." in page.text
    assert charged(shop, number) == before


@pytest.mark.usefixtures("impatient")
def test_a_refund_whose_answer_is_lost_is_made_once_and_confirmed_by_the_next_page(shop: RunningShop) -> None:
    browser = bought(shop, card=cards.LATE_REFUND)
    number = number_of(browser)
    before = charged(shop, number)
    page = browser.press(choose(browser, line_0="1"))
    shop.work()

    assert "Refunds $116.10 Refunded" in page.text  # the page that follows has asked again
    assert before - charged(shop, number) == Decimal("116.10")
    assert Decimal(str(sale(shop, number)["total"])) == charged(shop, number)


def test_a_refund_that_the_bank_refuses_says_so_and_changes_nothing(shop: RunningShop) -> None:
    browser = bought(shop, card=cards.REFUND_DECLINED)
    number = number_of(browser)
    before = charged(shop, number)
    browser.follow("Cancel order")
    page = browser.press(next(iter(browser.page.forms[-1].buttons)))
    shop.work()

    assert "Your bank takes no refund on this card. Nothing was refunded." in page.text
    assert "Cancel order" in page.links
    assert charged(shop, number) == before
    assert sale(shop, number)["is_void"] is False
    assert shop.benefits_of("1001").get("first-spend") is None


@pytest.mark.parametrize("resolved_by", ["the shopper", "the extension"])
@pytest.mark.parametrize(
    "statement", ["UPDATE refunds SET state", "UPDATE orders SET recovery_point", "benefits_outbox"]
)
def test_a_crash_between_refund_and_commit_loses_nothing(shop: RunningShop, statement: str, resolved_by: str) -> None:
    browser = bought(shop)
    number = number_of(browser)
    browser.follow("Cancel order")
    button = next(iter(browser.page.forms[-1].buttons))
    parameters = "REFUNDED" if "orders" in statement else None
    with shop.dying_before(statement, parameters):
        answer = browser.send(button, {})
    shop.work()
    in_between = charged(shop, number), sale(shop, number)["is_void"]
    if resolved_by == "the extension":
        with shop.running.app.app_context():
            told = benefit_loaders.order(number)
        assert told is not None
        assert told.state is OrderState.CANCELLED
    page = browser.go(f"/orders/{number}")
    shop.work()

    assert answer.text == DEAD
    assert in_between == (Decimal(0), False)
    assert "Cancelled" in page.text
    assert page.text.count("Refunded") == 1
    assert sale(shop, number)["is_void"] is True
    assert "Recorded as cancelled with the loyalty programme" in browser.go(f"/orders/{number}").text
    assert shop.benefits_of("1001")["first-spend"]["redemptions_remaining"] == 1


def test_a_refund_agreed_and_never_sent_is_sent_by_the_next_page(shop: RunningShop) -> None:
    browser = bought(shop)
    number = number_of(browser)
    browser.follow("Cancel order")
    button, page = next(iter(browser.page.forms[-1].buttons)), browser.page
    with shop.provider_down():
        pending = browser.press(button)
        before = shop.payment_states()
    browser.page = page
    again = browser.press(button)

    assert "Being confirmed" in pending.text.split("Refunds ")[1]
    assert pending.headers["Refresh"] == "2"
    assert before == ["captured"]
    assert "Cancelled" in again.text
    assert charged(shop, number) == 0


def test_an_order_that_costs_nothing_is_cancelled_without_the_provider(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo", "fig-smoke-candle")
    browser.go("/checkout")
    browser.press("Update shipping", shipping="pickup")
    browser.press("Apply Birthday Gift")
    number = browser.press("Place order").url.split("/orders/")[1].split("/")[0]
    browser.go(f"/orders/{number}")
    asked = browser.follow("Cancel order")
    page = browser.press("Cancel the order")
    shop.work()

    assert "Birthday Gift stays used: it is not returned." in asked.text
    assert "there was nothing to pay" in page.text
    assert sale(shop, number)["is_void"] is True


@pytest.mark.parametrize("path", ["return", "return?all=1"])
def test_an_order_of_another_shopper_cannot_be_returned(shop: RunningShop, path: str) -> None:
    number = number_of(bought(shop))
    other = shop.browser("Leo Park")

    assert other.go(f"/orders/{number}/{path}").status == 404


@pytest.mark.parametrize(
    ("typed", "status"), [({"line-0": "many"}, 400), ({"line-9": "1"}, 409), ({"line-0": "0"}, 409), ({}, 409)]
)
def test_a_form_that_no_page_has_offered_moves_nothing(shop: RunningShop, typed: dict[str, str], status: int) -> None:
    browser = bought(shop)
    number = number_of(browser)
    before = charged(shop, number)
    button = choose(browser, line_0="1")
    browser.page.form_with(button).fields.pop("line-0")

    assert browser.send(button, typed).status_code == status
    assert charged(shop, number) == before


def test_an_order_from_the_former_system_is_read_only(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo")

    assert "Return items" not in browser.go("/orders/100007").links
    assert browser.go("/orders/100007/return").url.endswith("/orders/100007")


def test_the_pages_say_nothing_of_refunds_where_there_are_none(shop: RunningShop) -> None:
    assert "Refunds" not in bought(shop).page.text
