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
from tests.service.conftest import World, open_world, sale


def delivery(world: World, number: str = "A1") -> Delivery:
    with world.ctx.ledger.read() as connection:
        found = find_delivery(connection, number)
    assert found is not None
    return found


def transactions(world: World) -> list[dict[str, Any]]:
    found = world.held_at_omneo()["transactions"]
    assert isinstance(found, list)
    return [one for one in found if one["external_id"] == "A1"]


def resubmit(world: World, total: str) -> None:
    changed = replace(sale("A1", "1001", world.clock.now), total=Decimal(total))
    with world.ctx.ledger.write() as connection:
        submit(world.ctx, changed, connection)


def test_a_late_older_revision_is_found_and_delivered_over(world: World) -> None:
    world.submit("A1")
    world.wire.fail("POST", "/transactions", "zombie")
    run_once(world.ctx)
    resubmit(world, "50.00")
    world.work(minutes=1)
    world.wire.rise()  # the first revision lands last
    wrong = transactions(world)[0]["total"]

    world.work(minutes=7)

    assert (wrong, transactions(world)[0]["total"], len(transactions(world))) == (89.99, 50, 1)
    assert delivery(world).state is DeliveryState.DELIVERED


def test_what_is_as_it_was_sent_is_read_back_once(world: World) -> None:
    world.submit("A1")
    world.work(minutes=20)

    assert world.wire.sent("GET", "/transactions/external/A1") == 1
    assert delivery(world).verify_at is None


def test_reading_back_that_fails_is_tried_again(world: World) -> None:
    world.submit("A1")
    world.wire.fail("GET", "/transactions/external", "503", times=2)
    world.work(minutes=20)

    assert world.wire.sent("GET", "/transactions/external/A1") == 3
    assert delivery(world).state is DeliveryState.DELIVERED


def test_what_omneo_keeps_otherwise_even_then_waits_for_a_person(world: World) -> None:
    world.submit("A1")
    run_once(world.ctx)
    for _ in range(2):
        change_at_omneo(world, transactions(world)[0]["id"], {"total": 12})
        world.work(minutes=6)

    assert delivery(world).state is DeliveryState.STOPPED
    assert "its total is 12 instead of 89.99" in (delivery(world).note or "")


def change_at_omneo(world: World, transaction_id: int, fields: dict[str, Any]) -> None:
    headers = {"Authorization": "Bearer sandbox-token"}
    client = world.sandbox.test_client()
    answer = client.put(f"/api/v3/transactions/{transaction_id}", json=fields, headers=headers)
    assert answer.status_code == 200


@pytest.fixture
def without_upsert(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "omneo").mkdir()
    opened = open_world(tmp_path, switches={"update_create": "off"})
    yield opened
    opened.ctx.omneo.close()
    opened.ctx.ledger.close()


def test_a_lost_answer_makes_no_second_transaction_where_there_is_no_upsert(without_upsert: World) -> None:
    world = without_upsert
    world.submit("A1")
    world.wire.fail("POST", "/transactions/update-create", "404")
    world.wire.fail("POST", "/transactions", "zombie")
    run_once(world.ctx)
    for _ in range(6):
        world.clock.forward(seconds=10)
        run_once(world.ctx)
    world.wire.rise()

    world.work(minutes=8)

    assert len(transactions(world)) == 1
    assert delivery(world).state is DeliveryState.DELIVERED
