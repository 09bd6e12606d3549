"""Twenty new shoppers ask for their benefits page at the same moment, while Omneo takes 50 to 1000 ms for each call.

With a script: twenty frames in one tab of Chromium, all in view, that begin at once. Each counts where the benefits
stand in it two seconds after its own navigation began (`performance.now()` in the frame), whether they came with the
page or later. Frames replace twenty browsers: to start twenty processes took 48 seconds on two busy processors. Each
frame has a host name of its own, because Chromium opens six connections to one host at most, which would let the
shoppers come six at a time. The same twenty frames with a page of the shop that needs no call are told beside, as what
Chromium and the machine take by themselves.

Without a script: the pages as they come over HTTP. Meanwhile eight clients ask for the page that needs no call: its
rate against the rate without new shoppers. Chromium, the shop and the load share the machine's processors, so each
figure is the median of rounds. No round begins after `_SECONDS`, so the part ends on a busy machine as well.
"""

from __future__ import annotations

import asyncio
import http.client
import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import mean, median

from playwright.async_api import Page, async_playwright

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
_PATIENCE = 12  # seconds until a page that does not show them is given up
_ROUNDS = 3  # of twenty pages for each delay
_SECONDS = 40  # after which no round begins
_SHOWS = "Benefit held-0"
_NOTE_WHEN_SHOWN = f"""
if (parent !== window) {{
  const look = () => {{
    if (!document.body?.textContent.includes("{_SHOWS}")) return;
    watch.disconnect();
    parent.postMessage(performance.now(), "*");
  }};
  const watch = new MutationObserver(look);
  watch.observe(document, {{ childList: true, subtree: true }});
}}
"""
# All frames are in view: Chromium slows the timers of frames that are not.
_OPEN_FRAMES = """
([addresses, patience]) => new Promise((done) => {
  const open = (src) => Object.assign(document.createElement("iframe"), { src, width: 220, height: 140 });
  const frames = addresses.map(open);
  const found = addresses.map(() => null);
  addEventListener("message", ({ source, data }) => {
    found[frames.findIndex((frame) => frame.contentWindow === source)] = data;
    if (!found.includes(null)) done(found);
  });
  setTimeout(() => done(found), patience);
  document.body.replaceChildren(...frames);
})
"""
# Every name is this machine, and no name gets a process of its own.
_ONE_PROCESS = (
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process",
)
_numbers = count()


@dataclass(frozen=True)
class _Runs:
    """What each round saw by delay: milliseconds until shown, pages without a script, pages a second of the host's.

    ``bare`` holds the milliseconds until twenty pages that need no call are shown, ``alone`` the rate without visits.
    """

    shown: dict[int, list[list[float]]] = field(default_factory=lambda: {delay: [] for delay in _DELAYS})
    plain: dict[int, list[list[bool]]] = field(default_factory=lambda: {delay: [] for delay in _DELAYS})
    host: dict[int, list[float]] = field(default_factory=lambda: {delay: [] for delay in _DELAYS})
    alone: list[float] = field(default_factory=list)
    bare: list[list[float]] = field(default_factory=list)


def measure(folder: Path, scale: Scale) -> Figures:
    """Return the medians of all rounds, and of the shop's other page the least one."""
    chromium = get_chromium()
    with omneo.running() as upstream:
        env = environment(settings(folder, upstream.base_url))
        with serving("benchmarks.apps.visits:create_people", env) as server:
            return _figures(asyncio.run(_run(chromium, upstream, server, min(scale.counts, _ROUNDS))))


async def _run(chromium: str, upstream: omneo.Omneo, server: Server, rounds: int) -> _Runs:
    runs, until = _Runs(), time.monotonic() + _SECONDS
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*launch_arguments(), *_ONE_PROCESS])
        page = await browser.new_page()
        await page.add_init_script(_NOTE_WHEN_SHOWN)
        _visit(server, _new_shoppers())  # the workers' first connections to Omneo
        for _ in range(2):  # Chromium's first pages start what the next ones find running
            await _in_chromium(page, server, _new_shoppers())
        while len(runs.alone) < rounds and (not runs.alone or time.monotonic() < until):
            await _round(runs, upstream, server, page)
        await browser.close()
    return runs


async def _round(runs: _Runs, upstream: omneo.Omneo, server: Server, page: Page) -> None:
    runs.alone.append(_host_rate(server))
    runs.bare.append(await _in_chromium(page, server, ["/host"] * _SHOPPERS))
    for delay in _DELAYS:
        upstream.configure(delay=delay / 1000)
        with _settling(delay):
            runs.plain[delay].append(_visit(server, _new_shoppers()))
        with _settling(delay):
            runs.host[delay].append(_host_rate(server, _new_shoppers()))
        with _settling(delay):
            runs.shown[delay].append(await _in_chromium(page, server, _new_shoppers()))


@contextmanager
def _settling(delay: int) -> Iterator[None]:
    """Let the block take so long that the reads that it began have ended: two calls after each other, and work."""
    started = time.monotonic()
    yield
    time.sleep(max(0.0, 1 + 2 * delay / 1000 - (time.monotonic() - started)))


def _figures(runs: _Runs) -> Figures:
    ratios = {delay: between(rates, runs.alone) for delay, rates in runs.host.items()}
    shares = {
        f"first_visit_shown_{delay}ms": median(mean(ms <= _WITHIN for ms in found) for found in rounds)
        for delay, rounds in runs.shown.items()
    }
    told = "first visits, {} ms a call: {}"
    return Figures(
        judged={**{name: shares.pop(name) for name in JUDGED}, HOST: min(ratios.values())},
        told={
            **shares,
            **{
                f"first_visit_shown_{delay}ms_without_script": median(map(mean, rounds))
                for delay, rounds in runs.plain.items()
            },
            **{
                told.format(delay, "median ms until shown"): median(map(median, rounds))
                for delay, rounds in runs.shown.items()
            },
            **{
                told.format(delay, "longest ms until shown"): median(map(max, rounds))
                for delay, rounds in runs.shown.items()
            },
            "first visits: longest ms until 20 pages without a call are shown": median(map(max, runs.bare)),
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
        (seen,) = load.run(server.port, [Kind("/host", _CLIENTS)], 1)
        for visit in visits:
            visit.result()
    return seen.rate


async def _in_chromium(page: Page, server: Server, paths: list[str]) -> list[float]:
    """Open a frame for each path, all at once; return after how many milliseconds each showed the benefits."""
    addresses = [f"http://shopper{place}.test:{server.port}{path}" for place, path in enumerate(paths)]
    await page.goto(f"http://start.test:{server.port}/nothing")
    found: list[float | None] = await page.evaluate(_OPEN_FRAMES, [addresses, 1000 * _PATIENCE])
    return [math.inf if ms is None else ms for ms in found]
