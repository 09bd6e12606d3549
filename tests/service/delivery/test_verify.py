"""What was delivered is read back: a request that was long under way may have landed after a newer one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.service.orders.submit import submit
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import ServiceHarness, open_harness, sale


def delivery(harness: ServiceHarness, number: str = "A1") -> Delivery:
    with harness.ctx.ledger.read() as connection:
        found = find_delivery(connection, number)
    assert found is not None
    return found


def transactions(harness: ServiceHarness) -> list[dict[str, Any]]:
    found = harness.held_at_omneo()["transactions"]
    assert isinstance(found, list)
    return [one for one in found if one["external_id"] == "A1"]


def resubmit(harness: ServiceHarness, total: str) -> None:
    changed = replace(sale("A1", "1001", harness.clock.now), total=Decimal(total))
    with harness.ctx.ledger.write() as connection:
        submit(harness.ctx, changed, connection)


def test_a_late_older_revision_is_found_and_delivered_over(harness: ServiceHarness) -> None:
    harness.submit("A1")
    harness.wire.fail("POST", "/transactions", "delayed")
    run_once(harness.ctx)
    resubmit(harness, "50.00")
    harness.work(minutes=1)
    harness.wire.deliver_delayed()  # the first revision lands last
    wrong = transactions(harness)[0]["total"]

    harness.work(minutes=7)

    assert (wrong, transactions(harness)[0]["total"], len(transactions(harness))) == (89.99, 50, 1)
    assert delivery(harness).state is DeliveryState.DELIVERED


def test_what_is_as_it_was_sent_is_read_back_once(harness: ServiceHarness) -> None:
    harness.submit("A1")
    harness.work(minutes=20)

    assert harness.wire.sent("GET", "/transactions/external/A1") == 2  # the first look, too
    assert delivery(harness).verify_at is None


def test_reading_back_that_fails_is_tried_again(harness: ServiceHarness) -> None:
    harness.submit("A1")
    run_once(harness.ctx)
    harness.wire.fail("GET", "/transactions/external", "503", times=2)
    harness.work(minutes=20)

    assert harness.wire.sent("GET", "/transactions/external/A1") == 4  # the first look, and three times after it
    assert delivery(harness).state is DeliveryState.DELIVERED


def test_a_transaction_that_differs_again_waits_for_manual_review(harness: ServiceHarness) -> None:
    harness.submit("A1")
    run_once(harness.ctx)
    for _ in range(2):
        change_at_omneo(harness, transactions(harness)[0]["id"], {"total": 12})
        harness.work(minutes=6)

    assert delivery(harness).state is DeliveryState.STOPPED
    assert "its total is 12 instead of 89.99" in (delivery(harness).note or "")


def change_at_omneo(harness: ServiceHarness, transaction_id: int, fields: dict[str, Any]) -> None:
    headers = {"Authorization": "Bearer sandbox-token"}
    client = harness.sandbox.test_client()
    answer = client.put(f"/api/v3/transactions/{transaction_id}", json=fields, headers=headers)
    assert answer.status_code == 200


@pytest.fixture
def without_upsert(tmp_path: Path) -> Iterator[ServiceHarness]:
    (tmp_path / "omneo").mkdir()
    opened = open_harness(tmp_path, switches={"update_create": "off"})
    yield opened
    opened.ctx.omneo.close()
    opened.ctx.ledger.close()


def test_a_lost_answer_makes_no_second_transaction_where_there_is_no_upsert(without_upsert: ServiceHarness) -> None:
    harness = without_upsert
    harness.submit("A1")
    harness.wire.fail("POST", "/transactions/update-create", "404")
    harness.wire.fail("POST", "/transactions", "delayed")
    run_once(harness.ctx)
    for _ in range(6):
        harness.clock.forward(seconds=10)
        run_once(harness.ctx)
    harness.wire.deliver_delayed()

    harness.work(minutes=8)

    assert len(transactions(harness)) == 1
    assert delivery(harness).state is DeliveryState.DELIVERED
