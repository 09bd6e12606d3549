"""Signing in, staying a guest, and returning to the page that asked for it."""

from __future__ import annotations

import pytest

from claimable_benefits import Shopper
from example_shop.customers.current_customer import local_path
from example_shop.customers.demo_shoppers import SHOPPERS
from tests.example_shop.conftest import RunningShop
from tests.support.waiting import wait_until


def test_each_shopper_has_a_button_and_mia_is_first(shop: RunningShop) -> None:
    page = shop.browser().go("/sign-in")
    buttons = [name for form in page.forms for name in form.buttons if name.startswith("Sign in as")]

    assert [f"Sign in as {shopper.name}" for shopper in SHOPPERS] == buttons
    assert buttons[0] == "Sign in as Mia Ngo"
    assert page.has_button("Continue as a guest")


def test_signing_in_returns_to_the_page_that_asked_for_it(shop: RunningShop) -> None:
    browser = shop.browser()
    asked = browser.go("/account")
    page = browser.press("Sign in as Noah Klein")

    assert asked.url.endswith("/sign-in?next=/account")
    assert page.url.endswith("/account")
    assert "Hello, Noah" in page.text


def test_a_guest_goes_on_to_the_checkout(shop: RunningShop) -> None:
    browser = shop.browser(None, "tideline-mug")
    browser.go("/sign-in?next=/checkout")

    assert browser.press("Continue as a guest").url.endswith("/checkout")


def test_signing_out_ends_the_session(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo")
    page = browser.press("Sign out")

    assert "You are signed out." in page.text
    assert "Sign in" in page.links
    assert browser.go("/account").url.endswith("/sign-in?next=/account")


def test_the_account_leads_to_orders_and_benefits(shop: RunningShop) -> None:
    browser = shop.browser("Leo Park", "tideline-mug")
    browser.go("/checkout")
    number = browser.press("Place order", card="4242424242424242").url.split("/")[-2]
    page = browser.go("/account")

    assert page.links[f"Order {number}"].endswith(f"/orders/{number}")
    assert page.links["Go to your benefits"].endswith("/account/benefits")
    assert "Paid" in page.text


def test_an_unknown_shopper_cannot_sign_in(shop: RunningShop) -> None:
    browser = shop.browser()
    browser.go("/sign-in")

    assert browser.press("Sign in as Mia Ngo", customer_id="9999").status == 400


def test_the_benefits_page_is_in_the_shops_layout(shop: RunningShop) -> None:
    page = shop.browser("Kim Lee").go("/account/benefits")

    assert "Fennel & Tide" in page.text
    assert "Hello, Kim" in page.text


def test_an_unknown_benefit_is_explained_in_the_shops_layout(shop: RunningShop) -> None:
    page = shop.browser("Mia Ngo").go("/account/benefits/held/999999")

    assert page.status == 404
    assert "Fennel & Tide" in page.text
    assert page.links["Your benefits"].endswith("/account/benefits")


@pytest.mark.parametrize("wanted", ["/cart", "/products/gift-card?x=1", "/account/benefits#top"])
def test_a_path_of_the_shop_is_kept(wanted: str) -> None:
    assert wanted == local_path(wanted)


@pytest.mark.parametrize(
    "wanted", [None, "", "cart", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\tx"]
)
def test_any_other_address_becomes_the_home_page(wanted: str | None) -> None:
    assert local_path(wanted) == "/"


def test_the_first_benefits_page_after_signing_in_costs_no_round_trip(shop: RunningShop) -> None:
    runtime = shop.running.app.extensions["claimable_benefits"]
    context = runtime.context
    runtime.read_ahead._last.drop("1001")  # an earlier test has signed Mia in
    browser = shop.browser("Mia Ngo")
    mia = Shopper("1001")
    wait_until(lambda: context.wallets.peek(context.wallet_source, mia) is not None)
    shop.sandbox.calls.clear()
    page = browser.go("/account/benefits")

    assert "First Spend Discount" in page.text
    assert shop.sandbox.calls.calls() == []
