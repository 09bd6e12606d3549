"""The checkout page: it shows what will be charged, and keeps what was typed."""

from __future__ import annotations

import pytest

from tests.example_shop.browser import Browser
from tests.example_shop.conftest import GOOD_CARD, RunningShop

ADDRESS = {
    "name": "Gwen Guest",
    "email": "gwen@example.com",
    "street": "1 Queen Street",
    "suburb": "Brunswick",
    "state": "VIC",
    "postcode": "3056",
}


def test_a_guest_buys_without_an_account(shop: RunningShop) -> None:
    browser = shop.browser(None, "tideline-mug")
    browser.follow("Cart 1")
    browser.follow("Checkout")
    page = browser.press("Place order", card=GOOD_CARD, **ADDRESS)

    assert "Thank you, Gwen" in page.text
    assert "$45.95" in page.text


def test_the_address_is_filled_in_for_those_we_know(shop: RunningShop) -> None:
    page = shop.browser("Mia Ngo", "tideline-mug").go("/checkout")

    fields = page.form_with("Place order").fields
    expected = ("Mia Ngo", "12 Gertrude Street", "VIC", "3065")
    assert expected == tuple(fields[key] for key in ("name", "street", "state", "postcode"))


def test_another_shipping_method_reprices_the_order_and_keeps_the_address(shop: RunningShop) -> None:
    browser = shop.browser(None, "tideline-mug")
    browser.go("/checkout")
    page = browser.press("Update shipping", shipping="express", **ADDRESS)

    assert "Shipping: Express $14.95" in page.text
    assert "Total $50.95" in page.text
    assert page.form_with("Place order").fields["street"] == "1 Queen Street"


def test_address_and_method_survive_applying_a_benefit(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo", "harbour-linen-shirt")
    browser.go("/checkout")
    browser.press("Update shipping", shipping="express", street="5 Elsewhere Road")
    page = browser.press("Apply First Spend Discount")

    fields = page.form_with("Place order").fields
    assert (fields["street"], fields["shipping"]) == ("5 Elsewhere Road", "express")
    assert "First Spend Discount \N{MINUS SIGN}$12.90" in page.text


def test_what_is_typed_is_kept_by_the_draft_without_the_card(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo", "tideline-mug")
    fields = browser.go("/checkout").form_with("Place order").fields
    draft = {**fields, "street": "7 Draft Lane", "card": GOOD_CARD}
    answer = browser.session.post(f"{shop.url}/checkout/draft", data=draft, timeout=60)
    kept = browser.go("/checkout").form_with("Place order").fields

    assert answer.status_code == 204
    assert (kept["street"], kept["card"]) == ("7 Draft Lane", "")


def test_the_panels_forms_stand_outside_the_checkout_form(shop: RunningShop) -> None:
    page = shop.browser("Zoe Martin", "tideline-mug").go("/checkout")

    assert page.form_with("Apply First Spend Discount") is not page.form_with("Place order")


@pytest.mark.parametrize(
    ("key", "typed", "sentence"),
    [
        ("name", "", "Enter your full name."),
        ("email", "nobody", "Enter your email address."),
        ("street", "  ", "Enter street and number."),
        ("postcode", "30560", "Enter the four digits of the postcode."),
        ("state", "Bavaria", "Choose the state."),
        ("card", "12", "Enter the number of your card, 12 to 19 digits."),
    ],
)
def test_a_field_that_is_wrong_is_named_and_the_rest_is_kept(
    shop: RunningShop, key: str, typed: str, sentence: str
) -> None:
    browser = shop.browser(None, "tideline-mug")
    browser.go("/checkout")
    page = browser.press("Place order", **{**ADDRESS, "card": GOOD_CARD, key: typed})

    assert page.status == 422
    assert sentence in page.text
    kept = page.form_with("Place order").fields
    assert (kept["suburb"], kept["card"]) == ("Brunswick", "")


def test_pick_up_needs_no_address(shop: RunningShop) -> None:
    browser = shop.browser(None, "tideline-mug")
    browser.go("/checkout")
    browser.press("Update shipping", shipping="pickup")
    page = browser.press("Place order", name="Gwen Guest", email="gwen@example.com", card=GOOD_CARD)

    assert "Thank you, Gwen" in page.text
    assert "Total $36.00" in page.text


def test_a_total_other_than_the_one_shown_charges_nothing_and_names_both(shop: RunningShop) -> None:
    browser = shop.browser("Leo Park", "tideline-mug")
    browser.go("/checkout")
    page = browser.press("Place order", shipping="express", card=GOOD_CARD)

    assert page.status == 409
    assert "The total was $45.95 and is now $50.95." in page.text
    assert "Total $50.95" in page.text
    assert "No orders yet." in browser.go("/account").text


def test_a_page_that_shows_an_older_cart_cannot_place_an_order(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo", "tideline-mug")
    stale = browser.go("/checkout")
    browser.go("/products/rockpool-bowl")
    browser.press("Add to cart")
    browser.page = stale
    page = browser.press("Place order", card=GOOD_CARD)

    assert "Your cart has changed in another window." in page.text
    assert "Rockpool bowl" in page.text


def test_an_empty_cart_leads_back_to_the_cart(shop: RunningShop) -> None:
    page = shop.browser("Mia Ngo").go("/checkout")

    assert page.url.endswith("/cart")
    assert "Your cart is empty." in page.text


def test_the_card_number_is_stored_nowhere(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo", "tideline-mug")
    browser.go("/checkout")
    browser.press("Place order", card=GOOD_CARD)
    kept = b"".join(file.read_bytes() for file in shop.data.iterdir())

    assert b"4242424242424242" not in kept.replace(b" ", b"")


def test_an_order_is_shown_to_its_shopper_alone(shop: RunningShop) -> None:
    mia = shop.browser("Mia Ngo", "tideline-mug")
    mia.go("/checkout")
    number = mia.press("Place order", card=GOOD_CARD).url.split("/")[-2]
    strangers: list[Browser] = [shop.browser("Leo Park"), shop.browser()]

    assert mia.go(f"/orders/{number}").status == 200
    assert [stranger.go(f"/orders/{number}").status for stranger in strangers] == [404, 404]
