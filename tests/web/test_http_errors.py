"""Our own records cannot be reached: a calm page, nothing changed, and a way on."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.exceptions import ServiceUnavailable

from claimable_benefits.errors import LedgerUnavailable
from tests.web.conftest import Browser
from tests.web.page_data import PageData
from tests.web.reading import Element, read_page, region

HERE = "/account/benefits"
SENTENCE = "We cannot reach our records of your benefits right now, so nothing was changed."
READS = {HERE: "preview_wallet", f"{HERE}/held/b-lounge": "preview_wallet", f"{HERE}/uses/u-1": "find_use"}
BUTTONS = {
    ("Claim Free Shipping", HERE): ("claim", HERE),
    ("Use Lounge Visit now", f"{HERE}/held/b-lounge"): ("use", HERE),
    ("Apply 10% off", "/checkout"): ("hold", "/checkout"),
}


@pytest.fixture
def locked() -> LedgerUnavailable:
    return LedgerUnavailable("The ledger cannot be used right now: database is locked.")


def way_on(page: Element) -> tuple[str, str]:
    link = page.one("a", class_="cb-button cb-button--quiet")
    return link.text, link.attributes["href"]


@pytest.mark.parametrize(("path", "verb"), READS.items(), ids=READS)
def test_a_page_says_that_nothing_was_changed(
    data: PageData, mia: Browser, locked: LedgerUnavailable, path: str, verb: str
) -> None:
    data.fails(verb, locked)

    page = mia.read(path, status=503)

    assert page.one("h1").text == "Please try again in a minute"
    assert SENTENCE in page.text
    assert way_on(page) == ("Your benefits", HERE)
    assert "locked" not in page.text


@pytest.mark.parametrize(("button", "outcome"), BUTTONS.items(), ids=[label for label, _ in BUTTONS])
def test_a_button_says_so_at_once_and_leads_back(
    data: PageData, mia: Browser, locked: LedgerUnavailable, button: tuple[str, str], outcome: tuple[str, str]
) -> None:
    label, path = button
    verb, back_to = outcome
    form = mia.form(label, path)
    data.fails(verb, locked)

    answer = mia.send(form)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "private, no-store")
    assert SENTENCE in read_page(answer.text).text
    assert way_on(read_page(answer.text)) == ("Go back", back_to)


def test_a_shops_own_page_for_such_times_is_shown_instead(
    shop: Flask, data: PageData, locked: LedgerUnavailable
) -> None:
    @shop.errorhandler(503)
    def sorry(error: ServiceUnavailable) -> tuple[str, int]:
        return f"Sorry! {error.description}", 503

    mia = Browser(shop.test_client(), "mia")
    form = mia.form("Claim Free Shipping")
    data.fails("preview_wallet", locked)
    data.fails("claim", locked)

    answers = [mia.get(HERE), mia.send(form)]

    assert [(answer.status_code, answer.text) for answer in answers] == [(503, f"Sorry! {SENTENCE}")] * 2


def test_a_checkout_works_without_its_panel(data: PageData, mia: Browser, locked: LedgerUnavailable) -> None:
    data.fails("read_offers", locked)

    text = region(mia.read("/checkout"), "Benefits").text

    assert text == "Benefits Your benefits cannot be shown right now. You can check out as usual."


def test_the_log_says_why(
    data: PageData, mia: Browser, locked: LedgerUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    data.fails("preview_wallet", locked)

    mia.get(HERE)

    assert "database is locked" in caplog.text
