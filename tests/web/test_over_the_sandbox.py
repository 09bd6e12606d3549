"""The pages over the whole extension, its ledger, and a sandbox that answers, loses answers, or is down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from flask import Flask, render_template_string

from claimable_benefits import Cart, ClaimableBenefits, Line, Shopper
from claimable_benefits.domain.policy import Place, Policy
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import uses_of_customer
from claimable_benefits.sandbox import create_sandbox
from tests.web.conftest import Browser
from tests.web.reading import forms, region
from tests.web.test_actions import flashes

HERE = "/account/benefits"
DRAW = "Claim and use Prize Draw Entry now"
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
POLICIES = """
[free-shipping]
discount = "shipping"
used_at = "checkout"

[first-spend]
discount = "percent"
size = 10
used_at = "checkout"

[vip-lounge]
used_at = "account"

[barista-coffee]
used_at = "store"

[prize-draw]
used_at = "claim"
"""


@dataclass
class Network(httpx.BaseTransport):
    """The network to Omneo: ``state`` is up, down, or lost (a request arrives, and its answer does not)."""

    inner: httpx.BaseTransport
    state: str = "up"
    writes: list[str] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.state == "down":
            raise httpx.ConnectError("refused", request=request)
        if request.method == "GET":
            return self._read(request)
        self.writes.append(request.url.path)
        answer = self.inner.handle_request(request)
        if self.state == "lost":
            answer.read()
            raise httpx.ReadTimeout("no answer", request=request)
        return answer

    def _read(self, request: httpx.Request) -> httpx.Response:
        if self.state == "lost" and self.writes:
            raise httpx.ReadTimeout("no answer", request=request)
        return self.inner.handle_request(request)


@dataclass
class SandboxShop:
    """A shop with the whole extension over a sandbox: its shopper's browser, and its network."""

    mia: Browser
    network: Network
    cart: list[str]

    def held_for(self, benefit: str) -> list[str]:
        """The carts that hold a benefit, by its name, as the ledger has it."""
        context = self.mia.client.application.extensions["claimable_benefits"].context
        with context.ledger.read() as connection:
            uses = uses_of_customer(connection, "1001", states=(UseState.HELD,))
        return [use.cart_id for use in uses if use.name == benefit]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SandboxShop]:
    sandbox = create_sandbox(data=tmp_path / "omneo", token="token", seed="demo", clock=lambda: NOW)
    network = Network(httpx.WSGITransport(app=sandbox))
    benefits = ClaimableBenefits(clock=lambda: NOW, sleep=lambda _: None, transport=network)
    app = Flask("tests.web.real", instance_path=str(tmp_path))
    (tmp_path / "policies.toml").write_text(POLICIES, encoding="utf-8")
    app.config.update(
        SECRET_KEY="a key for tests",
        TESTING=True,
        OMNEO_BASE_URL="http://127.0.0.1/api/v3",
        OMNEO_TOKEN="token",
        OMNEO_TIMEZONE="Australia/Melbourne",
        BENEFITS_POLICIES=str(tmp_path / "policies.toml"),
        BENEFITS_WORKER="off",
        BENEFITS_PAGE_BUDGET_MS=10_000,  # however busy the machine is, no call of the sandbox is too slow
    )
    lines = (Line("shirt", "Linen shirt", 1, Decimal("99.99")),)
    benefits.shopper_loader(lambda: Shopper("1001", "Mia Ngo", "Australia/Melbourne", "en_AU"))
    cart = ["cart-1"]
    benefits.cart_loader(lambda: Cart(cart[0], lines, "AUD", Decimal("9.95")))
    benefits.init_app(app)
    app.add_url_rule("/checkout", view_func=lambda: render_template_string("{{ benefits_panel() }}"))
    yield SandboxShop(Browser(app.test_client()), network, cart)
    app.extensions["claimable_benefits"].close()


def test_a_claim_leads_back_to_the_list_which_says_so_once(shop: SandboxShop) -> None:
    answer = shop.mia.press("Claim Free Shipping")
    pages = [flashes(shop.mia.read()) for _ in range(2)]

    assert (answer.status_code, answer.location) == (303, HERE)
    assert pages == [[("status", "Free Shipping is yours.")], []]


def test_using_leads_to_a_receipt_with_code_and_instructions(shop: SandboxShop) -> None:
    shop.mia.press("Claim VIP Lounge Visit")
    answer = shop.mia.press("Use VIP Lounge Visit now")
    receipt = shop.mia.read(answer.location)

    assert answer.status_code == 303
    assert receipt.one("h1").text == "VIP Lounge Visit"
    assert "Used on 2 March 2026 at 12:00" in receipt.one("p", role="status").text
    assert receipt.one("code").text == "LOUNGE-GOLD"
    assert receipt.one("div", role="img", aria_label="QR code for LOUNGE-GOLD")
    assert receipt.one("div", class_="cb-text").text


