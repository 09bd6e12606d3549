"""What a page costs that has to ask Omneo, in round trips: of a known shopper, an unknown one, and with 100 benefits.

A known shopper has been here before, so the process knows on how many pages their list came. What it takes to find out
is told besides: nothing is known of those who have 100 benefits and come for the first time.

Each sample is set against a call of the shop's own HTTP client to the same Omneo, made just before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import omneo, shop
from benchmarks.figures import Figures, Scale, between
from benchmarks.page import CLAIMABLE, CUSTOMER, HELD
from benchmarks.shop import Shop

_SAMPLES = 4  # in each round
_MANY = "c-100-4-mia"
_FIRST_TIME = "round trips of a page with 100 benefits whose shopper nobody has met"


def measure(folder: Path, scale: Scale) -> Figures:
    """Wall time over one round trip."""
    with omneo.running() as upstream, shop.opened(folder / "cold", upstream.base_url) as opened:
        pages: dict[str, Callable[[int], float]] = {
            "cold_known_rtt": lambda _number: _known(opened, CUSTOMER),
            "cold_unknown_rtt": lambda number: _seconds(opened.request(_stranger(number))),
            "cold_100_benefits_rtt": lambda _number: _known(opened, _MANY),
            _FIRST_TIME: lambda number: _seconds(opened.request(f"c-100-4-stranger{number}")),
        }
        for customer in (CUSTOMER, _MANY):
            opened.get(customer)
        trips: dict[str, list[float]] = {name: [] for name in pages}
        walls: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(scale.rounds * _SAMPLES):
            for name, page in pages.items():
                trips[name].append(round_trip(opened))
                walls[name].append(page(number))
    ratios = {name: between(walls[name], trips[name]) for name in pages}
    first_time = {_FIRST_TIME: ratios.pop(_FIRST_TIME)}
    every = [trip for found in trips.values() for trip in found]
    told = {"cold": 1000 * median(walls["cold_known_rtt"]), "round trip": 1000 * median(every)}
    return Figures(ratios=ratios, pages=told, wall=first_time)


def round_trip(opened: Shop) -> float:
    """The seconds of one small call with the shop's own client, over a connection that is open."""
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
