"""Threads that start late, are few, and never keep anybody waiting for each other."""

from __future__ import annotations

import os
import threading

import pytest

from claimable_benefits.cache.thread_pool import Crew


def test_no_thread_starts_before_there_is_something_to_do() -> None:
    crew = Crew()

    assert crew._threads == []
    crew.stop()


def test_calls_are_made_at_the_same_time_and_given_in_order() -> None:
    crew, meeting = Crew(threads=3), threading.Barrier(3, timeout=5)

    found = crew.together([lambda name=name: (meeting.wait(), name)[1] for name in "abc"])  # type: ignore[misc]

    assert found == ["a", "b", "c"]
    crew.stop()


def test_the_first_error_is_raised_after_all_are_done() -> None:
    crew, done = Crew(), []

    def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        crew.together([fail, lambda: done.append(1)])

    assert done == [1]
    crew.stop()


def test_calls_within_calls_do_not_wait_for_threads_that_are_not_there() -> None:
    crew = Crew(threads=1)

    def nested(depth: int) -> int:
        return 1 if depth == 0 else sum(crew.together([lambda: nested(depth - 1)] * 2))

    assert nested(6) == 64
    crew.stop()


def test_what_does_not_fit_the_queue_is_dropped_and_said_so() -> None:
    crew, gate = Crew(threads=1, queue=2), threading.Event()

    def wait() -> None:
        gate.wait(5)

    crew.start(wait)
    while crew._jobs:
        pass
    taken = [crew.start(wait) for _ in range(4)]
    gate.set()

    assert taken == [True, True, False, False]
    crew.stop()


def test_a_job_that_fails_does_not_take_its_thread_along(caplog: pytest.LogCaptureFixture) -> None:
    crew, done = Crew(threads=1), threading.Event()

    def fail() -> None:
        raise LookupError("no")

    crew.start(fail)
    crew.start(done.set)

    assert done.wait(5)
    assert "A job in the background failed." in caplog.text
    crew.stop()


def test_a_crew_that_has_stopped_takes_nothing_and_still_makes_calls() -> None:
    crew = Crew()
    crew.start(lambda: None)
    crew.stop()

    assert crew.start(lambda: None) is False
    assert not [thread for thread in crew._threads if thread.is_alive()]
    assert crew.together([lambda: 1, lambda: 2]) == [1, 2]


def test_a_child_of_a_fork_has_threads_of_its_own() -> None:
    crew = Crew()
    crew.together([lambda: 1, lambda: 2])
    child = os.fork()
    if child == 0:  # no assertion here: the child must end at once, whatever happens
        done = threading.Event()
        os._exit(0 if crew.start(done.set) and done.wait(5) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    crew.stop()
