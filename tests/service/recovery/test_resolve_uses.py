"""Uses in doubt: lost answers, late answers, and what the worker makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.uses import uses_of_order
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, OpenHarness, ServiceHarness, new_client, sale
from tests.service.steps import benefit_id, held, lose, use, use_at_the_till


def test_an_answer_that_comes_when_a_worker_already_looks_it_up_is_recorded(harness: ServiceHarness) -> None:
    use_id = held(harness)

    def worker_meanwhile(request: httpx.Request) -> None:
        if request.method == "POST":
            harness.clock.forward(minutes=1)
            harness.wire.before_write = None
            run_once(harness.ctx)  # the lease is over: it takes the row for that of a dead process

    harness.wire.before_write = worker_meanwhile
    redeemed = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert [e.to_state for e in harness.events(use_id)] == ["held", "redeeming", "in_doubt", "redeemed"]
    assert len(harness.live_redemptions()) == 1


def test_an_answer_that_comes_after_it_was_resolved_is_rolled_back(harness: ServiceHarness) -> None:
    use_id = held(harness)

    def worker_meanwhile(request: httpx.Request) -> None:
        harness.wire.before_write = None
        harness.work(minutes=4)

    harness.wire.before_write = worker_meanwhile
    with pytest.raises(Declined) as declined:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    run_once(harness.ctx)

    assert declined.value.reason == "not_confirmed"
    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert harness.live_redemptions() == []


def test_a_refusal_that_comes_late_is_a_refusal(harness: ServiceHarness) -> None:
    use_id = held(harness)
    use_at_the_till(harness, use(harness, use_id))

    def worker_meanwhile(request: httpx.Request) -> None:
        harness.wire.before_write = None
        harness.clock.forward(minutes=1)
        run_once(harness.ctx)

    harness.wire.before_write = worker_meanwhile
    with pytest.raises(Declined) as declined:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert declined.value.reason == "benefit_gone"
    assert use(harness, use_id).state is UseState.REFUSED


def test_a_worker_leaves_a_row_alone_that_a_live_request_has(harness: ServiceHarness) -> None:
    use_id = held(harness)
    states: list[UseState] = []

    def worker_meanwhile(request: httpx.Request) -> None:
        harness.wire.before_write = None
        harness.clock.forward(seconds=30)
        run_once(harness.ctx)
        states.append(use(harness, use_id).state)

    harness.wire.before_write = worker_meanwhile
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert states == [UseState.REDEEMING]


def test_a_worker_that_never_redeems_knows_that_references_are_kept(harness: ServiceHarness) -> None:
    use_id = held(harness)
    lose(harness, "dropped", use_id)
    row = use(harness, use_id)
    redeem_for_order(harness.ctx, held_elsewhere(harness), "B1", actor="shopper 1001")
    harness.wire.heal()
    other = replace(harness.ctx, omneo=new_client(harness.wire, harness.ctx.ledger, harness.clock))

    assert other.omneo.keeps_references() is True
    assert row.state is UseState.IN_DOUBT


def held_elsewhere(harness: ServiceHarness) -> str:
    return hold(harness.ctx, MIA, replace(CART, id="cart-2"), benefit_id(harness, "free-shipping")).use_id


# Taking back.


class Gone(BaseException):
    """The process is gone."""


def test_a_second_redemption_under_one_reference_is_rolled_back_and_the_order_keeps_one(
    harness: ServiceHarness,
) -> None:
    def go(_seconds: float) -> None:
        raise Gone

    use_id = hold(harness.ctx, MIA, CART, benefit_id(harness, "alterations")).use_id
    harness.wire.fail("POST", "/redemptions", "applied then dropped")
    with pytest.raises(Gone):
        redeem_for_order(replace(harness.ctx, sleep=go), use_id, "A1", actor="shopper 1001")
    row = use(harness, use_id)
    harness.ctx.omneo.redeem(row.profile_id, row.benefit_id, reference=row.reference, at=harness.clock.now)
    harness.orders.set("A1", OrderState.PAID, sale("A1", "1001", harness.clock.now))

    harness.work(minutes=5)

    with harness.ctx.ledger.read() as connection:
        states = sorted(attempt.state for attempt in uses_of_order(connection, "A1"))
    assert states == [UseState.CONSUMED, UseState.ROLLED_BACK]
    assert len(harness.live_redemptions()) == 1


def test_a_shop_whose_clock_is_wrong_by_an_hour_finds_its_redemptions(new_harness: OpenHarness) -> None:
    """By Omneo's clock, which each answer tells: the remaining uses decide here, by times."""
    harness = new_harness(switches={"external_id_filter": "ignored"})
    harness.sandbox.extensions["omneo_sandbox"].clock_control.move(seconds=3600)
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "applied then dropped")

    redeemed = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert harness.ctx.omneo.clock_ahead_of(harness.clock.now) > timedelta(minutes=59)
