"""How long requests wait, and how many may wait at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class WaitBudget:
    """At most ``slots`` threads wait at once, each for at most ``budget`` seconds.

    A thread that finds no slot does not wait at all. For ``pause`` seconds after a wait in vain no thread waits: what
    is slow now is slow a moment later too, and the shop's other pages need the threads. ``clock`` counts seconds.
    """

    def __init__(
        self, budget: float, slots: int, *, pause: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.budget = budget
        self.pause = pause
        self._clock = clock
        self._slots = threading.Semaphore(slots)
        self._not_before = clock()
        self._lock = threading.Lock()
        self._waiting = 0
        self.most_at_once = 0
        self.waits = 0
        self.in_vain = 0

    def wait(self, done: threading.Event) -> bool:
        """Wait for ``done``; return whether it came within the budget."""
        if done.is_set():
            return True
        if self._clock() < self._not_before:
            return False
        with self.slot() as has_slot:
            came = has_slot and done.wait(self.budget)
        if has_slot and not came:
            self.in_vain += 1
            self._not_before = self._clock() + self.pause
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
