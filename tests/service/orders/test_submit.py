"""Submitting an order consumes the use that it was charged with, and rolls back any other."""

from __future__ import annotations

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import touch_use
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.orders.submit import consume
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, ServiceHarness, sale
from tests.service.steps import benefit_id, held, lose, use


def test_an_order_that_is_placed_with_another_benefit_rolls_the_first_one_back(harness: ServiceHarness) -> None:
    first = held(harness)
    redeem_for_order(harness.ctx, first, "A1", actor="shopper 1001")
    second = hold(harness.ctx, MIA, CART, benefit_id(harness, "free-shipping")).use_id

    redeem_for_order(harness.ctx, second, "A1", actor="shopper 1001")
    harness.submit("A1")
    run_once(harness.ctx)

    assert (use(harness, first).state, use(harness, second).state) == (UseState.ROLLED_BACK, UseState.CONSUMED)
    assert harness.live_redemptions() == [use(harness, second).redemption_id]


def test_a_late_attempt_of_an_order_is_not_taken_for_the_one_it_was_charged_with(harness: ServiceHarness) -> None:
    first = held(harness)
    lose(harness, "applied then dropped", first)
    second = hold(harness.ctx, MIA, CART, benefit_id(harness, "free-shipping")).use_id
    redeem_for_order(harness.ctx, second, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.UNKNOWN)
    harness.clock.forward(seconds=45)
    run_once(harness.ctx)  # finds the first one

    harness.submit("A1")
    harness.orders.set("A1", OrderState.PAID, sale("A1", "1001", harness.clock.now))
    harness.work(minutes=2)

    assert (use(harness, first).state, use(harness, second).state) == (UseState.ROLLED_BACK, UseState.CONSUMED)
    assert harness.live_redemptions() == [use(harness, second).redemption_id]


def test_an_attempt_that_is_found_before_its_order_is_placed_without_it_is_rolled_back(harness: ServiceHarness) -> None:
    """The shopper was told that it is not confirmed, and has paid the full price under the same number."""
    use_id = held(harness)
    lose(harness, "applied then dropped", use_id)
    harness.orders.set("A1", OrderState.UNKNOWN)
    harness.work(minutes=1)

    harness.submit("A1")
    harness.work(minutes=1)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert harness.live_redemptions() == []
    assert [t["redemption_id"] for t in harness.held_at_omneo()["transactions"] if t["external_id"] == "A1"] == [None]


def test_a_worker_that_notes_something_at_the_moment_of_submission_takes_nothing_away(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    stale = use(harness, use_id)
    with harness.ctx.ledger.write() as connection:
        touch_use(connection, stale, harness.clock.now, note="order A1 is unknown")

    with harness.ctx.ledger.write() as connection:
        moved = consume(connection, [stale], harness.ctx.audit("shop", "order A1 is placed"))

    assert moved is not None
    assert moved.state is UseState.CONSUMED
