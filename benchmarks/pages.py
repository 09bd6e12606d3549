"""The benefits page, warm, under gunicorn: against a bare page of the same HTML, and against the naive integration.

``warm_vs_bare`` compares processor time, as both pages are bound by it. The naive one waits for Omneo, so it is
compared by pages a second, over as many connections as there are threads, which wrk keeps. How many times as fast
anything can be depends on the machine, so that is told, too: of a page that is made beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import load, omneo
from benchmarks.figures import Figures, Scale, between
from benchmarks.load import Kind
from benchmarks.page import CUSTOMER
from benchmarks.server import GTHREAD, SYNC, Server, serving
from benchmarks.shop import PAGE, cookie, environment, settings

READY = "a page made beforehand against the naive page"
_BUSY = 16  # connections, enough to keep two workers busy
_WAITING = 32  # as many as there are threads


def measure(folder: Path, scale: Scale) -> Figures:
    """All servers run for the whole measurement, and only one of them is asked at a time."""
    with ExitStack() as stack:
        upstream = stack.enter_context(omneo.running())
        ours = environment(settings(folder / "pages", upstream.base_url))
        naive = {"OMNEO_BASE_URL": upstream.base_url, "OMNEO_TOKEN": "token"}
        servers = {
            "warm": stack.enter_context(serving("benchmarks.shop:create_app()", GTHREAD, ours)),
            "bare": stack.enter_context(serving("benchmarks.bare:create_app()", GTHREAD)),
            "ready": stack.enter_context(serving("benchmarks.bare:create_ready()", GTHREAD)),
            "naive": stack.enter_context(serving("benchmarks.naive:create_app()", GTHREAD, naive)),
            "warm sync": stack.enter_context(serving("benchmarks.shop:create_app()", SYNC, ours)),
            "ready sync": stack.enter_context(serving("benchmarks.bare:create_ready()", SYNC)),
            "naive sync": stack.enter_context(serving("benchmarks.naive:create_app()", SYNC, naive)),
        }
        for server in servers.values():  # the very first readers of a wallet may be told to come again
            load.run(server.port, [_kind(_WAITING)], 1)
        found = _compare(_costs(servers, scale), _rates(servers, scale))
        for name in ("warm", "bare", "naive"):
            alone, _ = servers[name].ask(_kind(1), scale.seconds)
            found.pages[name] = 1000 * alone.p50
        return found


def _costs(servers: Mapping[str, Server], scale: Scale) -> dict[str, list[tuple[float, float]]]:
    """Pages a second, and microseconds of processor time for each, of every run."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ("warm", "bare")}
    for _ in range(scale.rounds):
        for name, found in runs.items():
            shown, cpu = servers[name].ask(_kind(_BUSY), scale.seconds)
            found.append((shown.rate, cpu))
    return runs


def _rates(servers: Mapping[str, Server], scale: Scale) -> dict[str, list[float]]:
    """Pages a second of every run."""
    runs: dict[str, list[float]] = {name: [] for name in servers if name != "bare"}
    for _ in range(scale.rounds):
        for name, found in runs.items():
            shown, _ = servers[name].ask(_kind(_WAITING), scale.seconds, answers=load.ALL)
            found.append(shown.rate)
    return runs


def _kind(connections: int) -> Kind:
    return Kind(PAGE, connections, (f"Cookie: {cookie(CUSTOMER)}",))


def _compare(costs: Mapping[str, list[tuple[float, float]]], rates: Mapping[str, list[float]]) -> Figures:
    pages = {name: [rate for rate, _ in found] for name, found in costs.items()}
    cpu = {name: [cpu for _, cpu in found] for name, found in costs.items()}
    return Figures(
        ratios={
            "warm_vs_bare": between(cpu["bare"], cpu["warm"]),
            "warm_vs_naive_gthread": between(rates["warm"], rates["naive"]),
            "warm_vs_naive_sync": between(rates["warm sync"], rates["naive sync"]),
        },
        cpu={name: median(found) for name, found in cpu.items()},
        wall={
            "warm_vs_bare_by_pages_a_second": between(pages["warm"], pages["bare"]),
            f"{READY} (gthread)": between(rates["ready"], rates["naive"]),
            f"{READY} (sync)": between(rates["ready sync"], rates["naive sync"]),
            **{f"{name}: pages a second": median(found) for name, found in rates.items()},
        },
    )
