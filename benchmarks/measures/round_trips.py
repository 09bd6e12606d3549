"""Pages that call Omneo, in round trips: of a known shopper, of an unknown one, and with 100 benefits.

The process knows on how many pages the list of a known shopper came, and reads them in parallel. For an unknown shopper
with 100 benefits it has to find that out first.

Each sample is divided by one call of the shop's own HTTP client to the same Omneo, made just before it. Figures in
round trips contain the speed of the machine, so they have no target; own work has one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.apps import shop
from benchmarks.apps.page import CLAIMABLE, CUSTOMER, HELD
from benchmarks.apps.shop import Shop
from benchmarks.figures import Figures, Scale, between
from benchmarks.servers import omneo

_SAMPLES = 4  # in each round
_MANY = "c-100-4-mia"


def measure(folder: Path, scale: Scale) -> Figures:
    """Divide wall time by one round trip."""
    with omneo.running() as upstream, shop.opened(folder, upstream.base_url) as opened:
        pages: dict[str, Callable[[int], float]] = {
            "cold_known_rtt": lambda _number: _known(opened, CUSTOMER),
            "cold_unknown_rtt": lambda number: _seconds(opened.request(_stranger(number))),
            "cold_100_benefits_rtt": lambda _number: _known(opened, _MANY),
            "cold_100_benefits_unknown_rtt": lambda number: _seconds(opened.request(f"c-100-4-stranger{number}")),
        }
        for customer in (CUSTOMER, _MANY):
            opened.get(customer)
        trips: dict[str, list[float]] = {name: [] for name in pages}
        walls: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(scale.few * _SAMPLES):
            for name, page in pages.items():
                trips[name].append(round_trip(opened))
                walls[name].append(page(number))
    told = {name: between(walls[name], trips[name]) for name in pages}
    told["ms of one round trip"] = 1000 * median(trip for found in trips.values() for trip in found)
    return Figures(told=told)


def round_trip(opened: Shop) -> float:
    """Return the seconds of one small call with the shop's own client, over an open connection."""
    client = opened.runtime.context.omneo
    return _seconds(lambda: client.profile_id("c-0-0-nobody"))


def _stranger(number: int) -> str:
    return f"c-{HELD}-{CLAIMABLE}-stranger{number}"


def _known(opened: Shop, customer: str) -> float:
    opened.forget("p" + customer[1:])
    return _seconds(opened.request(customer))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
