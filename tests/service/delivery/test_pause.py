"""The pause of all deliveries: how long it lasts, and the one delivery that shows whether it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from claimable_benefits.ledger.outbox import find_delivery
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from tests.service.conftest import ServiceHarness, new_client


def another_process(harness: ServiceHarness) -> Context:
    """The context of a second worker: its own client, the same ledger and the same Omneo."""
    return replace(harness.ctx, omneo=new_client(harness.wire, harness.ctx.ledger, harness.clock))


def queue(harness: ServiceHarness, count: int = 4) -> None:
    for number in range(count):
        harness.submit(f"A{number}")


def sent(harness: ServiceHarness) -> int:
    return harness.wire.sent("POST", "/transactions")


@pytest.mark.parametrize("asked", ["900", "3600", "86400"])
def test_a_retry_after_of_a_day_stops_deliveries_for_a_quarter_of_an_hour(harness: ServiceHarness, asked: str) -> None:
    queue(harness)
    harness.wire.fail("POST", "/transactions", f"429 for {asked}")

    deliver_due(harness.ctx)
    harness.clock.forward(minutes=15, seconds=-1)
    before = deliver_due(harness.ctx)
    harness.clock.forward(seconds=2)
    after = deliver_due(harness.ctx)

    assert (before, after) == (0, 4)


def test_after_a_pause_one_process_asks_once_while_the_others_wait(harness: ServiceHarness) -> None:
    other, meanwhile = another_process(harness), []
    queue(harness)
    harness.wire.fail("POST", "/transactions", "429 for 60")
    deliver_due(harness.ctx)
    harness.clock.forward(seconds=61)
    harness.wire.fail("POST", "/transactions", "429 for 60")

    def while_it_is_under_way(_request: httpx.Request) -> None:
        harness.wire.before_write = None
        meanwhile.append(deliver_due(other))

    harness.wire.before_write = while_it_is_under_way
    probe = deliver_due(harness.ctx)
    again = [deliver_due(harness.ctx), deliver_due(other)]

    assert (probe, meanwhile, again, sent(harness)) == (0, [0], [0, 0], 2)


def test_once_the_probe_has_an_answer_everybody_delivers(harness: ServiceHarness) -> None:
    queue(harness)
    harness.wire.fail("POST", "/transactions", "429 for 60")
    deliver_due(harness.ctx)
    harness.clock.forward(seconds=61)
    harness.wire.fail("POST", "/transactions", "422")

    deliver_due(harness.ctx)
    delivered = deliver_due(another_process(harness))
    with harness.ctx.ledger.read() as connection:
        rows = [find_delivery(connection, f"A{number}") for number in range(4)]

    assert (delivered, sum(1 for row in rows if row and row.transaction_id)) == (0, 3)


def test_a_probe_whose_process_was_killed_is_sent_again(harness: ServiceHarness) -> None:
    queue(harness)
    harness.wire.fail("POST", "/transactions", "429 for 60")
    deliver_due(harness.ctx)
    harness.clock.forward(seconds=61)

    def killed(_request: httpx.Request) -> None:
        raise KeyboardInterrupt

    harness.wire.before_write = killed
    with pytest.raises(KeyboardInterrupt):
        deliver_due(harness.ctx)
    harness.wire.before_write = None
    at_once = deliver_due(another_process(harness))
    harness.clock.now += harness.ctx.timing.lease * 3 + timedelta(seconds=1)

    assert (at_once, deliver_due(another_process(harness))) == (0, 4)
