"""A whole shop on real sockets, and a real Chromium to walk through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from example_shop.server.run import Running, start

GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
DECLINED_AT_CAPTURE = "4000 0000 0000 0341"
LATE_CAPTURE = "4000 0000 0000 0267"
REDIRECT_CARD = "4000 0000 0000 3220"
ADDRESS = {
    "Full name": "Mia Ngo",
    "Email": "mia@example.com",
    "Street and number": "12 Gertrude Street",
    "Suburb": "Fitzroy",
    "Postcode": "3065",
}


@dataclass
class Town:
    """The running shop, and what its Omneo holds."""

    running: Running

    @property
    def url(self) -> str:
        return self.running.shop_url

    def at_omneo(self) -> dict[str, list[dict[str, Any]]]:
        state: dict[str, list[dict[str, Any]]] = httpx.get(f"{self.running.sandbox_url}/_sandbox/state").json()
        return state

    def transaction(self, order_number: str) -> list[dict[str, Any]]:
        return [row for row in self.at_omneo()["transactions"] if row["external_id"] == order_number]

    def live_uses(self, customer_id: str, handle: str) -> int:
        """How often a customer's benefits of that kind are used and not given back."""
        return sum(benefit["used"] for benefit in self.benefits(customer_id, handle))

    def benefits(self, customer_id: str, handle: str) -> list[dict[str, Any]]:
        """A customer's benefits of that kind, as Omneo holds them."""
        state = self.at_omneo()
        profile = next(row["profile_id"] for row in state["identities"] if row["identifier"] == customer_id)
        definition = next(row["id"] for row in state["definitions"] if row["handle"] == handle)
        mine = [row for row in state["benefits"] if row["profile_id"] == profile]
        return [row for row in mine if row["definition_id"] == definition]

    def use_at_the_till(self, customer_id: str, handle: str) -> None:
        """Somebody behind a counter redeems the benefit; the shop hears nothing of it."""
        sandbox = self.running.sandbox
        assert sandbox is not None
        state = self.at_omneo()
        profile = next(row["profile_id"] for row in state["identities"] if row["identifier"] == customer_id)
        benefit = self.benefits(customer_id, handle)[0]["id"]
        answer = httpx.post(
            f"{sandbox.base_url}/profiles/{profile}/benefits/{benefit}/redemptions",
            headers={"Authorization": f"Bearer {sandbox.token}"},
            json={"issued_at": "2026-01-01 12:00:00", "timezone": "UTC", "external_id": "till-1"},
        )
        answer.raise_for_status()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A shop of its own for each journey, so that no journey depends on another."""
    with start(
        data=tmp_path, late_seconds=2.5, config={"PAYMENTS_TIMEOUT": 1.0, "BENEFITS_PAGE_BUDGET_MS": 10_000}, environ={}
    ) as running:
        yield Town(running)


@pytest.fixture(params=["with scripts", "without scripts"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab; every journey is walked with JavaScript and without. A broken page or a blocked resource fails it."""
    context = chromium.new_context(java_script_enabled=request.param == "with scripts", locale="en-AU")
    context.set_default_timeout(20_000)
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    context.close()
    expected = ("status of 4", "status of 503")  # the browser reports our own error pages, which journeys ask for
    assert [text for text in complaints if not any(part in text for part in expected)] == []


def sign_in(page: Page, town: Town, name: str) -> None:
    page.goto(f"{town.url}/sign-in")
    page.get_by_role("button", name=name).click()


def fill_a_cart(page: Page, town: Town) -> None:
    """One thing that every benefit of the demo fits."""
    page.goto(f"{town.url}/products/harbour-linen-shirt")
    page.get_by_role("button", name="Add to cart").click()


def fill_in_checkout(page: Page, town: Town, card: str = GOOD_CARD) -> None:
    if not page.url.startswith(f"{town.url}/checkout"):
        page.goto(f"{town.url}/checkout")
    for label, value in ADDRESS.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("combobox", name="State").select_option("VIC")
    page.get_by_label("Card number").fill(card)


def place_order(page: Page) -> None:
    page.get_by_role("button", name="Place order").click()


def order_number(page: Page) -> str:
    """The number in the address of the confirmation or order page."""
    return page.url.split("/orders/")[1].split("/")[0]
