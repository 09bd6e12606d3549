"""The worker's loop: a failure is logged and waited out, work runs at once, and a stop ends it."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

import pytest

from claimable_benefits.service.worker.loop import WorkerLoop, WorkerThread
from claimable_benefits.service.worker.turn import TurnResult
from tests.service.conftest import ServiceHarness
from tests.support.waiting import LIMIT, wait_until

DONE = TurnResult(delivered=1)
NOTHING = TurnResult()


def ended(loop: WorkerLoop) -> threading.Thread:
    thread = threading.Thread(target=loop.run)
    thread.start()
    return thread


@pytest.mark.timing
def test_a_turn_that_raises_is_logged_once_in_full_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
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


@pytest.mark.timing
def test_being_stopped_ends_a_long_wait_after_a_failure() -> None:
    failed = threading.Event()

    def turn() -> TurnResult:
        failed.set()
        raise RuntimeError

    rounds = WorkerLoop(turn, 600)
    thread = ended(rounds)
    failed.wait(LIMIT)
    rounds.stop()
    thread.join(LIMIT)

    assert not thread.is_alive()


@pytest.mark.timing
def test_a_turn_that_found_something_is_followed_by_the_next_at_once() -> None:
    left = [DONE, DONE, DONE]
    rounds = WorkerLoop(lambda: left.pop() if left else NOTHING, 600)
    thread = ended(rounds)
    wait_until(lambda: not left)
    rounds.stop()
    thread.join(LIMIT)

    assert not thread.is_alive()


@pytest.mark.timing
def test_a_worker_that_is_woken_while_it_waits_runs_a_turn_at_once() -> None:
    turns: list[int] = []
    worker = WorkerThread(lambda: turns.append(1), 600)
    worker.start()
    wait_until(lambda: len(turns) == 1)
    worker.wake()
    wait_until(lambda: len(turns) == 2)
    worker.stop()

    assert len(turns) == 2


@pytest.mark.timing
def test_a_worker_that_is_stopped_waits_for_its_turn() -> None:
    began, finished = threading.Event(), threading.Event()

    def turn() -> TurnResult:
        began.set()
        time.sleep(0.3)
        finished.set()
        return DONE

    worker = WorkerThread(turn, 600)
    worker.start()
    began.wait(LIMIT)
    worker.stop()

    assert finished.is_set()


def test_rows_are_left_to_the_next_worker_once_this_one_is_stopping(harness: ServiceHarness) -> None:
    seen: list[int] = []
    ctx = replace(harness.ctx, stopping=lambda: len(seen) == 2)

    for row in ctx.until_stopping([1, 2, 3]):
        seen.append(row)  # noqa: PERF402 - stopping looks at it

    assert seen == [1, 2]
