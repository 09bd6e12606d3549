"""How many requests may wait at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WaitBudget:
    """At most ``slots`` threads wait at once; a thread that finds no slot does not wait at all.

    Readers of a cache leave the last slot to whoever takes one with `slot`: a click must not fail because pages wait.
    """

    def __init__(self, slots: int) -> None:
        self._slots = threading.Semaphore(slots)
        self._readers = threading.Semaphore(max(1, slots - 1))
        self._lock = threading.Lock()
        self._waiting = 0
        self.most_at_once = 0
        self.waits = 0
        self.in_vain = 0

    def wait(self, done: threading.Event, seconds: float) -> bool | None:
        """Wait up to ``seconds`` for ``done``: True where it came, False where not, None where there was no slot."""
        if done.is_set():
            return True
        if not self._readers.acquire(blocking=False):
            return None
        try:
            with self.slot() as has_slot:
                if not has_slot:
                    return None
                came = done.wait(seconds)
        finally:
            self._readers.release()
        if not came:
            self.in_vain += 1
        return came

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Take a slot for the length of a block; yield whether there was one."""
        if not self._slots.acquire(blocking=False):
            yield False
            return
        with self._lock:
            self.waits += 1
            self._waiting += 1
            self.most_at_once = max(self.most_at_once, self._waiting)
        try:
            yield True
        finally:
            with self._lock:
                self._waiting -= 1
            self._slots.release()
