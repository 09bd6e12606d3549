"""The sweep: requests that Omneo applies after the use was resolved."""

from __future__ import annotations

import pytest

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.service.redemption.redeem import redeem_for_order, use_from_account
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import MIA, OpenHarness, ServiceHarness
from tests.service.steps import benefit_id, held, lose, use, use_at_the_till


@pytest.mark.parametrize("minutes", [0.5, 1, 2, 4, 9, 19, 24])
def test_a_request_that_omneo_applies_minutes_later_is_rolled_back(harness: ServiceHarness, minutes: float) -> None:
    use_id = held(harness)
    lose(harness, "delayed", use_id)
    harness.orders.set("A1", OrderState.CANCELLED)

    harness.work(minutes=minutes)
    harness.wire.deliver_delayed()
    was_live = harness.live_redemptions()
    harness.work(minutes=30)

    assert len(was_live) == 1
    assert harness.live_redemptions() == []
    assert use(harness, use_id).state is UseState.ROLLED_BACK


def test_a_resolved_use_that_is_never_found_is_swept_eight_times(harness: ServiceHarness) -> None:
    use_id = held(harness)
    lose(harness, "dropped", use_id)
    harness.work(minutes=3)
    resolved = use(harness, use_id)

    harness.work(minutes=30)
    looks = harness.wire.sent("GET", "/redemptions")
    harness.work(minutes=30)

    assert (resolved.state, use(harness, use_id).sweeps) == (UseState.RELEASED, 8)
    assert harness.wire.sent("GET", "/redemptions") == looks


def test_a_sweep_after_a_clock_jumped_by_an_hour_is_not_the_last_one(harness: ServiceHarness) -> None:
    use_id = held(harness)
    lose(harness, "delayed", use_id)
    harness.orders.set("A1", OrderState.CANCELLED)
    harness.clock.forward(hours=1)

    for _ in range(3):
        run_once(harness.ctx)
        harness.clock.forward(seconds=10)
    released = use(harness, use_id).state
    harness.wire.deliver_delayed()
    harness.work(minutes=30)

    assert released is UseState.RELEASED
    assert harness.live_redemptions() == []


def test_a_till_that_uses_it_later_is_not_robbed_where_references_are_not_kept(new_harness: OpenHarness) -> None:
    harness = new_harness(dialect="reference", switches={"external_id_filter": "ignored"})
    use_id = held(harness)
    harness.wire.fail("POST", "/redeem", "dropped")
    harness.wire.fail("GET", "/redemptions", "dropped")
    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.work(minutes=5)
    resolved = use(harness, use_id)

    use_at_the_till(harness, resolved)
    harness.work(minutes=30)

    assert resolved.state is UseState.RELEASED
    assert use(harness, use_id).state is UseState.MANUAL_REVIEW
    assert len(harness.live_redemptions()) == 1


def test_an_account_use_that_is_found_late_is_rolled_back(harness: ServiceHarness) -> None:
    benefit = benefit_id(harness, "vip-lounge")
    harness.wire.fail("POST", "/redemptions", "delayed")
    harness.wire.fail("GET", "/redemptions", "dropped")
    with pytest.raises(Declined) as declined:
        use_from_account(harness.ctx, MIA, benefit, "click-1")
    harness.work(minutes=3)
    resolved = use(harness, "click-1").state

    harness.wire.deliver_delayed()
    harness.work(minutes=10)

    assert declined.value.reason == "not_confirmed"
    assert (resolved, use(harness, "click-1").state) == (UseState.RELEASED, UseState.ROLLED_BACK)
    assert harness.live_redemptions() == []
