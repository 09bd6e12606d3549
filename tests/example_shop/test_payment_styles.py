"""Two-step and single-step payments: the charge is what the page showed, and only a paid order uses a benefit."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from time import sleep
from typing import Any

import pytest
import requests

from claimable_benefits.signals import benefit_redeemed
from example_shop.payments import cards
from tests.example_shop.browser import Browser, Page, at_once
from tests.example_shop.conftest import DEAD, LATE_SECONDS, Death, RunningShop

SHIRT, BOWL = "harbour-linen-shirt", "rockpool-bowl"
WITH, WITHOUT = "126.05", "138.95"
TWO_STEP, SINGLE = "two-step", "single-step"


@pytest.fixture(params=[TWO_STEP, SINGLE])
def style(shop: RunningShop, request: pytest.FixtureRequest) -> Iterator[str]:
    """How the provider takes money."""
    with paying(shop, request.param):
        yield request.param


@contextmanager
def paying(shop: RunningShop, style: str) -> Iterator[None]:
    config = shop.running.app.config
    before, config["PAYMENTS_STYLE"] = config["PAYMENTS_STYLE"], style
    try:
        yield
    finally:
        config["PAYMENTS_STYLE"] = before


def at_checkout(shop: RunningShop) -> Browser:
    """Mia in front of the button, with a shirt and her first-spend discount: $126.05."""
    browser = shop.browser("Mia Ngo", SHIRT)
    browser.go("/checkout")
    browser.press("Apply First Spend Discount")
    return browser


def shown(page: Page) -> str:
    """What the checkout says that is paid."""
    found = re.search(r"You pay \$([\d.]+)\.", page.text)
    assert found, page.text
    return found[1]


def paid(shop: RunningShop) -> list[tuple[str, str]]:
    """Number and total of each paid order."""
    with closing(sqlite3.connect(shop.data / "shop.sqlite3")) as connection:
        rows = connection.execute("SELECT number, total FROM orders WHERE state = 'PAID' AND NOT is_imported")
        return [(number, str(Decimal(total).scaleb(-2))) for number, total in rows]


def charged(shop: RunningShop) -> list[str]:
    """What the provider has taken, payment by payment."""
    with closing(sqlite3.connect(shop.data / "payments.sqlite3")) as connection:
        rows = connection.execute("SELECT amount FROM payments WHERE status = 'captured' ORDER BY rowid").fetchall()
    return [str(Decimal(amount).scaleb(-2)) for (amount,) in rows]


def audit(shop: RunningShop, *amounts: str, benefit: bool) -> None:
    """Assert, once all work is done, what was charged and shown, and whether the benefit is used."""
    for minutes in (0, 12, 45, 1, 1, 30):
        shop.pass_time(minutes)
        shop.work()
        shop.work()
    state: dict[str, Any] = requests.get(f"{shop.sandbox.url}/_sandbox/state", timeout=60).json()
    ours = [r for r in state["redemptions"] if str(r["external_id"]).startswith("shop-") and r["type"] == "redeem"]
    live = [r["id"] for r in ours if r["live"]]
    sales = [t for t in state["transactions"] if str(t["external_id"]).startswith("FT-")]
    with closing(sqlite3.connect(shop.data / "shop.sqlite3")) as connection:
        uses = [state for (state,) in connection.execute("SELECT state FROM benefits_uses")]
        unclear = connection.execute("SELECT number FROM orders WHERE state = 'UNKNOWN'").fetchall()

    assert charged(shop) == [amount for amount in amounts if amount != "0.00"]
    assert sorted(total for _, total in paid(shop)) == sorted(amounts)
    assert sorted(t["external_id"] for t in sales) == sorted(number for number, _ in paid(shop))
    assert [t["redemption_id"] for t in sales if t["redemption_id"]] == live
    assert len(live) == int(benefit)
    assert unclear == []
    assert set(uses) <= {"consumed", "rolled_back", "released", "refused"}


def audit_without(shop: RunningShop) -> None:
    """Nothing was charged, and the shopper still has the benefit."""
    audit(shop, benefit=False)
    assert shop.benefits_of("1001")["first-spend"]["redemptions_remaining"] == 1


def test_a_card_that_is_approved_pays_what_was_shown(shop: RunningShop, style: str) -> None:
    browser = at_checkout(shop)
    total = shown(browser.page)
    page = browser.press("Place order", card=cards.APPROVED)

    assert "Thank you, Mia" in page.text
    assert total == WITH
    audit(shop, WITH, benefit=True)


@pytest.mark.parametrize("card", [cards.DECLINED, cards.CAPTURE_DECLINED, cards.REDIRECT_THEN_DECLINED])
def test_a_payment_tried_again_after_a_decline_keeps_the_benefit_and_the_total(
    shop: RunningShop, style: str, card: str
) -> None:
    browser = at_checkout(shop)
    page = browser.press("Place order", card=card)
    if page.has_button("Approve payment"):
        page = browser.press("Approve payment")
    again = shown(page)
    browser.press("Place order", card=cards.APPROVED)

    assert "You have not been charged" in page.text
    assert again == WITH
    audit(shop, WITH, benefit=True)


@pytest.mark.parametrize("answer", ["Approve payment", "Decline payment"])
@pytest.mark.parametrize("minutes", [2, 12])
def test_a_payment_at_the_bank_is_decided_by_the_shopper_however_long_it_takes(
    shop: RunningShop, style: str, minutes: int, answer: str
) -> None:
    browser = at_checkout(shop)
    asked = browser.press("Place order", card=cards.REDIRECT)
    shop.pass_time(minutes)
    shop.work()
    page = browser.press(answer)

    assert asked.url.startswith(shop.running.payments_url)
    if answer == "Approve payment":
        assert "Thank you, Mia" in page.text
        audit(shop, WITH, benefit=True)
    else:
        assert "not approved" in page.text
        assert shown(page) == WITH
        audit_without(shop)


def test_a_payment_approved_after_its_time_is_not_taken(shop: RunningShop, style: str) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    for _ in range(5):
        shop.pass_time(9)
        shop.work()
    late = browser.press("Approve payment") if browser.page.has_button("Approve payment") else browser.page

    assert "Thank you" not in late.text
    audit_without(shop)


def test_a_payment_never_approved_ends_and_the_shopper_may_pay_again(shop: RunningShop, style: str) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    waiting = browser.go("/checkout")
    for _ in range(5):
        shop.pass_time(9)
        shop.work()
    number = shop.payment_references()[0]
    page = browser.go(f"/orders/{number}")
    browser.go("/checkout")
    browser.press("Apply First Spend Discount")
    total = shown(browser.page)
    browser.press("Place order", card=cards.APPROVED)

    assert "Your bank asks you to approve the payment" in waiting.text
    assert "The payment was not approved in time. You have not been charged." in page.text
    assert total == WITH
    audit(shop, WITH, benefit=True)


def test_a_waiting_payment_that_is_abandoned_frees_the_benefit_at_once(shop: RunningShop, style: str) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    browser.go("/checkout")
    page = browser.press("Pay another way")
    total = shown(page)
    browser.press("Place order", card=cards.APPROVED)

    assert "The payment was cancelled." in page.text
    assert total == WITH
    audit(shop, WITH, benefit=True)


def test_a_payment_approved_just_before_it_is_abandoned_stays_paid(shop: RunningShop) -> None:
    with paying(shop, SINGLE):
        browser = at_checkout(shop)
        asked = browser.press("Place order", card=cards.REDIRECT)
        browser.go("/checkout")
        requests.post(asked.url, data={"approve": "yes"}, allow_redirects=False, timeout=60)
        page = browser.press("Pay another way")

        assert "Thank you, Mia" in page.text
        audit(shop, WITH, benefit=True)


def test_a_cart_that_changes_while_a_sale_waits_is_kept_beside_the_order_as_it_was_agreed(shop: RunningShop) -> None:
    with paying(shop, SINGLE):
        browser = at_checkout(shop)
        asked = browser.press("Place order", card=cards.REDIRECT)
        browser.go(f"/products/{BOWL}")
        browser.press("Add to cart")
        browser.page = asked
        page = browser.press("Approve payment")

        assert "Thank you, Mia" in page.text
        assert "Cart 2" in page.text
        audit(shop, WITH, benefit=True)


def test_a_cart_that_changes_between_review_and_payment_is_reviewed_again(shop: RunningShop, style: str) -> None:
    browser = at_checkout(shop)
    review = browser.page
    browser.go(f"/products/{BOWL}")
    browser.press("Add to cart")
    browser.page = review
    page = browser.press("Place order", card=cards.APPROVED)
    before, total = charged(shop), shown(page)
    browser.press("Place order", card=cards.APPROVED)

    assert (page.status, before) == (409, [])
    assert total == "183.65"
    audit(shop, "183.65", benefit=True)


@pytest.mark.parametrize("card", [cards.APPROVED, cards.LATE_CAPTURE])
def test_a_double_click_pays_once(shop: RunningShop, style: str, card: str, request: pytest.FixtureRequest) -> None:
    if card == cards.LATE_CAPTURE:
        request.getfixturevalue("impatient")
    at_checkout(shop).press_twice("Place order", card=card)
    audit(shop, WITH, benefit=True)


def test_two_tabs_pay_once(shop: RunningShop, style: str) -> None:
    browser = at_checkout(shop)
    tab = shop.browser()
    tab.session.cookies.update(browser.session.cookies)
    tab.go("/checkout")
    at_once(*[lambda one=one: one.send("Place order", {"card": cards.APPROVED}) for one in (browser, tab)])

    audit(shop, WITH, benefit=True)


def test_a_benefit_moves_to_another_device_on_request_only_and_the_first_is_shown_its_new_total(
    shop: RunningShop, style: str
) -> None:
    desk, phone = at_checkout(shop), shop.browser("Mia Ngo", SHIRT)
    first = phone.go("/checkout")
    total_without = shown(first)
    moved = phone.press("Use First Spend Discount here instead")
    objection = desk.press("Place order", card=cards.APPROVED)
    nothing_yet = charged(shop)
    phone.press("Place order", card=cards.APPROVED)
    desk.press("Place order", card=cards.APPROVED)

    assert (total_without, shown(moved)) == (WITHOUT, WITH)
    assert (objection.status, shown(objection), nothing_yet) == (409, WITHOUT, [])
    audit(shop, WITH, WITHOUT, benefit=True)


def test_two_devices_place_at_once_and_one_of_them_has_the_benefit(shop: RunningShop, style: str) -> None:
    desk, phone = at_checkout(shop), shop.browser("Mia Ngo", SHIRT)
    phone.go("/checkout")
    phone.press("Use First Spend Discount here instead")
    at_once(*[lambda one=one: one.send("Place order", {"card": cards.APPROVED}) for one in (desk, phone)])

    audit(shop, WITH, benefit=True)


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_comes_too_late_to_a_sale_lands_on_a_closed_reference(shop: RunningShop) -> None:
    with paying(shop, SINGLE):
        browser = at_checkout(shop)
        number = browser.press("Place order", card=cards.LATE_AUTHORISE).url.split("/orders/")[1].split("/")[0]
        shop.pass_time(2)
        browser.go(f"/orders/{number}")

        assert "you have not been charged" in browser.page.text
        audit_without(shop)
        sleep(LATE_SECONDS)  # the late sale must not arrive during the next test


def test_a_provider_that_is_down_charges_nothing(shop: RunningShop, style: str) -> None:
    browser = at_checkout(shop)
    with shop.provider_down():
        page = browser.press("Place order", card=cards.APPROVED)

    assert shown(page) == WITH
    audit_without(shop)


POINTS = {
    "before the money is asked for": ("UPDATE orders SET recovery_point", "PAYING"),
    "after the provider's answer": ("UPDATE orders SET", "pay_"),
    "after the redemption": None,
    "after the money moved": ("UPDATE orders SET recovery_point", "'PAID'"),
    "before the outbox is written": ("INSERT INTO benefits_outbox", None),
    "before the cart is closed": ("UPDATE carts SET is_closed", None),
}
MOVED = {"after the money moved", "before the outbox is written", "before the cart is closed"}


@contextmanager
def dying(shop: RunningShop, point: str) -> Iterator[None]:
    """Let the process die once at that point."""
    where = POINTS[point]
    if where is not None:
        with shop.dying_before(*where):
            yield
        return

    def die(_sender: str, **_facts: object) -> None:
        benefit_redeemed.disconnect(die)
        raise Death

    with benefit_redeemed.connected_to(die):
        yield


@pytest.mark.parametrize("card", [cards.APPROVED, cards.REDIRECT])
@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_dies_at_any_point_leaves_an_order_that_is_paid_with_its_benefit_or_not_at_all(
    shop: RunningShop, style: str, point: str, card: str
) -> None:
    browser = at_checkout(shop)
    redirects = card == cards.REDIRECT
    asks_before = redirects and (style == SINGLE or point == "after the provider's answer")
    dies_before = not redirects or (asks_before and point not in MOVED)
    with dying(shop, point):
        if dies_before:
            answer = browser.send("Place order", {"card": card})
        else:
            browser.press("Place order", card=card)
            answer = browser.send("Approve payment", {})
    for _ in range(4):
        shop.pass_time(9)
        shop.work()
        shop.work()
    back = browser.go("/checkout")
    has_paid = point in MOVED or (style == SINGLE and point == "after the provider's answer" and not redirects)

    assert answer.text == DEAD
    if has_paid:
        assert "Your cart is empty" in back.text
        audit(shop, WITH, benefit=True)
    else:
        browser.go("/checkout")
        if browser.page.has_button("Apply First Spend Discount"):
            browser.press("Apply First Spend Discount")
        assert shown(browser.page) == WITH
        browser.press("Place order", card=cards.APPROVED)
        audit(shop, WITH, benefit=True)


@pytest.mark.parametrize("point", [None, "after the redemption", "after the money moved"])
def test_an_order_that_costs_nothing_is_like_any_other(shop: RunningShop, style: str, point: str | None) -> None:
    browser = shop.browser("Mia Ngo", "fig-smoke-candle")
    browser.go("/checkout")
    browser.press("Update shipping", shipping="pickup")
    browser.press("Apply Birthday Gift")
    total = shown(browser.page)
    if point is None:
        browser.press("Place order")
    else:
        with dying(shop, point):
            browser.send("Place order", {})

    assert total == "0.00"
    if point is None:
        audit(shop, "0.00", benefit=True)
    else:
        audit(shop, benefit=False)
