"""Redemptions whose order the shop does not place in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from claimable_benefits.domain.shop import Order, OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import LoaderError
from claimable_benefits.service.orders.unplaced import resolve_unplaced
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


@pytest.mark.parametrize("fails", [False, True])
def test_an_order_that_the_loader_has_not_known_for_an_hour_is_said_by_the_log_once(
    harness: ServiceHarness, caplog: pytest.LogCaptureFixture, *, fails: bool
) -> None:
    def loader(_number: str) -> Order | None:
        if fails:
            raise LoaderError("order_loader", "returned a value of type dict: return an Order.")
        return None

    ctx = replace(harness.ctx, order_loader=loader)
    use_id = held(harness)
    redeem_for_order(ctx, use_id, "A1", actor="shopper 1001")

    said = []
    for minutes in (59, 2, 1, 60):
        harness.clock.forward(minutes=minutes)
        resolve_unplaced(ctx)
        said.append(sum("has not known order A1 for an hour" in record.message for record in caplog.records))

    assert said == [0, 1, 1, 1]
    assert use(harness, use_id).state is UseState.REDEEMED
    assert use(harness, use_id).note == "the order loader has not known order A1 for an hour"


def test_an_order_whose_payment_is_under_way_for_an_hour_is_no_fault_of_the_loader(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.UNKNOWN)

    harness.clock.forward(minutes=61)
    resolve_unplaced(harness.ctx)

    assert use(harness, use_id).note == "order A1 is unknown"
