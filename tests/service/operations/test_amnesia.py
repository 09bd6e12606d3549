"""A ledger that was restored from a backup has forgotten what it redeemed: Omneo and the shop remember."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from claimable_benefits.domain.order_references import reference_key
from claimable_benefits.domain.reconcile import DisagreementCode
from claimable_benefits.domain.shop import Order, OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import use_of_redemption, uses_of_order
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations.reconcile import Report, reconcile
from claimable_benefits.service.operations.repair import repair
from claimable_benefits.service.orders.refund import refund_order
from claimable_benefits.service.redemption.redeem import redeem_for_order, use_from_account
from claimable_benefits.service.redemption.rollback import roll_back_order
from tests.service.conftest import MIA, OpenHarness, ServiceHarness, sale
from tests.service.delivery.test_deliver import at_omneo
from tests.service.steps import benefit_id, held, use, use_at_the_till
from tests.support.ledger_copy import copy_of, restore

UNKNOWN, UNOWNED = DisagreementCode.REDEMPTION_UNKNOWN, DisagreementCode.REDEMPTION_UNOWNED


def with_orders_loader(harness: ServiceHarness) -> ServiceHarness:
    """A shop that gives its paid and cancelled orders, as most that register an orders loader do."""

    def orders(_since: datetime, _until: datetime) -> list[Order]:
        return [one for one in harness.orders.states.values() if one.state is not OrderState.OPEN]

    return replace(harness, ctx=replace(harness.ctx, orders_loader=orders))


def compared(harness: ServiceHarness, ctx: Context | None = None) -> Report:
    since, until = harness.clock.now - timedelta(days=1), harness.clock.now + timedelta(seconds=1)
    return reconcile(ctx or harness.ctx, since, until)


def named(report: Report) -> list[tuple[DisagreementCode, str | None, tuple[str, ...]]]:
    return [(one.code, one.order_number, one.ids) for one in report.found]


def forgotten_redemption(harness: ServiceHarness, number: str = "A1", *, copy_before_the_hold: bool = False) -> str:
    """Redeem for an order, then restore a copy of the ledger that was taken before."""
    copy = copy_of(harness.ctx.ledger)
    use_id = held(harness)
    if not copy_before_the_hold:
        copy = copy_of(harness.ctx.ledger)
    harness.orders.set(number, OrderState.OPEN)
    redemption_id = redeem_for_order(harness.ctx, use_id, number, actor="shopper 1001").redemption_id
    restore(harness.ctx.ledger, copy)
    assert redemption_id is not None
    return redemption_id


def work_200_minutes(harness: ServiceHarness) -> None:
    harness.clock.forward(minutes=200)
    harness.work(minutes=2)


def cancel(harness: ServiceHarness) -> None:
    harness.orders.set("A1", OrderState.CANCELLED)


def pay(harness: ServiceHarness) -> None:
    harness.orders.set("A1", OrderState.PAID, sale("A1", "1001", harness.clock.now))


def rows_of(harness: ServiceHarness) -> list[tuple[UseState, str | None]]:
    with harness.ctx.ledger.read() as connection:
        return [(row.state, row.redemption_id) for row in uses_of_order(connection, "A1")]


@pytest.mark.parametrize(
    "switches",
    [{}, {"redemption_reference": "shown"}, {"filter_operators": "whole"}, {"filter_operators": "ignored"}],
    ids=str,
)
@pytest.mark.parametrize("copy_before_the_hold", [True, False])
def test_a_cancelled_order_whose_redemption_the_ledger_forgot_is_named_and_rolled_back(
    new_harness: OpenHarness, switches: dict[str, str], copy_before_the_hold: bool
) -> None:
    harness = with_orders_loader(new_harness(switches=switches))
    redemption_id = forgotten_redemption(harness, copy_before_the_hold=copy_before_the_hold)
    cancel(harness)
    work_200_minutes(harness)

    report = compared(harness)
    after = repair(harness.ctx, report, actor="staff anna")
    again = repair(harness.ctx, compared(harness), actor="staff anna")

    assert named(report) == [(UNKNOWN, "A1", (redemption_id,))]
    assert (named(after.left), again.done, named(again.left)) == ([], (), [])
    assert harness.live_redemptions() == []
    assert rows_of(harness) == [(UseState.ROLLED_BACK, redemption_id)]


@pytest.mark.parametrize("switches", [{}, {"redemption_reference": "shown"}, {"filter_operators": "whole"}], ids=str)
def test_a_paid_order_whose_redemption_the_ledger_forgot_is_named_and_attached(
    new_harness: OpenHarness, switches: dict[str, str]
) -> None:
    harness = with_orders_loader(new_harness(switches=switches))
    redemption_id = forgotten_redemption(harness)
    pay(harness)
    work_200_minutes(harness)

    report = compared(harness)
    after = repair(harness.ctx, report, actor="staff anna")

    assert (UNKNOWN, "A1", (redemption_id,)) in named(report)
    assert named(after.left) == []
    assert harness.live_redemptions() == [redemption_id]
    assert [str(t["redemption_id"]) for t in at_omneo(harness)] == [redemption_id]
    assert rows_of(harness) == [(UseState.CONSUMED, redemption_id)]


def test_an_order_that_was_submitted_before_the_repair_gets_its_redemption(new_harness: OpenHarness) -> None:
    harness = with_orders_loader(new_harness())
    redemption_id = forgotten_redemption(harness)
    pay(harness)
    harness.submit("A1")
    work_200_minutes(harness)
    before = [t["redemption_id"] for t in at_omneo(harness)]

    after = repair(harness.ctx, compared(harness), actor="staff anna")

    assert (before, named(after.left)) == ([None], [])
    assert [str(t["redemption_id"]) for t in at_omneo(harness)] == [redemption_id]


@pytest.mark.parametrize("settle", [cancel, pay])
def test_a_refund_that_the_ledger_forgot_is_void_again_once_it_is_repaired(
    new_harness: OpenHarness, settle: Callable[[ServiceHarness], None]
) -> None:
    harness = with_orders_loader(new_harness())
    pay(harness)
    harness.submit("A1")
    harness.work(minutes=2)
    copy = copy_of(harness.ctx.ledger)
    refund_order(harness.ctx, "A1", full_refund=True, actor="shop", reason="refund")
    harness.work(minutes=2)
    restore(harness.ctx.ledger, copy)
    settle(harness)
    harness.work(minutes=60)

    report = compared(harness)
    after = repair(harness.ctx, report, actor="staff anna")

    is_cancelled = settle is cancel
    assert (DisagreementCode.DELIVERY_STOPPED in [one.code for one in report.found]) is True
    assert (named(after.left) == []) is is_cancelled
    assert [t["is_void"] for t in at_omneo(harness)] == [True]


def test_the_second_attempt_of_an_order_is_found_where_the_first_is_known(new_harness: OpenHarness) -> None:
    harness = with_orders_loader(new_harness())
    first = held(harness)
    redeem_for_order(harness.ctx, first, "A1", actor="shopper 1001")
    roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    copy = copy_of(harness.ctx.ledger)
    second = held(harness)
    redemption_id = redeem_for_order(harness.ctx, second, "A1", actor="shopper 1001").redemption_id
    restore(harness.ctx.ledger, copy)
    cancel(harness)
    work_200_minutes(harness)

    report = compared(harness)
    repair(harness.ctx, report, actor="staff anna")

    assert named(report) == [(UNKNOWN, "A1", (str(redemption_id),))]
    assert harness.live_redemptions() == []


@pytest.mark.parametrize("state", [OrderState.OPEN, OrderState.UNKNOWN, None])
def test_repair_leaves_alone_what_the_order_loader_does_not_decide(
    new_harness: OpenHarness, state: OrderState | None
) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": "shown"}))
    redemption_id = forgotten_redemption(harness)
    harness.orders.states.clear()
    if state is not None:
        harness.orders.set("A1", state)
    work_200_minutes(harness)

    after = repair(harness.ctx, compared(harness), actor="staff anna")

    assert (after.done, named(after.left)) == ((), [(UNKNOWN, "A1", (redemption_id,))])
    assert harness.live_redemptions() == [redemption_id]


@pytest.mark.parametrize("settle", [cancel, pay])
@pytest.mark.parametrize("shown", ["shown", "hidden"])
def test_two_shops_with_one_prefix_repair_touches_nothing_of_the_other(
    new_harness: OpenHarness, shown: str, settle: Callable[[ServiceHarness], None]
) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": shown}))
    redemption_id = forgotten_redemption(harness)
    settle(harness)  # both shops have an order A1
    work_200_minutes(harness)
    other = replace(harness.ctx, reference_key=reference_key("another shop's secret"))

    report = compared(harness, other)
    after = repair(other, report, actor="staff anna")

    code = UNKNOWN if shown == "shown" else UNOWNED
    assert (code, None, (redemption_id,)) in named(after.left)
    assert harness.live_redemptions() == [redemption_id]
    with harness.ctx.ledger.read() as connection:
        assert use_of_redemption(connection, redemption_id) is None
    assert redemption_id not in [str(t["redemption_id"]) for t in at_omneo(harness)]


@pytest.mark.parametrize("shown", ["shown", "hidden"])
def test_a_tills_use_is_never_touched_by_repair(new_harness: OpenHarness, shown: str) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": shown}))
    use_id = held(harness)
    use_at_the_till(harness, use(harness, use_id))
    till = harness.live_redemptions()
    cancel(harness)
    work_200_minutes(harness)

    after = repair(harness.ctx, compared(harness), actor="staff anna")

    assert (after.done, named(after.left)) == ((), [(UNOWNED, None, tuple(till))])
    assert "may be ours or a till's" in after.left.found[0].sentence
    assert harness.live_redemptions() == till


def test_without_a_filter_by_reference_a_forgotten_redemption_is_named_and_left_alone(new_harness: OpenHarness) -> None:
    harness = with_orders_loader(new_harness(switches={"external_id_filter": "ignored"}))
    redemption_id = forgotten_redemption(harness)
    cancel(harness)
    work_200_minutes(harness)

    after = repair(harness.ctx, compared(harness), actor="staff anna")

    assert (after.done, named(after.left)) == ((), [(UNOWNED, None, (redemption_id,))])
    assert harness.live_redemptions() == [redemption_id]


def test_the_order_loader_alone_decides_where_omneo_shows_the_reference(new_harness: OpenHarness) -> None:
    harness = new_harness(switches={"redemption_reference": "shown"})
    redemption_id = forgotten_redemption(harness)
    cancel(harness)
    work_200_minutes(harness)

    report = compared(harness)
    repair(harness.ctx, report, actor="staff anna")

    assert named(report) == [(UNKNOWN, "A1", (redemption_id,))]
    assert harness.live_redemptions() == []


def test_a_use_from_the_account_page_that_the_ledger_forgot_is_named_only(new_harness: OpenHarness) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": "shown"}))
    vip = benefit_id(harness, "vip-lounge")
    copy = copy_of(harness.ctx.ledger)
    used = use_from_account(harness.ctx, MIA, vip, "use-1").use
    restore(harness.ctx.ledger, copy)
    work_200_minutes(harness)

    after = repair(harness.ctx, compared(harness), actor="staff anna")

    assert (after.done, named(after.left)) == ((), [(UNKNOWN, None, (str(used.redemption_id),))])
    assert harness.live_redemptions() == [used.redemption_id]
