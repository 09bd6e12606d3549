"""One writer at a time in this process, for SQLite.

SQLite lets one writer in at a time, and the others sleep and try again: among many threads, some sleep for seconds. The
threads of one process wait for this lock instead, and one of them wakes as soon as it is free.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from claimable_benefits.errors import LedgerUnavailable


class WriteLock:
    """Lets one thread of this process write at a time, where ``needed``; a thread waits at most ``wait`` seconds."""

    def __init__(self, *, needed: bool, wait: float) -> None:
        self._needed = needed
        self._wait = wait
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Hold the lock for the length of a block. Raises `LedgerUnavailable` after waiting in vain."""
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
        # A fork copies a lock that a thread of the parent holds, and no thread of the child releases it.
        if self._pid != os.getpid():
            self._lock, self._pid = threading.Lock(), os.getpid()
        return self._lock
