"""The shop in Chromium: accessible, within the screen, and with its script losing nothing that was typed."""

from __future__ import annotations

import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from tests.example_shop.conftest import GOOD_CARD, RunningShop

PAGES = (
    "/",
    "/shop/sale",
    "/products/tideline-mug",
    "/cart",
    "/sign-in",
    "/checkout",
    "/account",
    "/orders/100007",
    "/x",
)


def at_checkout(chromium: Browser, shop: RunningShop, width: int = 1280) -> Page:
    """Mia in front of the checkout page, with a shirt in the cart."""
    mia = shop.browser("Mia Ngo", "harbour-linen-shirt")
    session = mia.session.cookies["shop_session"]
    context = chromium.new_context(viewport=ViewportSize(width=width, height=844))
    context.add_cookies([{"name": "shop_session", "value": session, "url": shop.url}])
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{shop.url}/checkout")
    return page


def test_pages_are_accessible_and_fit_every_screen(chromium: Browser, shop: RunningShop) -> None:
    page = at_checkout(chromium, shop, 1280)
    found = []
    for address in PAGES:
        page.goto(shop.url + address)
        found += [f"{address}: {each['id']}" for each in Axe().run(page).response["violations"]]
        for width in (1280, 768, 390, 320):
            page.set_viewport_size(ViewportSize(width=width, height=844))
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found.append(f"{address}: wider than {width}")
    page.context.close()

    assert found == []


def test_another_shipping_method_updates_the_price_without_a_new_page(chromium: Browser, shop: RunningShop) -> None:
    page = at_checkout(chromium, shop)
    page.get_by_label("Street and number").fill("99 Typed Street")
    page.get_by_label("Card number").fill(GOOD_CARD)
    page.get_by_role("radio", name="Express").check()

    expect(page.get_by_text("Shipping: Express")).to_be_visible()
    expect(page.locator(".sums__total")).to_contain_text("$143.95")
    expect(page.get_by_role("radio", name="Express")).to_be_focused()
    expect(page.get_by_label("Card number")).to_have_value(GOOD_CARD)
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()
    page.context.close()


def test_what_is_typed_survives_applying_a_benefit(chromium: Browser, shop: RunningShop) -> None:
    page = at_checkout(chromium, shop)
    page.get_by_label("Street and number").fill("99 Typed Street")
    page.get_by_label("Suburb").fill("Typedville")
    page.get_by_role("button", name="Apply First Spend Discount").click()

    expect(page.locator(".sums__benefit")).to_contain_text("First Spend Discount")
    expect(page.get_by_label("Street and number")).to_have_value("99 Typed Street")
    expect(page.get_by_label("Suburb")).to_have_value("Typedville")
    page.context.close()


def test_what_is_typed_survives_although_the_shop_saves_it_slowly(chromium: Browser, shop: RunningShop) -> None:
    page = at_checkout(chromium, shop)

    def late(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/checkout/draft", late)
    page.get_by_label("Suburb").fill("Typedville")
    page.get_by_role("button", name="Apply First Spend Discount").click()

    expect(page.locator(".sums__benefit")).to_contain_text("First Spend Discount")
    expect(page.get_by_label("Suburb")).to_have_value("Typedville")
    page.context.close()


def test_a_shop_that_cannot_save_what_is_typed_still_applies_the_benefit(chromium: Browser, shop: RunningShop) -> None:
    page = at_checkout(chromium, shop)
    page.route("**/checkout/draft", lambda route: route.abort())
    page.get_by_label("Suburb").fill("Typedville")
    page.get_by_role("button", name="Apply First Spend Discount").click()

    expect(page.locator(".sums__benefit")).to_contain_text("First Spend Discount")
    page.context.close()


def test_an_impatient_double_click_places_one_order(chromium: Browser, shop: RunningShop) -> None:
    page = at_checkout(chromium, shop)
    page.get_by_label("Card number").fill(GOOD_CARD)
    page.get_by_role("button", name="Place order").dblclick()

    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()
    assert shop.payment_states() == ["captured"]
    page.context.close()
