"""The benefits page, warm, under gunicorn: against a bare page of the same HTML, and against the naive integration.

``warm_vs_bare`` compares processor time, as both pages are bound by it. The naive one waits for Omneo, so it is
compared by pages a second. How many times as fast anything can be that Flask serves depends on the machine, so that is
told, too: of a page that is one word.
"""

from __future__ import annotations

import time
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

WORD = "a Flask page that is one word against the naive page"
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
            "naive": stack.enter_context(serving("benchmarks.naive:create_app()", GTHREAD, naive)),
            "warm sync": stack.enter_context(serving("benchmarks.shop:create_app()", SYNC, ours)),
            "naive sync": stack.enter_context(serving("benchmarks.naive:create_app()", SYNC, naive)),
        }
        for server in servers.values():  # the very first readers of a shelf may be told to come again
            load.run(server.port, [_kind(_WAITING)], 1.0)
        runs = _runs(servers, scale)
        found = _compare(runs)
        found.wall.update(_limits(runs, scale))
        before, started = time.process_time(), time.perf_counter()
        servers["bare"].ask(_kind(_BUSY), scale.seconds)
        busy = (time.process_time() - before) / (time.perf_counter() - started)
        found.wall["share of a processor that the load generator takes for the bare page"] = busy
        for name in ("warm", "bare", "naive"):
            alone, _ = servers[name].ask(_kind(1), scale.seconds)
            found.pages[name] = 1000 * alone.percentile(0.5)
        return found


def _runs(servers: Mapping[str, Server], scale: Scale) -> dict[str, list[tuple[float, float]]]:
    """Pages a second, and microseconds of processor time for each, of every run."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for _ in range(scale.rounds):
        for name, server in servers.items():
            shown, cpu = server.ask(_kind(_WAITING if "naive" in name else _BUSY), scale.seconds)
            runs[name].append((shown.rate, cpu))
    return runs


def _limits(runs: Mapping[str, list[tuple[float, float]]], scale: Scale) -> dict[str, float]:
    """The same for a page that is one word."""
    limits = {}
    for name, kind, other in (("gthread", GTHREAD, "naive"), ("sync", SYNC, "naive sync")):
        with serving("benchmarks.bare:create_word()", kind) as server:
            rates = [server.ask(_kind(_BUSY), scale.seconds)[0].rate for _ in range(scale.few)]
        naive = median(rate for rate, _ in runs[other])
        limits[f"{WORD} ({name})"] = median(rates) / naive
    return limits


def _kind(connections: int) -> Kind:
    return Kind(PAGE, connections, (f"Cookie: {cookie(CUSTOMER)}",))


def _compare(runs: Mapping[str, list[tuple[float, float]]]) -> Figures:
    rate = {name: [rate for rate, _ in found] for name, found in runs.items()}
    cpu = {name: [cpu for _, cpu in found] for name, found in runs.items()}
    return Figures(
        ratios={
            "warm_vs_bare": between(cpu["bare"], cpu["warm"]),
            "warm_vs_naive_gthread": between(rate["warm"], rate["naive"]),
            "warm_vs_naive_sync": between(rate["warm sync"], rate["naive sync"]),
        },
        cpu={name: median(found) for name, found in cpu.items()},
        wall={
            "warm_vs_bare_by_pages_a_second": between(rate["warm"], rate["bare"]),
            **{f"{name}: pages a second": median(found) for name, found in rate.items()},
        },
    )
