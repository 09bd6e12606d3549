"""The worker's loop, and the thread that runs it in each process of the shop until it stops."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable

from claimable_benefits.service.backoff import wait

_log = logging.getLogger("claimable_benefits")
# Longer than the worker's longest call, shorter than the half minute after which servers kill their processes.
STOP_SECONDS = 25.0
_LONGEST_PAUSE = 60.0
Turn = Callable[[], object]


class WorkerLoop:
    """Runs ``turn`` again at once while it has done something, else after ``seconds`` or when woken.

    A turn that raises is logged, and the next one waits, longer each time; the rows keep their state, so nothing is
    lost. ``seconds`` None: only when woken.
    """

    def __init__(self, turn: Turn, seconds: float | None, *, stopped: threading.Event | None = None) -> None:
        self._turn = turn
        self._seconds = seconds
        self._stopped = stopped or threading.Event()
        self._wake = threading.Event()
        self._failures = 0

    def is_stopping(self) -> bool:
        """Whether no further row should be begun."""
        return self._stopped.is_set()

    def wake(self) -> None:
        """Run a turn now: there is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Begin no further row, and end `run`."""
        self._stopped.set()
        self._wake.set()

    def run(self) -> None:
        """Run turns until stopped."""
        while not self.is_stopping():
            if not self._did_something():
                self._rest()

    def _did_something(self) -> bool:
        try:
            done = bool(self._turn())
        except Exception as error:  # noqa: BLE001 - whatever failed, the rows keep their state
            self._failures += 1
            # One traceback is enough for a database that is down for an hour.
            first = error if self._failures == 1 else None
            _log.error("A turn of the benefits worker failed, %d in a row: %s", self._failures, error, exc_info=first)
            return False
        self._failures = 0
        return done

    def _rest(self) -> None:
        if self._failures:
            pause = min(wait(self._failures).total_seconds(), _LONGEST_PAUSE)
            self._stopped.wait(max(pause, self._seconds or 0))  # a wake-up does not repair what failed
            return
        self._wake.wait(self._seconds)
        self._wake.clear()


class WorkerThread:
    """A `WorkerLoop` in a thread of this process, which ends with it.

    It starts with the first request of a process, so a server that forks starts it in each child.
    """

    def __init__(self, turn: Turn, seconds: float | None, *, stop_seconds: float = STOP_SECONDS) -> None:
        self._loop = WorkerLoop(turn, seconds)
        self._stop_seconds = stop_seconds
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid: int | None = None

    def start(self) -> None:
        """Start the thread, unless this process has it already."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._loop.run, name="claimable-benefits-worker", daemon=True)
                self._thread.start()
                atexit.register(self.stop)  # a daemon thread would end in the middle of its call

    def is_stopping(self) -> bool:
        """Whether no further row should be begun."""
        return self._loop.is_stopping()

    def wake(self) -> None:
        """Run a turn now: there is something to do."""
        self._loop.wake()

    def stop(self) -> None:
        """Let the call under way finish and commit its outcome, then stop; wait for that at most ``stop_seconds``."""
        self._loop.stop()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(self._stop_seconds)
            atexit.unregister(self.stop)
