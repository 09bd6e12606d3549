"""The time, from one clock for all processes, so that their leases and deadlines can be compared."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from claimable_benefits.errors import LedgerUnavailable

Wall = Callable[[], datetime]
Monotonic = Callable[[], float]
SYNC_SECONDS = 60.0


def machine_time() -> datetime:
    """This machine's clock, in UTC: SQLite's processes share one machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Sync:
    """The server's time, and our monotonic clock at that moment."""

    at: datetime
    monotonic: float


class ServerClock:
    """The database server's clock: read once a minute, and carried forward by the monotonic clock in between.

    A process whose own clock is wrong, or jumps, returns the same time as the others: an aware datetime in UTC. ``ask``
    reads the server's clock (aware). Raises `LedgerUnavailable` where the first read fails; when a later one fails, the
    clock goes on from the last.
    """

    def __init__(self, ask: Wall, *, monotonic: Monotonic = time.monotonic) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._asking = threading.Lock()
        self._sync: _Sync | None = None
        self._tried = 0.0

    def __call__(self) -> datetime:
        sync = self._sync
        if sync is None:
            sync = self._first()
        elif self._monotonic() - self._tried >= SYNC_SECONDS:
            sync = self._again(sync)
        return sync.at + timedelta(seconds=self._monotonic() - sync.monotonic)

    def _first(self) -> _Sync:
        with self._asking:
            return self._sync or self._synchronise()

    def _again(self, known: _Sync) -> _Sync:
        """Ask again, unless another thread is asking at this moment."""
        if not self._asking.acquire(blocking=False):
            return known
        try:
            return self._synchronise()
        except LedgerUnavailable:
            return known
        finally:
            self._asking.release()

    def _synchronise(self) -> _Sync:
        before = self._tried = self._monotonic()
        at = self._ask()
        # The server looked at its clock somewhere between the two.
        self._sync = _Sync(at.astimezone(UTC), (before + self._monotonic()) / 2)
        return self._sync
