"""Many at once over one database: nothing is given twice, and nothing is lost."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import ConflictError, Declined
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import events_of
from claimable_benefits.ledger.outbox import finish_delivery, lease_due
from claimable_benefits.ledger.uses import find_use, live_uses_of, move_use
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.service.context import Context
from claimable_benefits.service.holds.slots import take_slot
from tests.ledger.rows import GIFT, NOW, WHY, at_once, later, new_use, queue, write_much
from tests.support.waiting import LIMIT

ROUNDS = 10
MANY = 32


def nothing_is_sent(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"Holding sends nothing to Omneo, but sent {request.method}.")


@pytest.fixture
def ctx(ledger: Ledger) -> Iterator[Context]:
    omneo = OmneoClient("http://127.0.0.1/api/v3", "t", timezone="UTC", transport=httpx.MockTransport(nothing_is_sent))
    yield Context(ledger, omneo, lambda: NOW, lambda _: None, lambda _: None)
    omneo.close()


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_last_use_of_a_benefit_is_held_by_one_of_many(ctx: Context, turn: int) -> None:
    def hold(place: int) -> str:
        use_id = str(uuid4())
        try:
            with ctx.ledger.write() as connection:
                mia = Shopper("1001")
                cart_id = f"cart-{place}"
                take_slot(ctx, connection, mia, "mia", GIFT, WHY, use_id=use_id, channel="checkout", cart_id=cart_id)
        except (Declined, ConflictError):
            return ""
        return use_id

    held = [use_id for use_id in at_once(MANY, hold) if use_id]

    with ctx.ledger.read() as connection:
        assert held == [use.use_id for use in live_uses_of(connection, "mia", "7")]
    assert len(held) == 1


def test_three_uses_left_are_held_by_three_of_many(ctx: Context) -> None:
    three = replace(GIFT, remaining=3)

    def hold(place: int) -> bool:
        values: dict[str, Any] = {"use_id": str(uuid4()), "channel": "checkout", "cart_id": f"cart-{place}"}
        while True:
            try:
                with ctx.ledger.write() as connection:
                    take_slot(ctx, connection, Shopper("1001"), "mia", three, WHY, **values)
            except ConflictError:
                continue  # another one took the slot at that moment: the shopper presses the button again
            except Declined:
                return False
            return True

    won = sum(at_once(MANY, hold))

    with ctx.ledger.read() as connection:
        assert {0, 1, 2} == {use.slot for use in live_uses_of(connection, "mia", "7")}
    assert won == 3


def test_the_database_itself_lets_one_of_many_into_a_slot(ledger: Ledger) -> None:
    def insert(place: int) -> bool:
        try:
            with ledger.write() as connection:
                new_use(connection)
        except ConflictError:
            return False
        return True

    assert sum(at_once(MANY, insert)) == 1


def test_a_double_click_moves_a_use_once(ledger: Ledger) -> None:
    with ledger.write() as connection:
        use = new_use(connection)

    def place_order(place: int) -> bool:
        try:
            with ledger.write() as connection:
                move_use(connection, use, UseState.REDEEMING, WHY)
        except ConflictError:
            return False
        return True

    won = sum(at_once(MANY, place_order))

    with ledger.read() as connection:
        events = events_of(connection, use.use_id)
    assert (won, [event.to_state for event in events]) == (1, [UseState.HELD, UseState.REDEEMING])


def test_sixteen_workers_lease_each_of_two_hundred_rows_once(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for number in range(200):
            queue(connection, f"A{number}")

    def take_all(place: int) -> list[str]:
        mine: list[str] = []
        while len(mine) <= 200:
            with ledger.write() as connection:
                leased = lease_due(connection, NOW, seconds=120, limit=7)
            if not leased:
                break
            mine += [delivery.order_number for delivery in leased]
        return mine

    taken = [number for mine in at_once(16, take_all) for number in mine]

    assert (200, {f"A{number}" for number in range(200)}) == (len(taken), set(taken))


def test_a_shop_that_changes_an_order_while_it_is_sent_is_never_overwritten(ledger: Ledger) -> None:
    with ledger.write() as connection:
        queue(connection, "A1", "1.00")
        leased = lease_due(connection, NOW, seconds=120, limit=1)

    def change_or_finish(place: int) -> bool:
        with ledger.write() as connection:
            if place:
                queue(connection, "A1", f"{place}.50")
                return False
            return finish_delivery(connection, leased[0], DeliveryState.DELIVERED, WHY)

    at_once(8, change_or_finish)

    with ledger.write() as connection:
        due = lease_due(connection, later(minutes=3).at, seconds=120, limit=5)
    assert [delivery.revision for delivery in due] == [8]


@pytest.mark.timing
def test_two_processes_that_write_at_once_lose_nothing(ledger: Ledger, ledger_url: str) -> None:
    with ledger.write() as connection:
        shared = new_use(connection).use_id
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_much, args=(ledger_url, name, 40, shared)) for name in ("one", "two")]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(LIMIT)
    codes = [writer.exitcode for writer in writers]
    for writer in writers:
        writer.close()

    with ledger.write() as connection:
        counted = find_use(connection, shared)
        held = {use.benefit_id for use in live_uses_of(connection, "mia")} - {"7"}
        queued = {delivery.order_number for delivery in lease_due(connection, NOW, seconds=1, limit=500)}
    expected = {f"{name}-{number}" for name in ("one", "two") for number in range(40)}
    assert codes == [0, 0]
    assert (expected, expected) == (held, queued)
    assert counted is not None
    assert (counted.attempts, counted.version) == (80, 81)


def test_an_order_that_is_submitted_twice_at_once_is_one_row_and_spoils_no_transaction(ledger: Ledger) -> None:
    def submit(place: int) -> None:
        with ledger.write() as connection:
            queue(connection, "A1", f"{place}.50")
            new_use(connection, benefit_id=f"written after it {place}")

    at_once(8, submit)

    with ledger.write() as connection:
        due = lease_due(connection, NOW, seconds=1, limit=5)
        events = events_of(connection, "order A1")
        uses = live_uses_of(connection, "mia")
    assert ([delivery.revision for delivery in due], len(events), len(uses)) == ([8], 8, 8)


@pytest.mark.timing
def test_sixteen_delivering_threads_and_the_webs_do_not_wait_for_each_others_connections(ledger: Ledger) -> None:
    everybody_has_one = threading.Barrier(32)

    def hold_a_connection(place: int) -> None:
        with ledger.read():
            everybody_has_one.wait(LIMIT)

    at_once(32, hold_a_connection)

    assert everybody_has_one.broken is False
