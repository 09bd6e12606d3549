"""Redemptions whose order the shop does not place in time."""

from __future__ import annotations

from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import Use, find_use
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, ServiceHarness


def benefit_id(harness: ServiceHarness, handle: str = "first-spend") -> str:
    found = read_wallet(harness.ctx, MIA).holds(handle)
    if found is None:
        claim(harness.ctx, MIA, handle, f"claim of {handle}")
        found = read_wallet(harness.ctx, MIA).holds(handle)
    assert found is not None
    return found.id


def held(harness: ServiceHarness, handle: str = "first-spend") -> str:
    return hold(harness.ctx, MIA, CART, benefit_id(harness, handle)).use_id


def use(harness: ServiceHarness, use_id: str) -> Use:
    with harness.ctx.ledger.read() as connection:
        found = find_use(connection, use_id)
    assert found is not None
    return found


def test_an_order_that_the_shop_has_not_known_for_a_day_waits_for_manual_review(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    harness.clock.forward(hours=23)
    run_once(harness.ctx)
    before = use(harness, use_id).state
    harness.clock.forward(hours=2)
    run_once(harness.ctx)

    assert (before, use(harness, use_id).state) == (UseState.REDEEMED, UseState.MANUAL_REVIEW)
