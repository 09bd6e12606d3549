"""Requests that are applied after their caller gave up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_TICK = 0.01


@dataclass(frozen=True)
class DelayedRequest:
    """A request that waits: `due` is a real (monotonic) time in seconds, or an aware time of the sandbox's clock."""

    due: float | datetime
    rise: Callable[[], object]


class DelayedRequests:
    """Where they wait; `now` is the sandbox's clock. A thread watches it for as long as somebody is in it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: list[DelayedRequest] = []
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def schedule(self, due: float | datetime, rise: Callable[[], object]) -> None:
        """Have a request applied when its time has come."""
        with self._guard:
            self._waiting.append(DelayedRequest(due, rise))
            first = len(self._waiting) == 1
        if first:
            threading.Thread(target=self._watch, daemon=True, name="omneo-sandbox-zombies").start()

    def run_due(self) -> None:
        """Apply those whose time has come."""
        for zombie in self._take_due():
            zombie.rise()

    def clear(self) -> None:
        """Forget those that wait."""
        with self._guard:
            self._waiting.clear()

    def _take_due(self) -> list[DelayedRequest]:
        with self._guard:
            due = [zombie for zombie in self._waiting if self._is_due(zombie)]
            self._waiting = [zombie for zombie in self._waiting if zombie not in due]
        return due

    def _is_due(self, zombie: DelayedRequest) -> bool:
        if isinstance(zombie.due, datetime):
            return self._now() >= zombie.due
        return time.monotonic() >= zombie.due

    def _watch(self) -> None:
        while self._waiting:
            time.sleep(_TICK)
            self.run_due()
