"""A shop while Omneo takes five seconds for everything, and while it is down: its benefits page, and its other pages.

64 readers ask for benefits and 8 for another page of the shop, which asks nobody. Healthy and sick phases take turns. A
wallet is fresh for a second only, so that in each phase Omneo is asked; pages count where they are answered with 200.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import load, omneo
from benchmarks.figures import Figures, Scale, between
from benchmarks.load import Kind, Load
from benchmarks.page import CLAIMABLE, HELD
from benchmarks.server import Server, serving
from benchmarks.shop import PAGE, cookie, environment, settings

_SHOPPERS = [f"Cookie: {cookie(f'c-{HELD}-{CLAIMABLE}-{number}')}" for number in range(40)]
_READERS, _OTHERS = 64, 8
_SLOW = 5.0  # seconds
_SETTLE = 1  # seconds of the same load before each phase is counted


def measure(folder: Path, scale: Scale) -> Figures:
    """Pages a second in a sick phase over those of the healthy one before it."""
    with ExitStack() as stack:
        upstream = stack.enter_context(omneo.running())
        config = settings(folder / "sick", upstream.base_url, BENEFITS_CACHE_SECONDS=1)
        server = stack.enter_context(serving("benchmarks.shop:create_app()", env=environment(config)))
        _meet(server)
        phases: dict[str, list[list[Load]]] = {"healthy": [], "slow": [], "healthy again": [], "down": []}
        alone: list[float] = []
        for _ in range(scale.few):
            phases["healthy"].append(_phase(server, scale))
            upstream.dial(delay=_SLOW)
            phases["slow"].append(_phase(server, scale))
            alone.append(_alone(server))
            upstream.dial()
            _phase(server, scale)  # what was under way comes to its end
            phases["healthy again"].append(_phase(server, scale))
            upstream.down(True)
            phases["down"].append(_phase(server, scale))
            upstream.down(False)
            time.sleep(_SETTLE)
    return _figures(phases, alone)


def _figures(phases: dict[str, list[list[Load]]], alone: list[float]) -> Figures:
    ours = {name: [benefits.rate for benefits, _ in runs] for name, runs in phases.items()}
    host = {name: [other.rate for _, other in runs] for name, runs in phases.items()}
    lasts = {name: median(other.p99 for _, other in runs) for name, runs in phases.items()}
    refused = {name: sum(benefits.others for benefits, _ in runs) for name, runs in phases.items()}
    return Figures(
        ratios={
            "slow5s_benefits_vs_healthy": between(ours["slow"], ours["healthy"]),
            "slow5s_host_vs_healthy": between(host["slow"], host["healthy"]),
            "down_host_vs_healthy": between(host["down"], host["healthy again"]),
        },
        pages={"sick": 1000 * median(alone)},
        wall={
            "down_benefits_vs_healthy": between(ours["down"], ours["healthy again"]),
            **{f"{name}: p99 ms of the shop's other pages": 1000 * last for name, last in lasts.items()},
            **{f"{name}: benefits pages that say that they cannot be shown": count for name, count in refused.items()},
        },
    )


def _meet(server: Server) -> None:
    """Every worker has read every shopper before: a shop that has been open for a while."""
    kinds = [Kind(PAGE, 1, tuple(_SHOPPERS[first::8])) for first in range(8)]
    load.run(server.port, kinds, 4)


def _phase(server: Server, scale: Scale) -> list[Load]:
    kinds = [Kind(PAGE, _READERS, tuple(_SHOPPERS)), Kind("/host", _OTHERS)]
    load.run(server.port, kinds, _SETTLE)
    return load.run(server.port, kinds, scale.seconds)


def _alone(server: Server) -> float:
    """The median of one shopper's pages, in seconds, while Omneo is slow."""
    (shown,) = load.run(server.port, [Kind(PAGE, 1, tuple(_SHOPPERS))], _SETTLE)
    return shown.p50
