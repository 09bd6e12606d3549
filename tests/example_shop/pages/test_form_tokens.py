"""Forms of the shop work from its own pages and nowhere else."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.example_shop.conftest import RunningShop

ADDRESSES = ["/cart", "/cart/tideline-mug", "/sign-in", "/guest", "/sign-out", "/checkout", "/checkout/delivery"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_form_without_a_token_is_refused(app: Flask, address: str) -> None:
    answer = app.test_client().post(address, data={"sku": "tideline-mug", "customer_id": "1001"})

    assert answer.status_code == 400
    assert "Go back, reload it and try again." in answer.text


def test_a_token_of_another_session_is_refused(shop: RunningShop) -> None:
    stranger, browser = shop.browser(), shop.browser()
    token = stranger.go("/sign-in").form_with("Sign in as Mia Ngo").fields["csrf_token"]
    browser.go("/sign-in")

    assert browser.press("Sign in as Mia Ngo", csrf_token=token).status == 400
    assert "Hello, Mia" not in browser.go("/").text


def test_a_token_from_before_signing_out_is_refused_after(shop: RunningShop) -> None:
    browser = shop.browser("Mia Ngo")
    product = browser.go("/products/tideline-mug")
    browser.go("/")
    browser.press("Sign out")
    browser.page = product

    assert browser.press("Add to cart").status == 400


def test_the_session_cookie_stays_out_of_scripts_and_other_sites(app: Flask) -> None:
    cookie = app.test_client().get("/sign-in").headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_body_that_is_too_big_is_refused(app: Flask) -> None:
    assert app.test_client().post("/cart", data={"sku": "x" * 100_000}).status_code == 413
