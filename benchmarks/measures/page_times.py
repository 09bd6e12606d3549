"""How many milliseconds one shopper waits for the benefits page: warm, cold, first visit, and a bare page beside them.

The shop has its usual settings, one shopper asks at a time, and Omneo answers each call after 30 or 250 ms. A page
waits for Omneo as long as its budget allows and no longer; the share of pages that show the benefits is told.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.apps.page import CUSTOMER
from benchmarks.apps.shop import cookie, environment, settings
from benchmarks.apps.visits import BARE, COLD, FIRST, WARM
from benchmarks.figures import Figures, Scale
from benchmarks.servers import load, omneo
from benchmarks.servers.load import Kind, Load
from benchmarks.servers.web import serving

DELAYS = (30, 250)  # milliseconds for each call of Omneo's
_PATHS = {"warm": WARM, "cold": COLD, "first_visit": FIRST}
_SECONDS = 2  # of each run: five or so of the slowest pages


def measure(folder: Path, scale: Scale) -> Figures:
    """Return the medians of runs that take turns."""
    times: dict[str, list[float]] = {}
    seen: dict[str, list[Load]] = {}
    with omneo.running() as upstream:
        env = environment(settings(folder, upstream.base_url))
        with serving("benchmarks.apps.visits:create_app", env) as server:
            for _ in range(2):  # both workers have met the shopper
                load.run(server.port, [_kind(COLD, 4)], 1)
            for _ in range(scale.few):
                times.setdefault("bare", []).append(_run(server.port, BARE, scale.seconds).p50)
                for delay in DELAYS:
                    upstream.configure(delay=delay / 1000)
                    for kind, path in _PATHS.items():
                        run = _run(server.port, path, scale.seconds if kind == "warm" else _SECONDS)
                        times.setdefault(f"{kind}_{delay}ms", []).append(run.p50)
                        seen.setdefault(f"{kind}_{delay}ms", []).append(run)
    return Figures(
        pages={name: 1000 * median(found) for name, found in times.items()},
        told={f"{name}: share of pages that show the benefits": _shown(runs) for name, runs in seen.items()},
    )


def _run(port: int, path: str, seconds: int) -> Load:
    (seen,) = load.run(port, [_kind(path, 1)], seconds)
    return seen


def _kind(path: str, connections: int) -> Kind:
    return Kind(path, connections, (f"Cookie: {cookie(CUSTOMER)}",), contains="Benefit held-0")


def _shown(runs: list[Load]) -> float:
    pages = sum(run.requests + run.others for run in runs)
    return 1 - sum(run.lacking for run in runs) / pages if pages else float("nan")
