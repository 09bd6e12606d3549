"""Processor time for each benefit of a cold page: a wallet of 500 benefits against one of 10."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.apps import shop
from benchmarks.apps.shop import Shop
from benchmarks.figures import Figures, Scale, between
from benchmarks.servers import omneo

_SHORT, _LONG = 10, 500
_REPEATS = 5  # of the short one, which alone is too short to measure


def measure(folder: Path, scale: Scale) -> Figures:
    """Measure reading, cleaning and rendering, for each benefit on the page."""
    with (
        omneo.running() as upstream,
        shop.opened(folder, upstream.base_url, BENEFITS_PAGE_BUDGET_MS=20_000) as opened,
    ):
        upstream.configure(delay=0.001)
        for count in (_SHORT, _LONG):
            _cold(opened, count)
        short, long = [], []
        for _ in range(scale.rounds):
            short.append(sum(_cold(opened, _SHORT) for _ in range(_REPEATS)) / _REPEATS / _SHORT)
            long.append(_cold(opened, _LONG) / _LONG)
    return Figures(judged={"growth_shelf_500_vs_10": between(long, short)})


def _cold(opened: Shop, count: int) -> float:
    customer = f"c-{count}-0-mia"
    opened.forget("p" + customer[1:])
    started = time.process_time()
    page = opened.get(customer)
    seconds = time.process_time() - started
    if page.count('class="cb-card"') != count:
        raise RuntimeError(f"The page shows other than {count} benefits.")
    return seconds
