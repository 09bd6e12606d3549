"""The shop's pages while Omneo takes five seconds for each call, and while it is down.

64 clients ask for the benefits page and 8 for a page of the shop that needs no call. Healthy and degraded phases
take turns. A wallet is fresh for one second, so that each phase calls Omneo; pages count that are answered with 200.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.apps.page import CLAIMABLE, HELD
from benchmarks.apps.shop import PAGE, cookie, environment, settings
from benchmarks.figures import Figures, Scale, between
from benchmarks.servers import load, omneo
from benchmarks.servers.load import Kind, Load
from benchmarks.servers.web import Server, serving

_SHOPPERS = [f"Cookie: {cookie(f'c-{HELD}-{CLAIMABLE}-{number}')}" for number in range(40)]
_CLIENTS, _OTHERS = 64, 8
_SLOW = 5.0  # seconds
_SETTLE = 1  # seconds of the same load before each phase is counted


def measure(folder: Path, scale: Scale) -> Figures:
    """Compare pages a second in a degraded phase with those of the healthy phase before it."""
    with ExitStack() as stack:
        upstream = stack.enter_context(omneo.running())
        config = settings(folder, upstream.base_url, BENEFITS_CACHE_SECONDS=1)
        server = stack.enter_context(serving("benchmarks.apps.shop:create_app", environment(config)))
        _visit(server)
        phases: dict[str, list[list[Load]]] = {"healthy": [], "slow": [], "healthy again": [], "down": []}
        alone: list[float] = []
        for _ in range(scale.few):
            phases["healthy"].append(_phase(server, scale))
            upstream.configure(delay=_SLOW)
            phases["slow"].append(_phase(server, scale))
            alone.append(_alone(server))
            upstream.configure()
            _phase(server, scale)  # calls that are under way end
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
        judged={
            "slow5s_benefits_vs_healthy": between(ours["slow"], ours["healthy"]),
            "slow5s_host_vs_healthy": between(host["slow"], host["healthy"]),
            "down_host_vs_healthy": between(host["down"], host["healthy again"]),
        },
        pages={"warm_slow5s": 1000 * median(alone)},
        told={
            "down_benefits_vs_healthy": between(ours["down"], ours["healthy again"]),
            **{f"{name}: p99 ms of the shop's other pages": 1000 * last for name, last in lasts.items()},
            **{f"{name}: benefits pages that say that they cannot be shown": count for name, count in refused.items()},
        },
    )


def _visit(server: Server) -> None:
    """Let every worker read every shopper, as in a shop that has been open for a while."""
    kinds = [Kind(PAGE, 1, tuple(_SHOPPERS[first::8])) for first in range(8)]
    load.run(server.port, kinds, 4)


def _phase(server: Server, scale: Scale) -> list[Load]:
    kinds = [Kind(PAGE, _CLIENTS, tuple(_SHOPPERS)), Kind("/host", _OTHERS)]
    load.run(server.port, kinds, _SETTLE)
    return load.run(server.port, kinds, scale.seconds)


def _alone(server: Server) -> float:
    """Return the median of one shopper's pages, in seconds, while Omneo is slow."""
    (seen,) = load.run(server.port, [Kind(PAGE, 1, tuple(_SHOPPERS))], _SETTLE)
    return seen.p50
