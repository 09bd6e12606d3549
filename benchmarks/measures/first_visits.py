"""Twenty new shoppers ask for their benefits page at the same moment, while Omneo takes 50 to 1000 ms for each call.

With a script: twenty pages in one Chromium, which renders them in one process; a page counts where the benefits stand
in it two seconds after its navigation began, whether they came with the page or later. Without a script: the pages as
they come over HTTP. Meanwhile eight clients ask for a page of the shop that needs no call: its rate against the rate
without new shoppers. Chromium, the shop and the load share the machine's processors.
"""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import mean, median

from playwright.async_api import BrowserContext, Page, async_playwright

from benchmarks.apps.page import CLAIMABLE, HELD
from benchmarks.apps.shop import PAGE, environment, settings
from benchmarks.apps.visits import PEOPLE
from benchmarks.figures import Figures, Scale, between
from benchmarks.servers import load, omneo
from benchmarks.servers.load import Kind
from benchmarks.servers.web import Server, serving
from tests.support.chromium import get_chromium, launch_arguments

JUDGED = ("first_visit_shown_50ms", "first_visit_shown_250ms", "first_visit_shown_500ms")
HOST = "first_visits_host_vs_alone"
_DELAYS = (50, 250, 500, 1000)  # ms
_SHOPPERS, _CLIENTS = 20, 8
_WITHIN = 2000  # ms
_ROUNDS = 2  # of twenty pages for each delay
_SHOWS = "Benefit held-0"
_NOTE_WHEN_SHOWN = f"""
const look = () => {{
  if (!window.shownAt && document.body?.textContent.includes("{_SHOWS}")) window.shownAt = performance.now();
}};
new MutationObserver(look).observe(document, {{ childList: true, subtree: true }});
"""
_numbers = count()


@dataclass(frozen=True)
class _Runs:
    """What was seen by delay: milliseconds until shown, pages without a script, pages a second of the other page."""

    shown: dict[int, list[float]] = field(default_factory=lambda: {delay: [] for delay in _DELAYS})
    plain: dict[int, list[bool]] = field(default_factory=lambda: {delay: [] for delay in _DELAYS})
    host: dict[int, list[float]] = field(default_factory=lambda: {delay: [] for delay in _DELAYS})
    alone: list[float] = field(default_factory=list)


def measure(folder: Path, scale: Scale) -> Figures:
    """Return the shares of all rounds, and the least rate of the shop's other page."""
    chromium = get_chromium()
    with omneo.running() as upstream:
        env = environment(settings(folder, upstream.base_url))
        with serving("benchmarks.apps.visits:create_people", env) as server:
            runs = asyncio.run(_run(chromium, upstream, server, min(scale.counts, _ROUNDS)))
    return _figures(runs)


async def _run(chromium: str, upstream: omneo.Omneo, server: Server, rounds: int) -> _Runs:
    runs = _Runs()
    async with async_playwright() as playwright:
        # Starting twenty processes at once would be what is measured on a machine with few processors.
        arguments = [*launch_arguments(), "--process-per-site"]
        browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        context = await browser.new_context()
        await context.add_init_script(_NOTE_WHEN_SHOWN)
        _visit(server, _new_shoppers())  # the workers' first connections to Omneo
        await _in_chromium(context, server, _new_shoppers())  # its first pages start what the next ones find running
        for _ in range(rounds):
            runs.alone.append(_host_rate(server))
            for delay in _DELAYS:
                upstream.configure(delay=delay / 1000)
                runs.plain[delay] += _visit(server, _new_shoppers())
                time.sleep(3 * delay / 1000)  # reads that are under way end
                runs.host[delay].append(_host_rate(server, _new_shoppers()))
                time.sleep(3 * delay / 1000)
                runs.shown[delay] += await _in_chromium(context, server, _new_shoppers())
        await browser.close()
    return runs


def _figures(runs: _Runs) -> Figures:
    ratios = {delay: between(rates, runs.alone) for delay, rates in runs.host.items()}
    shares = {
        f"first_visit_shown_{delay}ms": mean(ms <= _WITHIN for ms in found) for delay, found in runs.shown.items()
    }
    told = "first visits, {} ms a call: {}"
    return Figures(
        judged={**{name: shares.pop(name) for name in JUDGED}, HOST: min(ratios.values())},
        told={
            **shares,
            **{f"first_visit_shown_{delay}ms_without_script": mean(found) for delay, found in runs.plain.items()},
            **{told.format(delay, "median ms until shown"): median(ms) for delay, ms in runs.shown.items()},
            **{told.format(delay, "longest ms until shown"): max(ms) for delay, ms in runs.shown.items()},
            **{told.format(delay, "the shop's other page"): ratio for delay, ratio in ratios.items()},
        },
    )


def _new_shoppers() -> list[str]:
    """Return the paths of the pages of shoppers whom nobody has met."""
    return [f"{PEOPLE}c-{HELD}-{CLAIMABLE}-new{next(_numbers)}{PAGE}" for _ in range(_SHOPPERS)]


def _visit(server: Server, paths: list[str]) -> list[bool]:
    """Let all of them ask at once, without a script; return whose page shows the benefits within the time."""
    with ThreadPoolExecutor(len(paths)) as visitors:
        return list(visitors.map(lambda path: _page(server, path), paths))


def _page(server: Server, path: str) -> bool:
    started = time.perf_counter()
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    client.request("GET", path)
    answer = client.getresponse()
    page = answer.read().decode()
    client.close()
    if answer.status != 200:
        raise RuntimeError(f"A first page was answered with {answer.status}.")
    return _SHOWS in page and time.perf_counter() - started <= _WITHIN / 1000


def _host_rate(server: Server, paths: Iterable[str] = ()) -> float:
    """Return the pages a second of the shop's other page, while new shoppers ask for ``paths`` at once."""
    with ThreadPoolExecutor(_SHOPPERS) as visitors:
        visits = [visitors.submit(_page, server, path) for path in paths]
        (seen,) = load.run(server.port, [Kind("/host", _CLIENTS)], 2)
        for visit in visits:
            visit.result()
    return seen.rate


async def _in_chromium(context: BrowserContext, server: Server, paths: list[str]) -> list[float]:
    """Open a page for each path, all at once; return after how many milliseconds each showed the benefits."""
    pages = [await context.new_page() for _ in paths]
    times = await asyncio.gather(*(_shown_at(page, server, path) for page, path in zip(pages, paths, strict=True)))
    for page in pages:
        await page.close()
    return times


async def _shown_at(page: Page, server: Server, path: str) -> float:
    await page.goto(f"http://127.0.0.1:{server.port}{path}")
    handle = await page.wait_for_function("window.shownAt", timeout=30_000)
    return float(await handle.json_value())
