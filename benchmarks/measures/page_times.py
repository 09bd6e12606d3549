"""How many milliseconds one shopper waits for the benefits page: warm, cold, first visit, and a bare page beside them.

The shop has its usual settings, one shopper asks at a time, and Omneo answers each call after 30 or 250 ms. A page
waits for Omneo no longer than its budget, so the share of pages that show the benefits is told as well.
"""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from statistics import mean, median

from benchmarks.apps.page import CUSTOMER
from benchmarks.apps.shop import cookie, environment, settings
from benchmarks.apps.visits import BARE, COLD, FIRST, WARM
from benchmarks.figures import Figures, Scale
from benchmarks.servers import load, omneo
from benchmarks.servers.load import Kind
from benchmarks.servers.web import Server, serving

# Pages in each round, by the milliseconds that Omneo takes for a call.
_PAGES = {30: {"cold": (COLD, 20), "first_visit": (FIRST, 10)}, 250: {"cold": (COLD, 4), "first_visit": (FIRST, 4)}}
_HEADER = f"Cookie: {cookie(CUSTOMER)}"
_SHOWS = "Benefit held-0"


def measure(folder: Path, scale: Scale) -> Figures:
    """Return the medians of pages that take turns."""
    times: dict[str, list[float]] = {}
    shown: dict[str, list[bool]] = {}
    with omneo.running() as upstream:
        env = environment(settings(folder, upstream.base_url))
        with serving("benchmarks.apps.visits:create_app", env) as server:
            for _ in range(2):  # both workers see the shopper once
                load.run(server.port, [Kind(COLD, 4, (_HEADER,))], 1)
            for _ in range(scale.few):
                times.setdefault("bare", []).append(_hot(server, BARE, scale.seconds))
                for delay, kinds in _PAGES.items():
                    upstream.configure(delay=delay / 1000)
                    times.setdefault(f"warm_{delay}ms", []).append(_hot(server, WARM, scale.seconds))
                    for kind, (path, pages) in kinds.items():
                        name = f"{kind}_{delay}ms"
                        for _ in range(pages):
                            seconds, is_shown = _page(server, path)
                            times.setdefault(name, []).append(seconds)
                            shown.setdefault(name, []).append(is_shown)
    return Figures(
        pages={name: 1000 * median(found) for name, found in times.items()},
        told={f"{name}: share of pages that show the benefits": mean(found) for name, found in shown.items()},
    )


def _hot(server: Server, path: str, seconds: int) -> float:
    """Return the median of pages that one connection asks for as fast as they come, in seconds."""
    seen, _ = server.ask(Kind(path, 1, (_HEADER,), contains=_SHOWS), seconds)
    return seen.p50


def _page(server: Server, path: str) -> tuple[float, bool]:
    """Return the seconds of one page over a new connection, and whether it shows the benefits; it may be a 503."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    started = time.perf_counter()
    client.request("GET", path, headers={"Cookie": cookie(CUSTOMER)})
    answer = client.getresponse()
    page = answer.read().decode()
    seconds = time.perf_counter() - started
    client.close()
    return seconds, _SHOWS in page