def test_a_benefit_is_claimed_and_used_from_the_account(shop: SandboxShop) -> None:
    shop.mia.press("Claim VIP Lounge Visit")
    assert flashes(shop.mia.read()) == [("status", "VIP Lounge Visit is yours.")]
    receipt = shop.mia.read(shop.mia.press("Use VIP Lounge Visit now").location)

    assert receipt.one("code").text == "LOUNGE-GOLD"
    history = region(shop.mia.read(), "History").text
    assert "VIP Lounge Visit 2 March 2026 From your account" in history
    assert "Use VIP Lounge Visit now" not in forms(shop.mia.read())


def test_a_claimed_benefit_moves_to_those_to_use(shop: SandboxShop) -> None:
    shop.mia.press("Claim Free Shipping")
    page = shop.mia.read()

    assert "Claim Free Shipping" not in forms(page)
    assert "Free Shipping" in [title.text for title in region(page, "Yours to use").all("h3")]


def test_a_second_click_on_claim_changes_nothing_and_says_so(shop: SandboxShop) -> None:
    button = shop.mia.form("Claim Free Shipping")
    shop.mia.send(button)
    shop.mia.read()
    shop.mia.send(button)

    assert flashes(shop.mia.read()) == [("status", "You already have Free Shipping. Nothing changed.")]
    assert len(shop.network.writes) == 1


def test_a_double_click_claims_and_uses_once(shop: SandboxShop) -> None:
    claim = shop.mia.form("Claim VIP Lounge Visit")
    shop.mia.send(claim)
    shop.mia.send(claim)
    use = shop.mia.form("Use VIP Lounge Visit now")
    receipts = {shop.mia.send(use).location for _ in range(2)}

    assert len(receipts) == 1
    assert len(shop.network.writes) == 2


def test_a_claim_without_an_answer_is_being_confirmed(shop: SandboxShop) -> None:
    button = shop.mia.form("Claim VIP Lounge Visit")
    shop.network.state = "lost"
    shop.mia.send(button)
    shop.network.state = "up"
    page = shop.mia.read()

    assert "We are confirming VIP Lounge Visit" in flashes(page)[0][1]
    assert "We are confirming VIP Lounge Visit" in region(page, "Ready to claim").text
    assert "Claim VIP Lounge Visit" not in forms(page)


def test_a_use_without_an_answer_leads_to_a_receipt_that_is_being_confirmed(shop: SandboxShop) -> None:
    shop.mia.press("Claim VIP Lounge Visit")
    shop.mia.read()
    button = shop.mia.form("Use VIP Lounge Visit now")
    shop.network.writes.clear()
    shop.network.state = "lost"
    answer = shop.mia.send(button)
    receipt = shop.mia.read(answer.location)
    shop.network.state = "up"

    assert receipt.one("p", role="status").text == "We are confirming this with the loyalty programme."
    assert "LOUNGE-GOLD" not in receipt.text
    assert "Use VIP Lounge Visit now" not in forms(shop.mia.read())


@pytest.mark.parametrize("path", [HERE, f"{HERE}/claimable/prize-draw"])
def test_one_press_leads_to_a_receipt_with_code_and_instructions(shop: SandboxShop, path: str) -> None:
    answer = shop.mia.press(DRAW, path)
    receipt = shop.mia.read(answer.location)

    assert (answer.status_code, len(shop.network.writes)) == (303, 1)
    assert receipt.one("h1").text == "Prize Draw Entry"
    assert "Used on 2 March 2026 at 12:00" in receipt.one("p", role="status").text
    assert receipt.one("code").text == "DRAW-LORNE"
    assert receipt.one("div", class_="cb-text").text


def test_a_benefit_is_claimed_and_used_in_one_step_and_only_once(shop: SandboxShop) -> None:
    button = shop.mia.form(DRAW)
    receipts = {shop.mia.send(button).location for _ in range(2)}
    receipt = shop.mia.read(receipts.pop())
    page = shop.mia.read()

    assert (receipts, len(shop.network.writes)) == (set(), 1)
    assert receipt.one("code").text == "DRAW-LORNE"
    assert DRAW not in forms(page)
    assert "Prize Draw Entry 2 March 2026 As you claimed it" in region(page, "History").text
    assert "Prize Draw Entry" not in region(page, "Yours to use").text


