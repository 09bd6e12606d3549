"""After a prune, what Omneo still shows of a pruned row is neither lost nor anybody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import find_use, uses_of_order, uses_of_profile
from claimable_benefits.service.operations.prune import prune
from claimable_benefits.service.operations.reconcile import reconcile
from claimable_benefits.service.operations.repair import repair
from claimable_benefits.service.orders.refund import refund_order
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import OpenHarness, ServiceHarness, sale
from tests.service.delivery.test_deliver import placed
from tests.service.operations.test_amnesia import named, with_orders_loader
from tests.service.steps import held, use

KEEP = timedelta(days=90)


def keeping(harness: ServiceHarness) -> ServiceHarness:
    return replace(harness, ctx=replace(harness.ctx, keep=KEEP))


def rows_of_the_order(harness: ServiceHarness, number: str = "A1") -> list[UseState]:
    with harness.ctx.ledger.read() as connection:
        return [row.state for row in uses_of_order(connection, number)]


def delivered_and_pruned(harness: ServiceHarness) -> str:
    redemption_id = placed(harness, "A1")
    harness.work(minutes=30)
    harness.orders.set("A1", OrderState.PAID, sale("A1", "1001", harness.clock.now))
    harness.clock.forward(days=91)
    prune(harness.ctx)
    assert rows_of_the_order(harness) == []
    return redemption_id


@pytest.mark.parametrize("shown", ["shown", "hidden"])
@pytest.mark.parametrize("state", [OrderState.PAID, OrderState.CANCELLED])
def test_a_pruned_row_is_not_taken_for_lost_and_repair_touches_nothing(
    new_harness: OpenHarness, shown: str, state: OrderState
) -> None:
    harness = keeping(with_orders_loader(new_harness(switches={"redemption_reference": shown})))
    redemption_id = delivered_and_pruned(harness)
    transaction = sale("A1", "1001", harness.clock.now) if state is OrderState.PAID else None
    harness.orders.set("A1", state, transaction)

    since, until = harness.clock.now - timedelta(days=200), harness.clock.now
    report = reconcile(harness.ctx, since, until)
    after = repair(harness.ctx, report, actor="staff anna")

    assert redemption_id not in [found for one in report.found for found in one.ids]
    assert redemption_id not in str(named(after.left))
    assert harness.live_redemptions() == [redemption_id]
    assert rows_of_the_order(harness) == []


def test_the_rollback_of_a_pruned_row_is_no_other_uses(new_harness: OpenHarness) -> None:
    harness = keeping(new_harness())
    since = harness.clock.now - timedelta(minutes=1)
    first = redeem_for_order(harness.ctx, held(harness, "alterations"), "A1", actor="shopper 1001")
    assert roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    harness.work(minutes=30)
    harness.clock.forward(days=91)
    prune(harness.ctx)

    report = reconcile(harness.ctx, since, harness.clock.now)

    with harness.ctx.ledger.read() as connection:
        assert uses_of_profile(connection, first.profile_id) == []
    assert str(first.redemption_id) not in [found for one in report.found for found in one.ids]


def test_an_attempt_after_a_prune_has_a_reference_of_its_own(new_harness: OpenHarness) -> None:
    harness = keeping(new_harness())
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    reference = use(harness, use_id).reference
    roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    harness.work(minutes=30)
    harness.clock.forward(days=91)
    prune(harness.ctx)

    again = held(harness, "alterations")
    redeem_for_order(harness.ctx, again, "A1", actor="shopper 1001")

    assert use(harness, again).reference != reference


def test_without_the_setting_only_dropped_holds_are_pruned_by_the_daily_turn(new_harness: OpenHarness) -> None:
    harness = new_harness()
    placed(harness, "A1")
    dropped = held(harness, "alterations")
    run_once(harness.ctx)
    harness.clock.forward(hours=2)
    run_once(harness.ctx)  # the hold expires
    harness.clock.forward(days=400)

    run_once(harness.ctx)

    with harness.ctx.ledger.read() as connection:
        assert find_use(connection, dropped) is None
    assert rows_of_the_order(harness) == [UseState.CONSUMED]


def test_the_worker_prunes_once_a_day_and_a_later_refund_is_calm(new_harness: OpenHarness) -> None:
    harness = keeping(new_harness())
    redemption_id = placed(harness, "A1")
    harness.work(minutes=30)
    harness.clock.forward(days=91)

    run_once(harness.ctx)

    assert rows_of_the_order(harness) == []
    assert not refund_order(harness.ctx, "A1", full_refund=True, actor="shop", reason="late")
    harness.work(minutes=10)
    assert harness.live_redemptions() == [redemption_id]
