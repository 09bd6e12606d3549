"""A few threads that do what a request shall not wait for, or what it wants done at the same time."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

_log = logging.getLogger("claimable_benefits")


class Gather(Protocol):
    """Makes calls, at the same time if it can, and gives their results in order; raises the first error."""

    def __call__(self, calls: Sequence[Callable[[], T]], /) -> list[T]: ...


class ThreadPool:
    """At most ``threads`` daemon threads and a queue of at most ``queue`` jobs: what does not fit is dropped.

    An unbounded queue would keep thousands of dead refreshes after an outage. The threads start when they are first
    needed, so a server that forks has them in each child.
    """

    def __init__(self, threads: int = 8, queue: int = 64) -> None:
        self._most_threads = threads
        self._most_jobs = queue
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._jobs: deque[Callable[[], None]] = deque()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._stopped = False

    def submit(self, job: Callable[[], None]) -> bool:
        """Have ``job`` done soon. False where the queue is full, or all was stopped: then it is not done."""
        if self._pid != os.getpid():
            self._begin()
        with self._ready:
            if self._stopped or len(self._jobs) >= self._most_jobs:
                return False
            self._jobs.append(job)
            if self._idle < len(self._jobs) and len(self._threads) < self._most_threads:
                self._hire()
            self._ready.notify()
            return True

    def gather(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make the calls at the same time, and give their results in order; the first error is raised.

        The caller does its part, and whatever no thread has begun: so it never waits for a thread that is not there.
        """
        tasks = [_Task(call) for call in calls]
        for task in tasks[1:]:
            self.submit(task.run)
        for task in tasks:
            task.run()
        return [task.result() for task in tasks]

    def stop(self, timeout: float = 5.0) -> None:
        """Let what is under way finish, drop the rest, and end the threads; waits ``timeout`` seconds in all."""
        until = time.monotonic() + timeout
        with self._ready:
            self._stopped = True
            self._jobs.clear()
            self._ready.notify_all()
        if self._pid == os.getpid():
            for thread in list(self._threads):
                thread.join(max(0.0, until - time.monotonic()))

    def _hire(self) -> None:
        thread = threading.Thread(target=self._work, name="claimable-benefits-crew", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:  # noqa: BLE001 - a job that fails must not take its thread along
                _log.exception("A job in the background failed.")

    def _next(self) -> Callable[[], None] | None:
        with self._ready:
            self._idle += 1
            while not self._jobs and not self._stopped:
                self._ready.wait()
            self._idle -= 1
            return self._jobs.popleft() if self._jobs else None


class _Task(Generic[T]):
    """One call, made by whoever comes first."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._claim = threading.Lock()
        self._done = threading.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error
        finally:
            self._done.set()

    def result(self) -> T:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value] # there is no error, so this is the call's own value


def one_by_one(calls: Sequence[Callable[[], T]]) -> list[T]:
    """As `Crew.together`, without threads."""
    return [call() for call in calls]
