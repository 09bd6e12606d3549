"""Threads that start when a job needs them, are few, and never wait for each other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from claimable_benefits.cache.thread_pool import ThreadPool
from tests.support.waiting import LIMIT


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Jobs wait for it; whatever happens, it opens at the end."""
    event = threading.Event()
    yield event
    event.set()


def test_no_thread_starts_before_a_job_needs_one() -> None:
    before = set(threading.enumerate())
    thread_pool = ThreadPool()

    assert set(threading.enumerate()) == before
    thread_pool.stop()


@pytest.mark.timing
def test_calls_are_made_at_the_same_time_and_given_in_order() -> None:
    thread_pool, meeting = ThreadPool(threads=3), threading.Barrier(3, timeout=30)

    found = thread_pool.gather([lambda name=name: (meeting.wait(), name)[1] for name in "abc"])  # type: ignore[misc]

    assert found == ["a", "b", "c"]
    thread_pool.stop()


def test_the_first_error_is_raised_after_all_are_done() -> None:
    thread_pool, done = ThreadPool(), []

    def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        thread_pool.gather([fail, lambda: done.append(1)])

    assert done == [1]
    thread_pool.stop()


def test_calls_within_calls_do_not_wait_for_threads_that_are_not_there() -> None:
    thread_pool = ThreadPool(threads=1)

    def nested(depth: int) -> int:
        return 1 if depth == 0 else sum(thread_pool.gather([lambda: nested(depth - 1)] * 2))

    assert nested(6) == 64
    thread_pool.stop()


@pytest.mark.timing
def test_a_job_that_does_not_fit_the_queue_is_dropped(gate: threading.Event) -> None:
    thread_pool, runs = ThreadPool(threads=1, queue=2), threading.Event()

    def wait() -> None:
        runs.set()
        gate.wait(LIMIT)

    thread_pool.submit(wait)
    assert runs.wait(30)
    taken = [thread_pool.submit(wait) for _ in range(4)]
    gate.set()

    assert taken == [True, True, False, False]
    thread_pool.stop()


def test_calls_that_no_thread_has_begun_are_made_by_the_caller(gate: threading.Event) -> None:
    thread_pool, runs = ThreadPool(threads=1), threading.Event()

    def wait() -> None:
        runs.set()
        gate.wait(LIMIT)

    thread_pool.submit(wait)
    assert runs.wait(30)

    made_by = thread_pool.gather([threading.get_ident] * 3)

    assert made_by == [threading.get_ident()] * 3


@pytest.mark.timing
def test_a_job_that_fails_does_not_take_its_thread_along(caplog: pytest.LogCaptureFixture) -> None:
    thread_pool, done = ThreadPool(threads=1), threading.Event()

    def fail() -> None:
        raise LookupError("no")

    thread_pool.submit(fail)
    thread_pool.submit(done.set)

    assert done.wait(LIMIT)
    assert "A job in the background failed." in caplog.text
    thread_pool.stop()


def test_a_pool_that_has_stopped_takes_nothing_and_still_makes_calls() -> None:
    thread_pool = ThreadPool()
    thread_pool.submit(lambda: None)
    thread_pool.stop()
    thread_pool.stop()

    assert thread_pool.submit(lambda: None) is False
    assert thread_pool.gather([lambda: 1, lambda: 2]) == [1, 2]


@pytest.mark.timing
def test_stopping_waits_for_the_job_that_runs_and_drops_the_others(gate: threading.Event) -> None:
    before = set(threading.enumerate())
    thread_pool, runs, done = ThreadPool(threads=1), threading.Event(), []

    def run() -> None:
        runs.set()
        gate.wait(LIMIT)
        done.append("ran")

    thread_pool.submit(run)
    thread_pool.submit(lambda: done.append("waited"))
    assert runs.wait(30)
    thread_pool.stop(timeout=0.01)
    at_the_timeout = list(done)
    gate.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT)

    assert (at_the_timeout, done) == ([], ["ran"])


@pytest.mark.timing
def test_the_end_of_the_process_does_not_wait_for_jobs() -> None:
    script = (
        "import threading; from claimable_benefits.cache.thread_pool import ThreadPool;"
        "pool, begun = ThreadPool(threads=1), threading.Event();"
        "pool.submit(lambda: (begun.set(), threading.Event().wait(600)));"
        "pool.submit(lambda: threading.Event().wait(600));"
        "assert begun.wait(60); print('the end')"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)  # noqa: S603 - ours

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "the end\n", "")


@pytest.mark.timing
def test_a_child_of_a_fork_has_threads_of_its_own() -> None:
    thread_pool = ThreadPool()
    thread_pool.gather([lambda: 1, lambda: 2])
    child = os.fork()
    if child == 0:  # no assertion here: the child must end at once, whatever happens
        done = threading.Event()
        os._exit(0 if thread_pool.submit(done.set) and done.wait(LIMIT) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread_pool.stop()
