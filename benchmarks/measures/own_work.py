"""Own work: processor time of what the plugin does, as multiples of a bare page's.

==========================  =====================================================================================
cold_own_work               a benefits page of a known shopper whose wallet is read from Omneo
first_visit_own_work        a benefits page of a shopper whom neither ledger nor cache knows
place_order_own_work        what a benefit adds to placing an order: redeem it, with two commits and one call
delivery_own_work           one delivery from the outbox to Omneo by a worker of four threads
transition_own_work         one transition of a use in the ledger, with its event and its commit
==========================  =====================================================================================

The bare page is served by the same web server in the same round, and its processor time is that of the server's
processes. Pages and orders are measured there, deliveries and transitions in this process, which does nothing else
then. The speed of the machine cancels out.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from benchmarks.apps.ledger_rows import add_deliveries, add_held, context_of, open_ledger, release_each
from benchmarks.apps.page import CLAIMABLE, HELD
from benchmarks.apps.shop import cookie, environment, settings
from benchmarks.apps.visits import BARE, COLD, FIRST
from benchmarks.figures import Figures, Scale, between
from benchmarks.measures.ledger import deliver_all
from benchmarks.measures.orders import apply_form
from benchmarks.servers import load, omneo
from benchmarks.servers.load import Kind
from benchmarks.servers.web import Server, serving
from claimable_benefits.omneo import OmneoClient

NAMES = (
    "cold_own_work",
    "first_visit_own_work",
    "place_order_own_work",
    "delivery_own_work",
    "transition_own_work",
)
_SECONDS = 2  # of each run of pages
_CONNECTIONS = 8
_ORDERS, _DELIVERIES, _TRANSITIONS = 60, 120, 400  # in each round
_THREADS = 4  # of the worker that delivers
# Each page shows the benefits, however busy the machine is: only the processor time counts.
_PATIENT = {"BENEFITS_WAITING_THREADS": 16, "BENEFITS_PAGE_BUDGET_MS": 20_000}
_SHOPPERS = tuple(f"Cookie: {cookie(f'c-{HELD}-{CLAIMABLE}-known{number}')}" for number in range(40))
_buyers = count()


def measure(folder: Path, scale: Scale) -> Figures:
    """Measure everything in turn, and divide by the bare page of the same round."""
    with ExitStack() as stack:
        upstream = stack.enter_context(omneo.running())
        env = environment(settings(folder / "shop", upstream.base_url, **_PATIENT))
        server = stack.enter_context(serving("benchmarks.apps.visits:create_app", env))
        ledger = open_ledger(folder / "worker.sqlite3")
        stack.callback(ledger.close)
        client = OmneoClient(upstream.base_url, "token", timezone="UTC", dialect="guide")
        stack.callback(client.close)
        ctx, numbers = context_of(ledger, client), count(0, _DELIVERIES)

        def deliver() -> float:
            add_deliveries(ledger, _DELIVERIES, first=next(numbers))
            return _here(partial(deliver_all, ctx, _THREADS), _DELIVERIES)

        def move() -> float:
            return _here(partial(release_each, ledger, add_held(ledger, _TRANSITIONS)), _TRANSITIONS)

        measures: dict[str, Callable[[], float]] = {
            "bare page": lambda: _page(server, BARE),
            "cold page": lambda: _page(server, COLD),
            "first visit": lambda: _page(server, FIRST),
            "order": lambda: _orders(server, []),
            "order with a benefit": lambda: _orders(server, _with_benefits(server)),
            "delivery": deliver,
            "transition": move,
        }
        for _ in range(2):  # both workers see the shoppers once, and find out what Omneo can do
            load.run(server.port, [Kind(COLD, _CONNECTIONS, _SHOPPERS)], 1)
        _orders(server, _with_benefits(server))
        runs: dict[str, list[float]] = {name: [] for name in measures}
        for _ in range(scale.few):
            for name, run in measures.items():
                runs[name].append(run())
    return _figures(runs)


def _figures(runs: dict[str, list[float]]) -> Figures:
    bare = runs["bare page"]
    added = [ours - plain for ours, plain in zip(runs["order with a benefit"], runs["order"], strict=True)]
    work = (runs["cold page"], runs["first visit"], added, runs["delivery"], runs["transition"])
    return Figures(
        judged={name: between(each, bare) for name, each in zip(NAMES, work, strict=True)},
        cpu={f"own work: {name}": median(each) for name, each in runs.items()},
    )


def _page(server: Server, path: str) -> float:
    """Return the microseconds of processor time of one page."""
    _, cpu = server.ask(Kind(path, _CONNECTIONS, _SHOPPERS, contains="Benefit held-0"), _SECONDS)
    return cpu


def _here(work: Callable[[], None], times: int) -> float:
    """Return the microseconds of processor time of this process, all threads, for each of so many times."""
    started = time.process_time()
    work()
    return 1e6 * (time.process_time() - started) / times


def _with_benefits(server: Server) -> list[str]:
    """Apply a benefit to the carts of new shoppers; return these shoppers."""
    customers = [f"c-{HELD}-{CLAIMABLE}-buyer{next(_buyers)}" for _ in range(_ORDERS)]

    def apply(customer: str) -> None:
        path, fields = apply_form(_exchange(server, customer, "GET", "/checkout"))
        _exchange(server, customer, "POST", path, fields)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        list(pool.map(apply, customers))
    return customers


def _orders(server: Server, customers: list[str]) -> float:
    """Place an order for each shopper, or as many without a benefit; return the microseconds of each."""
    buyers = customers or [f"c-{HELD}-{CLAIMABLE}-plain{next(_buyers)}" for _ in range(_ORDERS)]
    wanted = "Benefit held-" if customers else ""

    def place(customer: str) -> bool:
        return wanted in _exchange(server, customer, "POST", f"/order/{customer}", {})

    before = server.cpu
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        placed = sum(pool.map(place, buyers))
    if placed != len(buyers):
        raise RuntimeError(f"Only {placed} of {len(buyers)} orders redeemed their benefit.")
    return 1e6 * (server.cpu - before) / len(buyers)


def _exchange(server: Server, customer: str, method: str, path: str, fields: dict[str, str] | None = None) -> str:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Cookie": cookie(customer), "Content-Type": "application/x-www-form-urlencoded"}
    client.request(method, path, urlencode(fields or {}), headers)
    answer = client.getresponse()
    page = answer.read().decode()
    client.close()
    if answer.status >= 400:
        raise RuntimeError(f"{path} answers {answer.status}: {page[:300]}")
    return page
