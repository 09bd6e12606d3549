"""A redemption was made, and Omneo's answer has an id that no database stores: in doubt, looked up, never lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from claimable_benefits.domain.states import ClaimState, DeliveryState, UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.claims import find_claim
from claimable_benefits.ledger.outbox import find_delivery
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import MIA, ServiceHarness, new_client
from tests.service.steps import held, use


@dataclass
class OddIds(httpx.BaseTransport):
    """The way to Omneo, on which every redemption's id gets ``odd`` behind it."""

    inner: httpx.BaseTransport
    odd: str

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        response.read()
        if "/redemptions" not in request.url.path or not response.is_success:
            return response
        body = response.json()
        found = body["data"] if isinstance(body["data"], list) else [body["data"]]
        for one in found:
            one["id"] = f"{one['id']}{self.odd}"
        content = json.dumps(body).encode()
        return httpx.Response(response.status_code, content=content, headers={"Content-Type": "application/json"})


@dataclass
class OddNeighbour(httpx.BaseTransport):
    """The way to Omneo, on which every profile holds one more benefit, whose id no database stores."""

    inner: httpx.BaseTransport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        response.read()
        if not request.url.path.endswith("/benefits") or request.method != "GET" or not response.is_success:
            return response
        body = response.json()
        body["data"].append({"id": "x" * 300, "definition": {"name": "Odd"}})
        body.pop("meta", None)
        return httpx.Response(200, json=body)


def odd_client(harness: ServiceHarness, odd: str) -> Any:
    wire: Any = OddIds(harness.wire, odd)
    return new_client(wire, harness.ctx.ledger, harness.clock)


@pytest.mark.parametrize("odd", ["x" * 65, "x" * 252])
def test_a_long_id_is_stored(harness: ServiceHarness, odd: str) -> None:
    use_id = held(harness)
    ctx = replace(harness.ctx, omneo=odd_client(harness, odd))
    redeemed = redeem_for_order(ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert use(harness, use_id).redemption_id == f"{harness.live_redemptions()[0]}{odd}"


@pytest.mark.parametrize("odd", ["x" * 256, "\x00", "\x07", "\ud800"])
def test_an_id_that_cannot_be_stored_is_in_doubt_and_stops_nothing_else(harness: ServiceHarness, odd: str) -> None:
    use_id = held(harness)
    ctx = replace(harness.ctx, omneo=odd_client(harness, odd))
    with pytest.raises(Declined) as declined:
        redeem_for_order(ctx, use_id, "A1", actor="shopper 1001")
    harness.submit("A2")
    harness.clock.forward(minutes=5)
    done = run_once(ctx)

    assert declined.value.reason == "not_confirmed"
    assert use(harness, use_id).state is UseState.IN_DOUBT
    assert len(harness.live_redemptions()) == 1
    assert (done.delivered, done.failed) == (1, 0)
    with ctx.ledger.read() as connection:
        delivery = find_delivery(connection, "A2")
    assert delivery is not None
    assert delivery.state is DeliveryState.DELIVERED


def test_an_id_that_stays_unreadable_goes_to_manual_review(harness: ServiceHarness) -> None:
    use_id = held(harness)
    ctx = replace(harness.ctx, omneo=odd_client(harness, "\x00"))
    with pytest.raises(Declined):
        redeem_for_order(ctx, use_id, "A1", actor="shopper 1001")
    harness.clock.forward(hours=23)
    run_once(ctx)
    waiting = use(harness, use_id).state
    harness.clock.forward(hours=2)
    run_once(ctx)

    assert (waiting, use(harness, use_id).state) == (UseState.IN_DOUBT, UseState.MANUAL_REVIEW)
    assert "cannot be stored" in (use(harness, use_id).note or "")


def test_a_benefit_with_an_odd_id_hides_no_other_and_keeps_no_claim_in_doubt(harness: ServiceHarness) -> None:
    wire: Any = OddNeighbour(harness.wire)
    ctx = replace(harness.ctx, omneo=new_client(wire, harness.ctx.ledger, harness.clock))
    harness.wire.fail("POST", "/claim", "applied then dropped")
    done = claim(ctx, MIA, "free-shipping", "click-1")
    wallet = read_wallet(ctx, MIA)

    assert done.confirmed
    assert wallet.holds("free-shipping") is not None
    assert "Odd" not in [held.benefit.name for held in wallet.usable]


def test_a_claim_whose_absence_cannot_be_read_is_not_given_up(harness: ServiceHarness) -> None:
    wire: Any = OddNeighbour(harness.wire)
    ctx = replace(harness.ctx, omneo=new_client(wire, harness.ctx.ledger, harness.clock))
    harness.wire.fail("POST", "/claim", "dropped")
    claim(ctx, MIA, "free-shipping", "click-1")
    for _ in range(20):
        harness.clock.forward(minutes=10)
        run_once(ctx)
    harness.wire.seen.clear()
    run_once(ctx)
    with ctx.ledger.read() as connection:
        waiting = find_claim(connection, "click-1")

    assert waiting is not None
    assert waiting.state is ClaimState.IN_DOUBT
    assert waiting.due_at is not None
    assert waiting.due_at > harness.clock.now
    assert harness.wire.sent("GET", "/benefits") == 0  # it is not looked up again at once


def test_an_id_that_is_readable_again_is_resolved(harness: ServiceHarness) -> None:
    """Nothing is lost meanwhile: the redemption of an order that went on without it is rolled back."""
    use_id = held(harness)
    ctx = replace(harness.ctx, omneo=odd_client(harness, "\x00"))
    with pytest.raises(Declined):
        redeem_for_order(ctx, use_id, "A1", actor="shopper 1001")
    run_once(ctx)
    harness.work(minutes=20)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert harness.live_redemptions() == []
