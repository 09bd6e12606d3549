"""The pages over the extension itself, its ledger, and a sandbox that answers, is lost, or is away."""

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
from claimable_benefits.domain.policy import Place as At
from claimable_benefits.domain.policy import Policy
from claimable_benefits.sandbox import create_sandbox
from tests.web.conftest import Browser
from tests.web.reading import forms, region
from tests.web.test_claiming_and_using import notices

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
class Wire(httpx.BaseTransport):
    """The way to Omneo: ``state`` is up, down, or lost (what is sent arrives, and no answer comes back)."""

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
class Place:
    mia: Browser
    wire: Wire


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    sandbox = create_sandbox(data=tmp_path / "omneo", token="token", seed="demo", clock=lambda: NOW)
    wire = Wire(httpx.WSGITransport(app=sandbox))
    benefits = ClaimableBenefits(clock=lambda: NOW, sleep=lambda _: None, transport=wire)
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
        BENEFITS_PAGE_BUDGET_MS=10_000,  # a busy machine shall not pass for a slow Omneo
    )
    lines = (Line("shirt", "Linen shirt", 1, Decimal("99.99")),)
    benefits.shopper_loader(lambda: Shopper("1001", "Mia Ngo", "Australia/Melbourne", "en_AU"))
    benefits.cart_loader(lambda: Cart("cart-1", lines, "AUD", Decimal("9.95")))
    benefits.init_app(app)
    app.add_url_rule("/checkout", view_func=lambda: render_template_string("{{ benefits_panel() }}"))
    yield Place(Browser(app.test_client()), wire)
    app.extensions["claimable_benefits"].close()


def test_a_benefit_is_claimed_and_used_from_the_account(place: Place) -> None:
    place.mia.press("Claim VIP Lounge Visit")
    assert notices(place.mia.read()) == [("status", "VIP Lounge Visit is yours.")]
    receipt = place.mia.read(place.mia.press("Use VIP Lounge Visit now").location)

    assert receipt.one("code").text == "LOUNGE-GOLD"
    history = region(place.mia.read(), "History").text
    assert "VIP Lounge Visit 2 March 2026 From your account" in history
    assert "Use VIP Lounge Visit now" not in forms(place.mia.read())


def test_a_double_click_claims_and_uses_once(place: Place) -> None:
    claim = place.mia.form("Claim VIP Lounge Visit")
    place.mia.send(claim)
    place.mia.send(claim)
    use = place.mia.form("Use VIP Lounge Visit now")
    receipts = {place.mia.send(use).location for _ in range(2)}

    assert len(receipts) == 1
    assert len(place.wire.writes) == 2


def test_a_claim_without_an_answer_is_being_confirmed(place: Place) -> None:
    button = place.mia.form("Claim VIP Lounge Visit")
    place.wire.state = "lost"
    place.mia.send(button)
    place.wire.state = "up"
    page = place.mia.read()

    assert "We are confirming VIP Lounge Visit" in notices(page)[0][1]
    assert "We are confirming VIP Lounge Visit" in region(page, "Ready to claim").text
    assert "Claim VIP Lounge Visit" not in forms(page)


def test_a_use_without_an_answer_leads_to_a_receipt_that_is_being_confirmed(place: Place) -> None:
    place.mia.press("Claim VIP Lounge Visit")
    place.mia.read()
    button = place.mia.form("Use VIP Lounge Visit now")
    place.wire.writes.clear()
    place.wire.state = "lost"
    answer = place.mia.send(button)
    receipt = place.mia.read(answer.location)
    place.wire.state = "up"

    assert receipt.one("p", role="status").text == "We are confirming this with the loyalty programme."
    assert "LOUNGE-GOLD" not in receipt.text
    assert "Use VIP Lounge Visit now" not in forms(place.mia.read())


