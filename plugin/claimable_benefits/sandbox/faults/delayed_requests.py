"""Requests that the sandbox applies after their caller gave up."""

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
    apply: Callable[[], object]


class DelayedRequests:
    """The requests that wait; `now` is the sandbox's clock. A thread runs for as long as one waits."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: list[DelayedRequest] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def schedule(self, due: float | datetime, apply: Callable[[], object]) -> None:
        """Apply a request when it is due."""
        with self._lock:
            self._waiting.append(DelayedRequest(due, apply))
            first = len(self._waiting) == 1
        if first:
            threading.Thread(target=self._watch, daemon=True, name="omneo-sandbox-delayed-requests").start()

    def run_due(self) -> None:
        """Apply the requests that are due."""
        for request in self._take_due():
            request.apply()

    def clear(self) -> None:
        """Forget the requests that wait."""
        with self._lock:
            self._waiting.clear()

    def _take_due(self) -> list[DelayedRequest]:
        with self._lock:
            due = [request for request in self._waiting if self._is_due(request)]
            self._waiting = [request for request in self._waiting if request not in due]
        return due

    def _is_due(self, request: DelayedRequest) -> bool:
        if isinstance(request.due, datetime):
            return self._now() >= request.due
        return time.monotonic() >= request.due

    def _watch(self) -> None:
        while self._waiting:
            time.sleep(_TICK)
            self.run_due()
