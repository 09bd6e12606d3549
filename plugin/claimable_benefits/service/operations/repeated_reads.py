"""Read from Omneo for reconciliation: repeat what fails, with growing pauses, and note what could not be read."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from claimable_benefits.errors import (
    AuthenticationError,
    InvalidResponse,
    NotApplied,
    OmneoError,
    PermissionDenied,
    RateLimited,
    Rejected,
)
from claimable_benefits.service.context import Context

T = TypeVar("T")
# Together longer than a circuit breaker stays open.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE = 30.0
# Omneo is down: each further read gets one attempt, so that a report of a thousand orders does not take a day.
_GIVE_UP_AFTER = 4


class RepeatedReads:
    """Reads of one reconciliation; safe between threads. ``pauses`` are the seconds after each failed attempt."""

    def __init__(self, ctx: Context, *, pauses: Sequence[float] = _PAUSES) -> None:
        self._sleep = ctx.sleep
        self._pauses = pauses
        self._lock = threading.Lock()
        self._failed = 0  # in a row
        self._has_read = False

    def ask(self, read: Callable[[], T]) -> T:
        """Return what ``read`` reads, repeated where that may help. Raises `OmneoError` where it fails to the end.

        A refusal is not repeated: 401, 403, 404, 422.
        """
        is_down = self._failed >= (_GIVE_UP_AFTER if self._has_read else 1)
        for pause in () if is_down else self._pauses:
            try:
                return self._note_success(read())
            except RateLimited as error:
                self._sleep(min(error.retry_after or pause, _LONGEST_PAUSE))
            except (AuthenticationError, PermissionDenied, Rejected):
                self._has_read = True  # Omneo answers
                raise
            except (NotApplied, InvalidResponse):
                self._sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
        try:
            return self._note_success(read())
        except OmneoError:
            with self._lock:
                self._failed += 1
            raise

    def _note_success(self, answer: T) -> T:
        with self._lock:
            self._failed, self._has_read = 0, True
        return answer
