"""Rounds and crews: what fails is told and waited out, what is found is done at once, and a stop is heard."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from claimable_benefits.errors import BenefitsError
from claimable_benefits.service.worker.loop import WorkerLoop, WorkerThread
from claimable_benefits.service.worker.pool import WorkerPool
from claimable_benefits.service.worker.turn import TurnResult
from tests.service.conftest import World

DONE = TurnResult(delivered=1)
NOTHING = TurnResult()


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def ended(rounds: WorkerLoop) -> threading.Thread:
    thread = threading.Thread(target=rounds.run)
    thread.start()
    return thread


def test_a_turn_that_raises_is_told_once_in_full_and_the_next_one_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    turns: list[int] = []

    def turn() -> TurnResult:
        turns.append(len(turns))
        if len(turns) < 3:
            raise RuntimeError("the database is away")
        rounds.stop()
        return DONE

    rounds = WorkerLoop(turn, 0.01)
    began = time.monotonic()
    with caplog.at_level(logging.ERROR, "claimable_benefits"):
        rounds.run()

    records = [record for record in caplog.records if "A turn of the benefits worker failed" in record.message]
    assert [record.exc_info is not None for record in records] == [True, False]
    assert time.monotonic() - began >= 3.0  # a second at least, then two at least


def test_being_stopped_ends_a_long_wait_after_a_failure() -> None:
    failed = threading.Event()

    def turn() -> TurnResult:
        failed.set()
        raise RuntimeError

    rounds = WorkerLoop(turn, 600)
    thread = ended(rounds)
    failed.wait(10)
    rounds.stop()
    thread.join(5)

    assert not thread.is_alive()


def test_a_turn_that_found_something_is_followed_by_the_next_at_once() -> None:
    left = [DONE, DONE, DONE]
    rounds = WorkerLoop(lambda: left.pop() if left else NOTHING, 600)
    thread = ended(rounds)
    until(lambda: not left)
    rounds.stop()
    thread.join(5)

    assert not thread.is_alive()


def test_a_worker_that_is_woken_while_it_rests_looks_at_once() -> None:
    turns: list[int] = []
    worker = WorkerThread(lambda: turns.append(1), 600)
    worker.start()
    until(lambda: len(turns) == 1)
    worker.wake()
    until(lambda: len(turns) == 2)
    worker.stop()

    assert len(turns) == 2


def test_a_worker_that_is_stopped_waits_for_its_turn() -> None:
    began, finished = threading.Event(), threading.Event()

    def turn() -> TurnResult:
        began.set()
        time.sleep(0.3)
        finished.set()
        return DONE

    worker = WorkerThread(turn, 600)
    worker.start()
    began.wait(10)
    worker.stop()

    assert finished.is_set()


def test_a_crew_counts_what_all_its_threads_did() -> None:
    left = [DONE] * 9
    told: list[TurnResult] = []
    thread_pool = WorkerPool(lambda: left.pop() if left else NOTHING, threads=3, seconds=0.01, report=told.append)

    assert thread_pool.run_until_idle() == TurnResult(delivered=9)
    assert len(told) == 9


def test_a_crew_that_is_to_work_once_says_why_it_cannot() -> None:
    def turn() -> TurnResult:
        raise RuntimeError("the database is away\nand more")

    thread_pool = WorkerPool(turn, threads=2, seconds=0.01, report=lambda _done: None)

    with pytest.raises(BenefitsError, match=r"A turn failed: the database is away$"):
        thread_pool.run_until_idle()


def test_a_crew_that_is_stopped_while_it_works_begins_no_further_turn() -> None:
    turns: list[int] = []

    def turn() -> TurnResult:
        turns.append(1)
        thread_pool.stop()
        until(thread_pool.is_stopping)
        return DONE

    thread_pool = WorkerPool(turn, threads=1, seconds=600, report=lambda _done: None)

    assert thread_pool.run() == DONE
    assert len(turns) == 1


def test_rows_are_left_to_the_next_worker_once_this_one_is_stopping(world: World) -> None:
    seen: list[int] = []
    ctx = replace(world.ctx, stopping=lambda: len(seen) == 2)

    for row in ctx.until_stopping([1, 2, 3]):
        seen.append(row)  # noqa: PERF402 - stopping looks at it

    assert seen == [1, 2]
