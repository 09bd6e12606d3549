"""Redemptions whose order the shop does not place in time."""

from __future__ import annotations

from claimable_benefits.domain.states import UseState
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import ServiceHarness
from tests.service.steps import held, use


def test_an_order_that_the_shop_has_not_known_for_a_day_waits_for_manual_review(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    harness.clock.forward(hours=23)
    run_once(harness.ctx)
    before = use(harness, use_id).state
    harness.clock.forward(hours=2)
    run_once(harness.ctx)

    assert (before, use(harness, use_id).state) == (UseState.REDEEMED, UseState.MANUAL_REVIEW)
