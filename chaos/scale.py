"""How large a run is, and how fast time passes in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes and spans; all spans in seconds.

    ``settle`` and the span ``verify`` are longer than the oldest of ``zombies``, as they are in production. ``timing``
    are fields of the plugin's `Timing`, ``spells`` are (share of the checkouts, kind, seconds).
    """

    checkouts: int
    at_once: int
    web: tuple[int, int]  # gunicorn's workers, and the threads of each
    deliverers: int
    kills: int
    zombies: tuple[float, ...]
    settle: int
    timing: Mapping[str, Any]
    spells: tuple[tuple[float, str, float], ...]
    payments_timeout: float
    late: float
    shop_lease: float
    approval: float
    load: float  # checkouts that have not begun by then do not
    quiet: float  # so long the run waits for everything to come to rest


_USUAL_SPELLS = ((0.35, "429 storm", 6.0), (0.5, "outage", 8.0), (0.75, "401 spell", 4.0))


def full(checkouts: int) -> Scale:
    """Minutes: what ``make chaos`` does."""
    return Scale(
        checkouts=checkouts,
        at_once=36,
        web=(3, 16),
        deliverers=2,
        kills=max(4, checkouts // 25),
        zombies=(1.0, 5.0, 15.0, 40.0),
        settle=50,
        timing={
            "lease": 20,
            "order_grace": 20,
            "poll_gap": 3,
            "sweep_gaps": [10, 15, 20],
            "verify_after": 55,
            "placed_within": 10,
        },
        spells=_USUAL_SPELLS,
        payments_timeout=1.0,
        late=1.6,
        shop_lease=25.0,
        approval=40.0,
        load=max(400.0, checkouts * 0.6),
        quiet=210.0,
    )


def short(checkouts: int) -> Scale:
    """Seconds: what ``make test`` does."""
    return Scale(
        checkouts=checkouts,
        at_once=8,
        web=(2, 6),
        deliverers=1,
        kills=4,
        zombies=(0.5, 2.0, 3.5),
        settle=6,
        timing={
            "lease": 10,
            "order_grace": 5,
            "poll_gap": 1,
            "brief_polls": [0.2, 0.3],
            "sweep_gaps": [2, 4],
            "verify_after": 7,
            "placed_within": 2,
        },
        spells=((0.3, "429 storm", 2.0), (0.6, "outage", 2.0)),
        payments_timeout=0.8,
        late=1.2,
        shop_lease=10.0,
        approval=8.0,
        load=120.0,
        quiet=120.0,
    )
