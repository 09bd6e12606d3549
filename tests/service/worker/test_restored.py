"""The worker's first turn after a restored backup raises an alarm; no later turn asks Omneo again."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from claimable_benefits.domain.order_references import reference_key
from claimable_benefits.domain.shop import OrderState
from claimable_benefits.ledger import Ledger
from claimable_benefits.service.operations.memory_alarm import read_alarm
from claimable_benefits.service.operations.repair import repair
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import OpenHarness, ServiceHarness, sale
from tests.service.operations.test_amnesia import compared, forgotten_redemption, with_orders_loader
from tests.service.steps import held


def another_process(harness: ServiceHarness) -> ServiceHarness:
    """The same shop and ledger, in a process that has run no turn yet."""
    url = harness.ctx.ledger.engine.url.render_as_string(hide_password=False)
    return replace(harness, ctx=replace(harness.ctx, ledger=Ledger(url)))


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "older copy" in r.getMessage() and r.levelno == logging.ERROR]


@pytest.mark.parametrize("shown", ["shown", "hidden"])
def test_the_first_turn_after_a_restored_backup_raises_an_alarm_once(
    new_harness: OpenHarness, caplog: pytest.LogCaptureFixture, shown: str
) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": shown}))
    run_once(harness.ctx)  # the last turn before the backup
    harness.clock.forward(hours=8)
    forgotten_redemption(harness)
    harness.orders.set("A1", OrderState.CANCELLED)
    harness.clock.forward(hours=1)
    restarted = another_process(harness)

    run_once(restarted.ctx)
    run_once(restarted.ctx)
    alarm = read_alarm(restarted.ctx)
    repair(restarted.ctx, compared(restarted), actor="staff anna")

    assert len(alarms(caplog)) == 1
    assert alarm == alarms(caplog)[0]
    assert "1 redemptions of this shop" in alarm
    assert "A1" in alarm
    assert read_alarm(restarted.ctx) is None
    restarted.ctx.ledger.close()


def test_the_alarm_stays_while_an_order_is_undecided(new_harness: OpenHarness) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": "shown"}))
    forgotten_redemption(harness)
    harness.clock.forward(minutes=1)
    run_once(harness.ctx)

    repair(harness.ctx, compared(harness), actor="staff anna")

    assert read_alarm(harness.ctx) is not None


def test_an_ordinary_restart_and_another_shops_work_raise_no_alarm(
    new_harness: OpenHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": "shown"}))
    run_once(harness.ctx)
    redeem_for_order(harness.ctx, held(harness), "A1", actor="shopper 1001")
    neighbour = another_process(harness)
    neighbour = replace(neighbour, ctx=replace(neighbour.ctx, reference_key=reference_key("another secret")))

    run_once(neighbour.ctx)

    assert alarms(caplog) == []
    assert read_alarm(harness.ctx) is None
    neighbour.ctx.ledger.close()


def test_where_omneo_cannot_be_asked_a_later_turn_looks(
    new_harness: OpenHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": "shown"}))
    forgotten_redemption(harness)
    harness.wire.fail("GET", "/api/v3/redemptions", "503", times=1_000)
    run_once(harness.ctx)
    harness.wire.heal()
    run_once(harness.ctx)
    before = alarms(caplog)
    harness.clock.forward(minutes=6)

    run_once(harness.ctx)

    assert (before, len(alarms(caplog))) == ([], 1)


def test_one_answer_that_cannot_be_read_hides_no_other_forgotten_redemption(
    new_harness: OpenHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": "shown", "filter_operators": "ignored"}))
    forgotten_redemption(harness)
    harness.orders.set("A1", OrderState.CANCELLED, sale("A1", "1001", harness.clock.now))
    harness.orders.set("A2", OrderState.PAID, sale("A2", "1002", harness.clock.now))
    other = harness.ctx.omneo.profile_id("1002")
    harness.wire.fail("GET", f"/profiles/{other}/redemptions", "garbage", times=10**6)
    harness.clock.forward(minutes=1)

    run_once(harness.ctx)

    assert len(alarms(caplog)) == 1


def test_the_pauses_between_looks_grow_while_omneos_answer_stays_unreadable(new_harness: OpenHarness) -> None:
    harness = with_orders_loader(new_harness(switches={"redemption_reference": "shown"}))
    harness.wire.fail("GET", "/api/v3/redemptions", "garbage", times=10**6)
    for _ in range(36):
        run_once(harness.ctx)
        harness.clock.forward(minutes=10)

    looks = [path for _method, path in harness.wire.seen if path == "/api/v3/redemptions"]
    assert 2 < len(looks) < 15
