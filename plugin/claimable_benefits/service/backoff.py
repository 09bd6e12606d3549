"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from datetime import timedelta

LONGEST = timedelta(minutes=2)


def wait(attempts: int) -> timedelta:
    """Twice as long after each attempt, up to two minutes, spread so that processes do not march in step."""
    longest = min(2.0 ** min(attempts, 16), LONGEST.total_seconds())
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
