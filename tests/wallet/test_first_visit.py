"""The first page shows benefits: it waits longer than others, and fills itself where that does not suffice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox
from claimable_benefits.wallet.wallet_cache import FIRST_VISIT_SECONDS
from tests.support.waiting import wait_until
from tests.wallet.shops import HERE, Shop, asked, meet, open_shop
from tests.web.reading import Element, forms, read_page, region

LOADING = "We are fetching your benefits from the loyalty programme."


@pytest.fixture
def omneo(omneo_sandbox: OmneoSandbox) -> OmneoSandbox:
    for number in range(8):
        omneo_sandbox.shopper(f"c{number}").holds(f"own-{number}")
    omneo_sandbox.shopper("mia").holds("tenner").holds("lounge").holds("only-mias")
    omneo_sandbox.shopper("leo").holds("only-leos")
    return omneo_sandbox


@pytest.fixture
def shop(tmp_path: Path, omneo: OmneoSandbox) -> Iterator[Shop]:
    """A shop with the limits that hold without a setting; it knows its tenant's dialect."""
    with open_shop(tmp_path, omneo, BENEFITS_PAGE_BUDGET_MS=400) as opened:
        meet(opened, omneo, "leo")
        yield opened


def loading_region(page: str) -> Element:
    (region,) = [div for div in read_page(page).all("div") if "data-cb-fill" in div.attributes]
    return region


@pytest.mark.timing
@pytest.mark.parametrize("seconds", [0.2, 0.25, 0.3, 0.5])
def test_the_first_page_of_a_shopper_shows_their_benefits(shop: Shop, omneo: OmneoSandbox, seconds: float) -> None:
    omneo.running.faults.add("latency", seconds=seconds)

    status, page = shop.get("mia")

    assert (status, "Only mias" in page) == (200, True)


@pytest.mark.timing
def test_a_known_shoppers_page_waits_as_long_as_before(shop: Shop, omneo: OmneoSandbox) -> None:
    meet(shop, omneo, "mia")
    omneo.running.faults.add("latency", seconds=1)  # a first visit would wait for it

    status, page = shop.get("mia")

    assert (status, LOADING in page) == (200, True)
    assert shop.wallets.limits.budget < 1 < FIRST_VISIT_SECONDS


@pytest.mark.timing
@pytest.mark.parametrize("path", [HERE, "/checkout", f"{HERE}/held/1"])
def test_a_page_whose_benefits_are_late_answers_200_and_shows_them_later(
    shop: Shop, omneo: OmneoSandbox, path: str
) -> None:
    omneo.running.faults.add("latency", seconds=4)  # longer than a shopper's request waits for one call

    status, page = shop.get("mia", path)
    fill = loading_region(page).attributes["data-cb-fill"]
    at_once = shop.get("mia", fill)
    wait_until(lambda: shop.get("mia", fill)[0] == 200)
    omneo.running.calls.clear()
    later = [shop.get("mia", each)[1] for each in (HERE, "/checkout", fill)]

    assert (status, LOADING in page) == (200, True)
    assert at_once == (204, "")
    assert all("Only mias" in text for text in later)
    assert asked(omneo) == []


@pytest.mark.timing
def test_new_shoppers_at_once_are_all_answered_calmly(shop: Shop, omneo: OmneoSandbox) -> None:
    omneo.running.faults.add("latency", seconds=1)
    pages: dict[int, tuple[int, str]] = {}

    def visit(number: int) -> None:
        pages[number] = shop.get(f"c{number}")

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()

    assert [pages[number][0] for number in range(8)] == [200] * 8
    for number in range(8):
        wait_until(lambda number=number: f"Own {number}" in shop.get(f"c{number}")[1])  # type: ignore[misc]


@pytest.mark.timing
def test_a_click_is_not_turned_away_because_pages_wait(shop: Shop, omneo: OmneoSandbox) -> None:
    meet(shop, omneo, "mia")
    button = forms(shop.read("mia"))["Use Lounge now"]
    omneo.running.faults.add("latency", seconds=2, path="*/identities/search")
    visitors = [threading.Thread(target=shop.get, args=(f"c{number}",)) for number in range(8)]
    wait_budget = shop.wallets.wait_budget
    assert wait_budget is not None
    waits = wait_budget.waits
    for visitor in visitors:
        visitor.start()
    wait_until(lambda: wait_budget.waits == waits + 3)
    shop.send("mia", button)
    for visitor in visitors:
        visitor.join()

    assert "Use Lounge now" not in forms(shop.read("mia"))
    assert "Lounge" in region(shop.read("mia"), "History").text


def test_what_omneo_does_not_know_fills_the_region_as_well(shop: Shop, omneo: OmneoSandbox) -> None:
    shop.get("nobody")

    status, text = shop.get("nobody", f"{HERE}/fragment")

    assert (status, "No benefits yet." in text) == (200, True)


def test_a_wallet_that_is_never_cached_fills_the_region_too(tmp_path: Path, omneo: OmneoSandbox) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_SECONDS=0) as shop:
        status, text = shop.get("mia", f"{HERE}/fragment")

    assert (status, "Only mias" in text) == (200, True)
