"""Compare Omneo's clock with ours, by the Date headers of its answers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Date headers count whole seconds, and an answer is some time on its way: a smaller difference means nothing.
_TOLERANCE = timedelta(seconds=5)
# No clock of a server that works is wrong by more: such a date is a proxy's, or a placeholder.
_FARTHEST = timedelta(days=1)


class ClockOffset:
    """The difference between Omneo's clock and ours, as of its last answer. Safe between threads."""

    def __init__(self) -> None:
        # Omneo's time in its last answer, and the monotonic time of that answer: one tuple, replaced as a whole.
        self._last: tuple[datetime, float] | None = None

    def note(self, date: str | None) -> datetime:
        """Note an answer's Date header, and return the time of the answer: Omneo's, or ours where it says none."""
        try:
            at = parsedate_to_datetime(date or "")
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)  # "-0000" is UTC, too
        except (ValueError, TypeError, IndexError, OverflowError):
            return datetime.now(UTC)
        self._last = at, time.monotonic()
        return at

    def ahead_of(self, now: datetime) -> timedelta:
        """Return by how much Omneo's clock is ahead of ``now``, an aware time.

        Zero before the first answer, and where the answer's date is more than a day away: then it is no clock's.
        """
        if self._last is None:
            return timedelta(0)
        at, then = self._last
        ahead = (at - now) + timedelta(seconds=time.monotonic() - then)
        return ahead if _TOLERANCE < abs(ahead) <= _FARTHEST else timedelta(0)
