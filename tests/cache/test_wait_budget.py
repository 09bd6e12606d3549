"""A share of the threads may wait, and pages leave the last place of it to a click."""

from __future__ import annotations

import threading

import pytest

from claimable_benefits.cache.wait_budget import WaitBudget
from tests.support.waiting import LIMIT, wait_until


@pytest.mark.parametrize(("slots", "of_readers"), [(1, 1), (2, 1), (4, 3)])
def test_readers_leave_the_last_slot_to_a_click(slots: int, of_readers: int) -> None:
    wait_budget, done = WaitBudget(slots), threading.Event()
    waiting = [threading.Thread(target=lambda: wait_budget.wait(done, LIMIT)) for _ in range(of_readers)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: wait_budget.waits == of_readers)
    one_more = wait_budget.wait(done, LIMIT)
    with wait_budget.slot() as of_a_click:
        pass
    done.set()
    for thread in waiting:
        thread.join(LIMIT)

    assert one_more is None
    assert of_a_click is (slots > of_readers)
    assert wait_budget.wait(done, 0) is True
