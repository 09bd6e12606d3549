"""A circuit breaker: after some failures in a row, no caller waits for the next one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Opens after ``failures`` in a row for ``seconds``; then one attempt at a time shows whether it is over.

    ``clock`` counts seconds and never goes back. Safe between threads.
    """

    def __init__(self, failures: int = 5, seconds: float = 5.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._next_trial: float | None = None
        self._paused_until = float("-inf")
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the last attempts failed, and none has succeeded since."""
        return self._next_trial is not None

    @property
    def is_resting(self) -> bool:
        """Whether no attempt may be made now; asking does not use up the trial."""
        next_trial = self._next_trial
        return next_trial is not None and self._clock() < next_trial

    def allow_request(self) -> bool:
        """Whether an attempt may be made now. While open, one in ``seconds`` may: the trial."""
        if self._next_trial is None:
            return True
        with self._lock:
            if self._next_trial is None:
                return True
            if self._clock() < self._next_trial:
                return False
            self._next_trial = self._clock() + self._seconds
            return True

    def record_success(self) -> None:
        """Close the breaker: an attempt brought an answer. A pause stays, as that attempt began before it."""
        if self._failures or self._next_trial is not None:
            with self._lock:
                self._failures = 0
                if self._clock() >= self._paused_until:
                    self._next_trial = None

    def record_failure(self, pause: float | None = None) -> None:
        """Count an attempt without an answer; with ``pause``, the server asked for so many seconds without requests."""
        with self._lock:
            self._failures += 1
            if pause is not None:
                self._paused_until = max(self._paused_until, self._clock() + pause)
            if pause is not None or self._failures >= self._most:
                until = self._clock() + (self._seconds if pause is None else 0.0)
                self._next_trial = max(until, self._paused_until)
