"""Wait for something to happen, with one limit for all tests.

A test waits for a condition, never for a duration: so it does not depend on how busy the machine is. The limit is far
longer than anything takes, and ends a test that would hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT = 60.0  # seconds
_PAUSE = 0.03


def wait_until(happened: Callable[[], bool], limit: float = LIMIT) -> None:
    """Return as soon as ``happened`` answers True. Raises `TimeoutError` after ``limit`` seconds."""
    end = time.monotonic() + limit
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"It did not happen within {limit:.0f} seconds.")
        time.sleep(_PAUSE)
