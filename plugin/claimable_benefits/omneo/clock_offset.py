"""Compare Omneo's clock with ours, by the Date headers of its answers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Date headers count whole seconds, and an answer is some time on its way: a smaller difference means nothing.
_TOLERANCE = timedelta(seconds=5)


class ClockOffset:
    """The difference between Omneo's clock and ours, as of its last answer. Safe between threads."""

    def __init__(self) -> None:
        # Omneo's time in its last answer, and the monotonic time of that answer: one tuple, replaced as a whole.
        self._last: tuple[datetime, float] | None = None

    def note(self, date: str | None) -> datetime:
        """Note an answer's Date header, and return the time of the answer: Omneo's, or ours where it says none."""
        try:
            at = parsedate_to_datetime(date or "").astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.now(UTC)
        self._last = at, time.monotonic()
        return at

    def ahead_of(self, now: datetime) -> timedelta:
        """Return by how much Omneo's clock is ahead of ``now``, an aware time; zero before the first answer."""
        if self._last is None:
            return timedelta(0)
        at, then = self._last
        ahead = at + timedelta(seconds=time.monotonic() - then) - now
        return ahead if abs(ahead) > _TOLERANCE else timedelta(0)
