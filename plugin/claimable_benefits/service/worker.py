"""The embedded worker: a thread in each process that works through the tables until it is told to stop."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from claimable_benefits.service.work import WorkDone

_log = logging.getLogger("claimable_benefits")


class EmbeddedWorker:
    """Runs ``turn`` every ``seconds``, at once when woken, and for as long as there is something to do.

    It starts with the first request of a process, so a server that forks starts it in each child.
    """

    def __init__(self, turn: Callable[[], WorkDone], seconds: float) -> None:
        self._turn = turn
        self._seconds = seconds
        self._wake = threading.Event()
        self._stopped = threading.Event()
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
                self._thread = threading.Thread(target=self._run, name="claimable-benefits-worker", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """There is something to do now."""
        self._wake.set()

    def stop(self, timeout: float = 10.0) -> None:
        """Let the turn under way finish, then stop."""
        self._stopped.set()
        self._wake.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopped.is_set():
            if not self._worked():
                self._wake.wait(self._seconds)
            self._wake.clear()

    def _worked(self) -> bool:
        try:
            return bool(self._turn())
        except Exception:  # noqa: BLE001 - whatever failed, the rows say where they stand and the next turn goes on
            _log.exception("A turn of the benefits worker failed; the next one goes on.")
            return False