def test_a_benefit_is_claimed_and_used_in_one_step_and_only_once(place: Place) -> None:
    button = place.mia.form(DRAW)
    receipts = {place.mia.send(button).location for _ in range(2)}
    receipt = place.mia.read(receipts.pop())
    page = place.mia.read()

    assert (receipts, len(place.wire.writes)) == (set(), 1)
    assert receipt.one("code").text == "DRAW-LORNE"
    assert DRAW not in forms(page)
    assert "Prize Draw Entry 2 March 2026 As you claimed it" in region(page, "History").text
    assert "Prize Draw Entry" not in region(page, "Yours to use").text


def test_one_step_without_an_answer_is_being_confirmed_and_cannot_be_pressed_again(place: Place) -> None:
    button, stale = place.mia.form(DRAW), place.mia.form(DRAW)
    place.wire.state = "lost"
    location = place.mia.send(button).location
    receipt = place.mia.read(location)
    place.wire.state = "up"
    page = place.mia.read()

    assert receipt.one("p", role="status").text == "We are confirming this with the loyalty programme."
    assert "DRAW-LORNE" not in receipt.text
    assert DRAW not in forms(page)
    assert "We are confirming Prize Draw Entry" in region(page, "Ready to claim").text
    assert place.mia.send(stale).location == location
    assert len(place.wire.writes) == 1


def test_one_step_that_cannot_be_sent_changes_nothing_and_may_be_pressed_again(place: Place) -> None:
    button = place.mia.form(DRAW)
    place.wire.state = "down"
    place.mia.send(button)
    place.wire.state = "up"
    page = place.mia.read()
    [(role, sentence)] = notices(page)

    assert (role, "nothing was changed" in sentence) == ("alert", True)
    assert place.mia.read(place.mia.press(DRAW).location).one("code").text == "DRAW-LORNE"


def test_a_page_from_before_the_policy_cannot_claim_what_is_used_at_once(place: Place) -> None:
    claim = place.mia.form("Claim VIP Lounge Visit")
    context = place.mia.client.application.extensions["claimable_benefits"].context
    context.policies["vip-lounge"] = Policy("vip-lounge", used_at=frozenset({At.CLAIM}))
    place.mia.send(claim)
    [(role, sentence)] = notices(place.mia.read())

    assert (role, sentence) == (
        "alert",
        "VIP Lounge Visit is used as soon as it is claimed. Please open your benefits again.",
    )
    assert place.wire.writes == []


def test_the_panel_applies_replaces_and_removes(place: Place) -> None:
    place.mia.press("Claim Free Shipping")
    place.mia.read()
    place.mia.press("Apply First Spend Discount", "/checkout")
    place.mia.press("Apply Free Shipping", "/checkout")
    page = place.mia.read("/checkout")

    assert notices(page)[-1] == (
        "status",
        "Free Shipping is applied in place of First Spend Discount, which is still yours.",
    )
    assert page.one("p", class_="cb-applied__effect").text == "\N{MINUS SIGN}$9.95"
    place.mia.press("Remove Free Shipping", "/checkout")
    assert notices(place.mia.read("/checkout")) == [("status", "Free Shipping is removed. It is still yours.")]


def test_while_omneo_is_away_what_is_remembered_is_shown_and_nothing_is_changed(place: Place) -> None:
    place.mia.press("Apply First Spend Discount", "/checkout")
    button = place.mia.form("Claim VIP Lounge Visit")
    place.wire.state = "down"
    place.mia.send(button)
    page = place.mia.read()
    [(role, sentence)] = notices(page)

    assert (role, "nothing was changed" in sentence) == ("alert", True)
    assert "Claim VIP Lounge Visit" in forms(page)
    assert "First Spend Discount" in region(place.mia.read("/checkout"), "Benefits").text


def test_while_omneo_is_away_and_nothing_is_remembered_every_page_stands(place: Place) -> None:
    place.wire.state = "down"
    panel = region(place.mia.read("/checkout"), "Benefits").text

    assert place.mia.read(status=503).one("h1").text == "Your benefits"
    assert "The loyalty programme does not answer right now" in panel
