"""Taking turns to write to SQLite.

SQLite lets one writer in at a time, and has the others sleep and try again: among many threads the unlucky ones sleep
for seconds. Those of one process wait for each other here instead, and are woken at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from claimable_benefits.errors import LedgerUnavailable


class WriteLock:
    """One writer of this process at a time, where ``needed``; whoever waits longer than ``wait`` seconds is told."""

    def __init__(self, *, needed: bool, wait: float) -> None:
        self._needed = needed
        self._wait = wait
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Wait for a turn. Raises `LedgerUnavailable` where none comes."""
        if not self._needed:
            yield
            return
        lock = self._own()
        if not lock.acquire(timeout=self._wait):
            raise LedgerUnavailable("The ledger cannot be used right now: database is locked.")
        try:
            yield
        finally:
            lock.release()

    def _own(self) -> threading.Lock:
        if self._pid != os.getpid():  # a fork copies a lock that a thread of the parent has, and nobody gives it back
            self._lock, self._pid = threading.Lock(), os.getpid()
        return self._lock
