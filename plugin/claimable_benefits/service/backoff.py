"""How long to wait before the next attempt, and the note that says so on a use."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime, timedelta

from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.uses import Use, touch_use

LONGEST = timedelta(minutes=2)


def wait(attempts: int, most: timedelta = LONGEST) -> timedelta:
    """Double the pause after each attempt, up to ``most``, with jitter so that processes do not retry in step."""
    longest = min(2.0 ** min(attempts, 16), most.total_seconds())
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing


def postpone_use(ledger: Ledger, use: Use, now: datetime, after: timedelta, note: str, **changes: object) -> None:
    """Note on the use why nothing is decided yet, end its lease, and make it due again ``after`` from ``now``.

    Does nothing where another request or worker has moved the use.
    """
    with suppress(ConflictError), ledger.write() as connection:
        touch_use(connection, use, now, due_at=now + after, lease_until=None, note=note, **changes)
