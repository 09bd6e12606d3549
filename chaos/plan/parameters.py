"""The size of a run, and the durations that the shop uses in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parameters:
    """Sizes and durations; all durations in seconds.

    ``resolve_after`` and ``verify_after`` are longer than the longest of ``request_delays``, as they are in production.
    ``timing`` holds fields of the plugin's `Timing`, ``outages`` are (share of the checkouts, kind, seconds).
    """

    checkouts: int
    concurrency: int
    web: tuple[int, int]  # gunicorn's workers, and the threads of each
    delivery_workers: int
    kills: int
    request_delays: tuple[float, ...]
    resolve_after: int
    timing: Mapping[str, Any]
    outages: tuple[tuple[float, str, float], ...]
    payments_timeout: float
    answer_delay: float
    shop_lease: float
    approval_timeout: float
    load_timeout: float  # checkouts that have not started by then do not start
    drain_timeout: float  # how long the run waits until nothing is unfinished
    tenant: str | None = None  # of the plan's `TENANTS`; None: the seed draws one
    lost_answers: float = 0.06  # the share of calls that are applied and never answered
    amnesia: bool = False  # the ledger is put back once to a copy taken a little earlier


_FULL_RUN_OUTAGES = ((0.35, "rate limit", 6.0), (0.5, "connection refused", 8.0), (0.75, "invalid token", 4.0))


def full_run(checkouts: int) -> Parameters:
    """Return what ``make chaos`` runs: it takes minutes."""
    return Parameters(
        checkouts=checkouts,
        concurrency=36,
        web=(3, 16),
        delivery_workers=2,
        kills=max(4, checkouts // 25),
        request_delays=(1.0, 5.0, 15.0, 40.0),
        resolve_after=50,
        timing={
            "lease": 20,
            "order_grace": 20,
            "poll_gap": 3,
            "sweep_gaps": [10, 15, 20],
            "verify_after": 55,
            "placed_within": 10,
        },
        outages=_FULL_RUN_OUTAGES,
        payments_timeout=1.0,
        answer_delay=1.6,
        shop_lease=25.0,
        approval_timeout=40.0,
        load_timeout=max(400.0, checkouts * 0.6),
        drain_timeout=210.0,
    )


def short_run(checkouts: int) -> Parameters:
    """Return what ``make test`` runs: it takes about a minute."""
    return Parameters(
        checkouts=checkouts,
        concurrency=8,
        web=(2, 6),
        delivery_workers=1,
        kills=4,
        request_delays=(0.5, 2.0, 3.5),
        resolve_after=6,
        timing={
            "lease": 10,
            "order_grace": 5,
            "poll_gap": 1,
            "brief_polls": [0.2, 0.3],
            "sweep_gaps": [2, 4],
            "verify_after": 7,
            "placed_within": 2,
        },
        outages=((0.3, "rate limit", 2.0), (0.6, "connection refused", 2.0)),
        payments_timeout=0.8,
        answer_delay=1.2,
        shop_lease=10.0,
        approval_timeout=8.0,
        load_timeout=120.0,
        drain_timeout=120.0,
    )