def test_one_step_without_an_answer_is_being_confirmed_and_cannot_be_pressed_again(shop: SandboxShop) -> None:
    button, stale = shop.mia.form(DRAW), shop.mia.form(DRAW)
    shop.network.state = "lost"
    location = shop.mia.send(button).location
    receipt = shop.mia.read(location)
    shop.network.state = "up"
    page = shop.mia.read()

    assert receipt.one("p", role="status").text == "We are confirming this with the loyalty programme."
    assert "DRAW-LORNE" not in receipt.text
    assert DRAW not in forms(page)
    assert "We are confirming Prize Draw Entry" in region(page, "Ready to claim").text
    assert shop.mia.send(stale).location == location
    assert len(shop.network.writes) == 1


def test_one_step_that_cannot_be_sent_changes_nothing_and_may_be_pressed_again(shop: SandboxShop) -> None:
    button = shop.mia.form(DRAW)
    shop.network.state = "down"
    shop.mia.send(button)
    shop.network.state = "up"
    page = shop.mia.read()
    [(role, sentence)] = flashes(page)

    assert (role, "nothing was changed" in sentence) == ("alert", True)
    assert shop.mia.read(shop.mia.press(DRAW).location).one("code").text == "DRAW-LORNE"


def test_a_page_from_before_the_policy_cannot_claim_what_is_used_at_once(shop: SandboxShop) -> None:
    claim = shop.mia.form("Claim VIP Lounge Visit")
    context = shop.mia.client.application.extensions["claimable_benefits"].context
    context.policies["vip-lounge"] = Policy("vip-lounge", used_at=frozenset({Place.CLAIM}))
    shop.mia.send(claim)
    [(role, sentence)] = flashes(shop.mia.read())

    assert (role, sentence) == (
        "alert",
        "VIP Lounge Visit is used as soon as it is claimed. Please open your benefits again.",
    )
    assert shop.network.writes == []


def test_a_button_of_the_panel_returns_to_its_page(shop: SandboxShop) -> None:
    applied = shop.mia.press("Apply First Spend Discount", "/checkout?step=2")
    first_page = flashes(shop.mia.read("/checkout"))
    removed = shop.mia.press("Remove First Spend Discount", "/checkout?step=3")

    assert [(each.status_code, each.location) for each in (applied, removed)] == [
        (303, "/checkout?step=2"),
        (303, "/checkout?step=3"),
    ]
    assert first_page == [("status", "First Spend Discount is applied.")]
    assert flashes(shop.mia.read("/checkout")) == [("status", "First Spend Discount is removed. It is still yours.")]
    assert shop.held_for("First Spend Discount") == []


def test_a_benefit_moves_from_another_cart(shop: SandboxShop) -> None:
    shop.mia.press("Apply First Spend Discount", "/checkout")
    shop.cart[0] = "cart-2"
    shop.mia.press("Use First Spend Discount here instead", "/checkout")

    assert flashes(shop.mia.read("/checkout"))[-1] == ("status", "First Spend Discount is applied.")
    assert shop.held_for("First Spend Discount") == ["cart-2"]


def test_the_panel_applies_replaces_and_removes(shop: SandboxShop) -> None:
    shop.mia.press("Claim Free Shipping")
    shop.mia.read()
    shop.mia.press("Apply First Spend Discount", "/checkout")
    shop.mia.press("Apply Free Shipping", "/checkout")
    page = shop.mia.read("/checkout")

    assert flashes(page)[-1] == (
        "status",
        "Free Shipping is applied in place of First Spend Discount, which is still yours.",
    )
    assert page.one("p", class_="cb-applied__effect").text == "\N{MINUS SIGN}$9.95"
    shop.mia.press("Remove Free Shipping", "/checkout")
    assert flashes(shop.mia.read("/checkout")) == [("status", "Free Shipping is removed. It is still yours.")]


def test_while_omneo_is_down_what_is_cached_is_shown_and_nothing_is_changed(shop: SandboxShop) -> None:
    shop.mia.press("Apply First Spend Discount", "/checkout")
    button = shop.mia.form("Claim VIP Lounge Visit")
    shop.network.state = "down"
    shop.mia.send(button)
    page = shop.mia.read()
    [(role, sentence)] = flashes(page)

    assert (role, "nothing was changed" in sentence) == ("alert", True)
    assert "Claim VIP Lounge Visit" in forms(page)
    assert "First Spend Discount" in region(shop.mia.read("/checkout"), "Benefits").text


def test_while_omneo_is_down_and_nothing_is_cached_every_page_is_shown(shop: SandboxShop) -> None:
    shop.network.state = "down"
    panel = region(shop.mia.read("/checkout"), "Benefits").text

    assert shop.mia.read(status=503).one("h1").text == "Your benefits"
    assert "The loyalty programme does not answer right now" in panel
