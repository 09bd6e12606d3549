"""The cart: it keeps what its owner puts in."""

from __future__ import annotations

from tests.example_shop.browser import Page
from tests.example_shop.conftest import RunningShop

MUG, BOWL = "tideline-mug", "rockpool-bowl"


def test_what_is_put_in_is_counted_and_added_up(shop: RunningShop) -> None:
    browser = shop.browser(None, MUG, MUG)
    browser.go(f"/products/{BOWL}")
    page = browser.press("Add to cart", quantity="2")

    assert "Rockpool bowl is in your cart." in page.text
    assert "Cart 4" in page.text
    assert "Subtotal $200.00" in page.text


def test_quantities_change_and_lines_go(shop: RunningShop) -> None:
    browser = shop.browser(None, MUG, BOWL)
    changed = browser.press("Update Tideline mug", quantity="3")
    removed = browser.press("Remove Rockpool bowl")
    emptied = browser.press("Update Tideline mug", quantity="0")

    assert "Subtotal $172.00" in changed.text
    assert "Subtotal $108.00" in removed.text
    assert "Nothing in it yet." in emptied.text


def test_a_cart_holds_ten_pieces_of_a_product_at_most(shop: RunningShop) -> None:
    browser = shop.browser(None, MUG)
    browser.go(f"/products/{MUG}")
    page = browser.press("Add to cart", quantity="999")

    assert "Cart 10" in page.text


def test_a_quantity_that_is_no_number_is_explained_and_loses_nothing(shop: RunningShop) -> None:
    browser = shop.browser(None, MUG)
    page = browser.press("Update Tideline mug", quantity="many")

    assert page.status == 400
    assert "The quantity must be a whole number." in page.text
    assert "Cart 1" in browser.go("/cart").text


def test_a_product_that_does_not_exist_cannot_be_bought(shop: RunningShop) -> None:
    browser = shop.browser()
    browser.go(f"/products/{MUG}")

    assert browser.press("Add to cart", sku="gold-bar").status == 404


def test_a_guests_cart_comes_along_when_they_sign_in(shop: RunningShop) -> None:
    browser = shop.browser(None, MUG)
    browser.go("/sign-in?next=/cart")
    page = browser.press("Sign in as Leo Park")

    assert "Tideline mug" in page.text
    assert "Cart 1" in page.text


def test_a_cart_stays_in_its_browser_until_its_owner_signs_in_again(shop: RunningShop) -> None:
    browser = shop.browser("Leo Park", MUG)
    away = browser.press("Sign out")
    browser.go("/sign-in")
    other = browser.press("Sign in as Ava Rossi")
    browser.press("Sign out")
    browser.go(f"/products/{BOWL}")
    browser.press("Add to cart")
    browser.go("/sign-in?next=/cart")
    back = browser.press("Sign in as Leo Park")

    assert [_count(page) for page in (away, other, back)] == ["Cart 0", "Cart 0", "Cart 2"]
    assert "Rockpool bowl" in back.text


def test_two_devices_have_two_carts(shop: RunningShop) -> None:
    shop.browser("Mia Ngo", MUG)
    other = shop.browser("Mia Ngo")

    assert _count(other.page) == "Cart 0"


def _count(page: Page) -> str:
    return next(link for link in page.links if link.startswith("Cart "))
