"""A bounded pool of threads: for what a request does not wait for, and for calls made at the same time."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

_log = logging.getLogger("claimable_benefits")


class Gather(Protocol):
    """Makes calls, at the same time if it can, and returns their results in order; raises the first error."""

    def __call__(self, calls: Sequence[Callable[[], T]], /) -> list[T]: ...


class ThreadPool:
    """At most ``threads`` threads, and at most ``queue`` jobs that wait for one; a job beyond that is dropped.

    An unbounded queue would hold thousands of useless refreshes after an outage. A thread starts when a job needs it. A
    fork copies no threads, so the child starts with a pool of its own. The threads are daemons: a job may wait ten
    seconds for an answer, and the end of the process does not wait for jobs. That is why
    `concurrent.futures.ThreadPoolExecutor` does not serve here. So a job must be one that may be lost: a read.
    """

    def __init__(self, threads: int = 16, queue: int = 64) -> None:
        self._most_threads = threads
        self._most_jobs = threads + queue
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._room = threading.BoundedSemaphore(self._most_jobs)
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = threading.Semaphore(0)
        self._is_stopped = False

    def submit(self, job: Callable[[], object]) -> bool:
        """Run ``job`` soon; what it raises is logged. Return False where the queue is full or the pool has stopped."""
        future = self._submit(job)
        if future is None:
            return False
        future.add_done_callback(_log_error)
        return True

    def gather(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make the calls at the same time, and return their results in order. Raises the first error, after all ended.

        The caller makes the first call, and each that no thread has begun, so it never waits for a free thread.
        """
        submitted = [self._submit(call) if place else None for place, call in enumerate(calls)]
        futures = [
            future if future and not future.cancel() else _run(call)
            for call, future in zip(calls, submitted, strict=True)
        ]
        wait(futures)
        return [future.result() for future in futures]

    def stop(self, timeout: float = 5.0) -> None:
        """Accept no more jobs, drop those that wait, and let those that run end, within ``timeout`` seconds in all."""
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
        until = time.monotonic() + timeout
        for _ in range(self._threads):
            self._waiting.put(None)
        for _ in range(self._most_jobs):  # each job that ends makes room
            if not self._room.acquire(timeout=max(0.0, until - time.monotonic())):
                return

    def _submit(self, call: Callable[[], T]) -> Future[T] | None:
        if not self._room.acquire(blocking=False):
            return None
        future: Future[T] = Future()
        room = self._room
        future.add_done_callback(lambda _: room.release())
        with self._lock:  # so that no job is accepted behind the end of the threads
            if self._is_stopped or not self._has_thread():
                future.cancel()
                return None
            self._waiting.put(lambda: self._finish(future, call))
        return future

    def _has_thread(self) -> bool:
        """Whether a thread will take one more job; start one where all are busy and there may be more."""
        if self._idle.acquire(blocking=False) or self._threads == self._most_threads:
            return True
        try:
            threading.Thread(
                target=self._work, args=(self._waiting, self._idle), name="claimable-benefits_load", daemon=True
            ).start()
        except RuntimeError:  # the process ends, or may have no more threads
            return self._threads > 0
        self._threads += 1
        return True

    def _work(self, waiting: queue.SimpleQueue[Callable[[], None] | None], idle: threading.Semaphore) -> None:
        while (job := waiting.get()) is not None:
            job()
            del job  # or the thread would hold the last result until the next job
            idle.release()

    def _finish(self, future: Future[Any], call: Callable[[], object]) -> None:
        if self._is_stopped:
            future.cancel()
        if future.set_running_or_notify_cancel():
            _run(call, future)


def one_by_one(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make the calls like `ThreadPool.gather`, without threads."""
    return [call() for call in calls]


def _run(call: Callable[[], T], future: Future[T] | None = None) -> Future[T]:
    future = Future() if future is None else future
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(error)
    return future


def _log_error(future: Future[object]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("A job in the background failed.", exc_info=error)


_pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()


def _restart_in_the_child() -> None:
    for pool in _pools:
        pool._start()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_in_the_child)
