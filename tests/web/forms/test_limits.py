"""How often one shopper may press our buttons."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.web.conftest import Browser
from tests.web.forms.test_guard import BUTTONS, button_of
from tests.web.page_data import PageData
from tests.web.reading import read_page

LIMITS = {"claim": 20, "claim_and_redeem": 20, "use": 20, "apply": 60, "remove": 60, "move": 60}


@pytest.mark.parametrize("action", BUTTONS)
def test_a_shopper_may_click_so_often_in_a_minute(data: PageData, mia: Browser, action: str) -> None:
    form = button_of(mia, action)

    answers = [mia.send(form) for _ in range(LIMITS[action] + 5)]

    assert [answer.status_code for answer in answers] == [303] * LIMITS[action] + [429] * 5
    assert len(data.calls) == LIMITS[action]


def test_the_refusal_says_when_to_try_again_and_leads_back(mia: Browser) -> None:
    form = button_of(mia, "apply")
    answer = [mia.send(form) for _ in range(61)][-1]
    page = read_page(answer.text)
    seconds = int(answer.headers["Retry-After"])

    assert 1 <= seconds <= 60
    assert page.one("h1").text == "One moment, please"
    assert f"nothing was changed. Please try again in {seconds} second" in page.text
    assert page.one("a", href="/checkout").text == "Go back"
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_one_shoppers_clicks_do_not_count_for_another(data: PageData, shop: Flask, mia: Browser) -> None:
    claims = button_of(mia, "claim")
    for _ in range(30):
        mia.send(claims)
    data.shoppers["leo"], data.wallets["leo"] = data.shoppers["mia"].__class__("leo"), data.wallets["mia"]
    leo = Browser(shop.test_client(), "leo")

    assert leo.press("Claim Free Shipping").status_code == 303


def test_claims_and_carts_are_counted_apart(mia: Browser) -> None:
    claims = button_of(mia, "claim")
    for _ in range(30):
        mia.send(claims)

    assert mia.send(button_of(mia, "apply")).status_code == 303
    assert mia.send(button_of(mia, "use")).status_code == 429


def test_what_is_refused_anyway_is_not_counted(mia: Browser) -> None:
    form = button_of(mia, "claim")
    for _ in range(30):
        assert mia.send(form, cb_token="").status_code == 400

    assert mia.send(form).status_code == 303


def test_of_four_hundred_apply_and_remove_clicks_sixty_write_rows(data: PageData, mia: Browser) -> None:
    buttons = [button_of(mia, "apply"), button_of(mia, "remove")]

    statuses = [mia.send(buttons[number % 2]).status_code for number in range(400)]

    assert statuses == [303] * 60 + [429] * 340
    assert len(data.calls) == 60


def test_of_a_hundred_claim_clicks_twenty_reach_the_service(data: PageData, mia: Browser) -> None:
    statuses = [mia.press("Claim Free Shipping").status_code for _ in range(100)]

    assert statuses == [303] * 20 + [429] * 80
    assert len(data.calls) == 20
