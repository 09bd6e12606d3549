"""A rollback of which what Omneo shows cannot be read: it waits for a day, and then a person decides."""

from __future__ import annotations

import pytest

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import AWKWARD, OpenHarness, ServiceHarness
from tests.service.steps import held, use

ALWAYS = 10**6


@pytest.fixture
def harness(new_harness: OpenHarness) -> ServiceHarness:
    return new_harness(switches=AWKWARD)


def redeemed(harness: ServiceHarness) -> str:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.CANCELLED)
    return use_id


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_rollback_whose_evidence_stays_unreadable_goes_to_manual_review(
    harness: ServiceHarness, is_asked: bool
) -> None:
    use_id = redeemed(harness)
    if is_asked:
        harness.wire.fail("POST", "/reversal", "dropped")
        roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    harness.wire.fail("GET", "/benefits/", "garbage", times=ALWAYS)
    if not is_asked:
        roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    harness.clock.forward(hours=23)
    run_once(harness.ctx)
    waiting = use(harness, use_id)
    harness.clock.forward(hours=2)
    run_once(harness.ctx)
    ended = use(harness, use_id)

    assert waiting.state is UseState.ROLLING_BACK
    assert (waiting.rollback_sent_at is not None) is is_asked
    assert ended.state is UseState.MANUAL_REVIEW
    assert "web page" in (ended.note or "")


def test_a_rollback_while_omneo_is_down_for_days_waits_for_no_person(harness: ServiceHarness) -> None:
    use_id = redeemed(harness)
    harness.wire.fail("GET", "/benefits/", "503", times=ALWAYS)
    roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    for _ in range(3):
        harness.clock.forward(days=1)
        run_once(harness.ctx)
    meanwhile = use(harness, use_id).state
    harness.wire.heal()
    harness.work(minutes=6)

    assert meanwhile is UseState.ROLLING_BACK
    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert harness.live_redemptions() == []


def test_the_pauses_grow_while_what_is_left_cannot_be_read(harness: ServiceHarness) -> None:
    use_id = redeemed(harness)
    harness.wire.fail("GET", "/benefits/", "garbage", times=ALWAYS)
    roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    for _ in range(10):
        harness.clock.forward(minutes=3)
        run_once(harness.ctx)
    due_at = use(harness, use_id).due_at

    assert due_at is not None
    assert (due_at - harness.clock.now).total_seconds() >= 30
