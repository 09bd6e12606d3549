"""Rollbacks: lost answers, refusals, and redemptions that are rolled back once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.tables import uses
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from tests.service.conftest import CART, MIA, ServiceHarness
from tests.service.steps import benefit_id, held, use


@pytest.mark.parametrize("kind", ["applied then dropped", "delayed", "dropped", "503"])
def test_a_lost_answer_to_a_rollback_never_rolls_back_twice(harness: ServiceHarness, kind: str) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", kind)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    harness.work(minutes=1)
    harness.wire.deliver_delayed()
    harness.work(minutes=5)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert len(harness.redemptions("reversal")) + len(harness.redemptions("return")) == 1


def test_two_uses_of_one_benefit_are_both_rolled_back_though_one_answer_was_lost(harness: ServiceHarness) -> None:
    benefit = benefit_id(harness, "alterations")
    first = hold(harness.ctx, MIA, CART, benefit).use_id
    second = hold(harness.ctx, MIA, replace(CART, id="cart-2"), benefit).use_id
    redeem_for_order(harness.ctx, first, "A1", actor="shopper 1001")
    redeem_for_order(harness.ctx, second, "A2", actor="shopper 1001")
    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    harness.wire.fail("POST", "/reversal", "dropped")

    roll_back_order(harness.ctx, "A2", actor="shop", reason="payment failed")
    harness.work(minutes=5)

    assert (use(harness, first).state, use(harness, second).state) == (UseState.ROLLED_BACK, UseState.ROLLED_BACK)
    assert harness.live_redemptions() == []


@pytest.mark.parametrize("kinds", [("dropped", "applied then dropped"), ("applied then dropped", "dropped")])
@pytest.mark.parametrize("minutes", [5, 30])
def test_two_rollbacks_of_one_benefit_with_lost_answers_do_not_share_evidence(
    harness: ServiceHarness, kinds: tuple[str, str], minutes: int
) -> None:
    benefit = benefit_id(harness, "alterations")
    first = hold(harness.ctx, MIA, CART, benefit).use_id
    second = hold(harness.ctx, MIA, replace(CART, id="cart-2"), benefit).use_id
    for use_id, order in ((first, "A1"), (second, "A2")):
        redeem_for_order(harness.ctx, use_id, order, actor="shopper 1001")
    for order, kind in zip(("A1", "A2"), kinds, strict=True):
        harness.wire.fail("POST", "/reversal", kind)
        roll_back_order(harness.ctx, order, actor="shop", reason="payment failed")
    harness.work(minutes=minutes)

    assert (use(harness, first).state, use(harness, second).state) == (UseState.ROLLED_BACK, UseState.ROLLED_BACK)
    assert harness.live_redemptions() == []
    assert len(harness.redemptions("reversal")) + len(harness.redemptions("return")) == 2


def test_a_rollback_of_an_hour_ago_is_no_concurrent_one(harness: ServiceHarness) -> None:
    benefit = benefit_id(harness, "alterations")
    first = hold(harness.ctx, MIA, CART, benefit).use_id
    second = hold(harness.ctx, MIA, replace(CART, id="cart-2"), benefit).use_id
    for use_id, order in ((first, "A1"), (second, "A2")):
        redeem_for_order(harness.ctx, use_id, order, actor="shopper 1001")
    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    with harness.ctx.ledger.write() as connection:  # as where Omneo's answer repeats the redemption's own id
        connection.execute(update(uses).where(uses.c.use_id == first).values(rollback_id=None))
    harness.clock.forward(hours=1)
    read_wallet(harness.ctx, MIA)  # Omneo's clock has gone on as well
    harness.wire.fail("POST", "/benefit/return", "applied then dropped")

    roll_back_order(harness.ctx, "A2", actor="shop", reason="payment failed")
    harness.work(minutes=5)

    assert use(harness, second).state is UseState.ROLLED_BACK
    assert harness.wire.sent("POST", "/benefit/return") == 1


def test_a_late_refusal_of_a_reversal_ends_in_a_return(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.clock.forward(minutes=8, seconds=50)
    sandbox_ahead = harness.sandbox.extensions["omneo_sandbox"].clock_control
    sandbox_ahead.move(seconds=120)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (len(harness.redemptions("reversal")), len(harness.redemptions("return"))) == (0, 1)
    assert harness.live_redemptions() == []


def test_a_redemption_that_omneo_rolled_back_itself_needs_no_review(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redemption_id = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001").redemption_id or ""
    harness.ctx.omneo.return_uses(redemption_id)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")

    assert use(harness, use_id).state is UseState.ROLLED_BACK


def test_what_omneo_refuses_both_ways_without_evidence_waits_for_manual_review(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", "422")
    harness.wire.fail("POST", "/benefit/return", "422")

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")

    assert use(harness, use_id).state is UseState.MANUAL_REVIEW
