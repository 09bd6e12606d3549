"""The worker pool: counts, failures and stops of several threads."""

from __future__ import annotations

import pytest

from claimable_benefits.errors import BenefitsError
from claimable_benefits.service.worker.pool import WorkerPool
from claimable_benefits.service.worker.turn import TurnResult
from tests.support.waiting import wait_until

DONE = TurnResult(delivered=1)


NOTHING = TurnResult()


def test_a_pool_counts_what_all_its_threads_did() -> None:
    left = [DONE] * 9
    told: list[TurnResult] = []
    thread_pool = WorkerPool(lambda: left.pop() if left else NOTHING, threads=3, seconds=0.01, report=told.append)

    assert thread_pool.run_until_idle() == TurnResult(delivered=9)
    assert len(told) == 9


def test_a_pool_that_runs_until_idle_raises_why_it_cannot() -> None:
    def turn() -> TurnResult:
        raise RuntimeError("the database is away\nand more")

    thread_pool = WorkerPool(turn, threads=2, seconds=0.01, report=lambda _done: None)

    with pytest.raises(BenefitsError, match=r"A turn failed: the database is away$"):
        thread_pool.run_until_idle()


@pytest.mark.timing
def test_a_pool_that_is_stopped_while_it_works_begins_no_further_turn() -> None:
    turns: list[int] = []

    def turn() -> TurnResult:
        turns.append(1)
        thread_pool.stop()
        wait_until(thread_pool.is_stopping)
        return DONE

    thread_pool = WorkerPool(turn, threads=1, seconds=600, report=lambda _done: None)

    assert thread_pool.run() == DONE
    assert len(turns) == 1
