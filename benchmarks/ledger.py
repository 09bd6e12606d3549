"""Measure the ledger: ``python -m benchmarks.ledger``. Each figure is the median of interleaved runs on this machine.

==========================  =====================================================================================
ledger_vs_raw_sqlite        transitions a second through the ledger, over the same two statements in raw sqlite3
delivery_vs_limit_N         deliveries a second with N threads, over N divided by the round trip to Omneo
delivery_commits_per_job    commits of the ledger for one delivery
growth_ledger_1m_vs_0       time of a worker's turn and a checkout's reads with a million rows, over an empty ledger
==========================  =====================================================================================
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import event

from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import put_delivery
from claimable_benefits.ledger.tables import uses
from claimable_benefits.ledger.uses import Use, add_use, held_in_cart, live_uses_of, move_use, uses_of_order
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.worker.turn import run_once

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
WHY = Audit("benchmark", "to measure", AT)
ROUNDS = 5
MOVES = 600
ROUND_TRIP = 0.030  # seconds that Omneo takes
JOBS = {1: 30, 4: 120, 16: 480}  # a second's worth of deliveries, or so
ROWS = 1_000_000
TARGETS = {
    "ledger_vs_raw_sqlite": (">=", 0.50),
    "delivery_vs_limit_1": (">=", 0.85),
    "delivery_vs_limit_4": (">=", 0.85),
    "delivery_vs_limit_16": (">=", 0.85),
    "delivery_commits_per_job": ("<=", 2.0),
    "growth_ledger_1m_vs_0": ("<=", 1.2),
}


def measure(folder: Path, rows: int = ROWS) -> dict[str, float]:
    """Every ratio, by name."""
    return {
        "ledger_vs_raw_sqlite": _transitions(folder),
        **_deliveries(folder),
        "growth_ledger_1m_vs_0": _growth(folder, rows),
    }


def _transitions(folder: Path) -> float:
    ledger, beside = _ledger(folder / "moves.sqlite3"), _ledger(folder / "raw.sqlite3")
    raw = _raw(folder / "raw.sqlite3")
    ratios = []
    for _ in range(ROUNDS * 2):
        held, bare_held = _held(ledger, MOVES), [use.use_id for use in _held(beside, MOVES)]
        bare = _seconds(partial(_move_raw, raw, bare_held))
        ratios.append(bare / _seconds(partial(_move_ours, ledger, held)))
    raw.close()
    for opened in (ledger, beside):
        opened.close()
    return statistics.median(ratios)


def _move_ours(ledger: Ledger, held: list[Use]) -> None:
    for use in held:
        with ledger.write() as connection:
            move_use(connection, use, UseState.RELEASED, WHY)


def _raw(path: Path) -> sqlite3.Connection:
    """The same tables, indexes and durability, without a layer between."""
    _ledger(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _move_raw(connection: sqlite3.Connection, held: list[str]) -> None:
    stamp = "2026-03-02 01:00:00.000000"
    for use_id in held:
        connection.execute("BEGIN IMMEDIATE")
        change = (
            "UPDATE benefits_uses SET state = 'released', version = 2, updated_at = ?, lease_until = NULL,"
            " due_at = NULL WHERE use_id = ? AND version = 1 AND state = 'held'"
        )
        connection.execute(change, (stamp, use_id))
        connection.execute(
            "INSERT INTO benefits_events (subject, at, actor, reason, from_state, to_state, version)"
            " VALUES (?, ?, 'benchmark', 'to measure', 'held', 'released', 2)",
            (use_id, stamp),
        )
        connection.execute("COMMIT")


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class SlowOmneo(httpx.BaseTransport):
    """Answers every upsert after a round trip."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        time.sleep(ROUND_TRIP)
        number = json.loads(request.content or b"{}").get("external_id", "")
        return httpx.Response(200, json={"data": {"id": 1, "external_id": number}}, request=request)


def _deliveries(folder: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    commits = 0.0
    for threads, jobs in JOBS.items():
        ratios = []
        for turn in range(ROUNDS):
            ledger = _ledger(folder / f"outbox-{threads}-{turn}.sqlite3")
            counted = _count_commits(ledger)
            ctx = _context(ledger)
            with ledger.write() as connection:
                for number in range(jobs):
                    put_delivery(connection, _sale(f"N{number}"), WHY, use_id=None, redemption_id=None)
            counted.clear()
            seconds = _deliver_all(ctx, threads)
            ratios.append(jobs / seconds / (threads / ROUND_TRIP))
            commits = max(commits, len(counted) / jobs)
            ledger.close()
        found[f"delivery_vs_limit_{threads}"] = statistics.median(ratios)
    return found | {"delivery_commits_per_job": commits}


def _deliver_all(ctx: Context, threads: int) -> float:
    def work() -> None:
        while deliver_due(ctx):
            pass

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as thread_pool:
        for done in [thread_pool.submit(work) for _ in range(threads)]:
            done.result()
    return time.perf_counter() - started


def _growth(folder: Path, rows: int) -> float:
    empty, full = _ledger(folder / "empty.sqlite3"), _ledger(folder / "full.sqlite3")
    _fill(folder / "full.sqlite3", rows)
    contexts = [_context(empty), _context(full)]
    for ctx in contexts:
        _turn(ctx)
    ratios = []
    for _ in range(ROUNDS * 3):
        seconds = [_seconds(partial(_turns, ctx)) for ctx in contexts]
        ratios.append(seconds[1] / seconds[0])
    empty.close()
    full.close()
    return statistics.median(ratios)


def _turns(ctx: Context) -> None:
    for _ in range(20):
        _turn(ctx)


def _turn(ctx: Context) -> None:
    """A turn of the worker, and what a checkout asks the ledger."""
    run_once(ctx)
    with ctx.ledger.read() as connection:
        held_in_cart(connection, "1001", "cart-1")
        live_uses_of(connection, "mia", "7")
        uses_of_order(connection, "A1")


def _fill(path: Path, rows: int) -> None:
    """A shop's long past: uses that are at their end, with their events and deliveries."""
    stamp = "2026-01-01 00:00:00.000000"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executemany(
            "INSERT INTO benefits_uses (use_id, reference, channel, customer_id, profile_id, benefit_id,"
            " definition_handle, name, instructions, slot, cart_id, order_number, state, version, redemption_id,"
            " held_until, attempts, sweeps, created_at, updated_at)"
            " VALUES (?, ?, 'checkout', ?, ?, ?, 'gift', 'A gift', '', 0, ?, ?, 'consumed', 4, ?, ?, 0, 0, ?, ?)",
            (
                (
                    f"u{n}",
                    f"r{n}",
                    f"c{n % 50_000}",
                    f"p{n % 50_000}",
                    f"b{n}",
                    f"k{n}",
                    f"o{n}",
                    f"{n}",
                    stamp,
                    stamp,
                    stamp,
                )
                for n in range(rows // 2)
            ),
        )
        connection.executemany(
            "INSERT INTO benefits_outbox (order_number, revision, content, customer_id, state, attempts, due_at,"
            " created_at, updated_at) VALUES (?, 1, '{}', ?, 'delivered', 1, ?, ?, ?)",
            ((f"o{n}", f"c{n % 50_000}", stamp, stamp, stamp) for n in range(rows // 2)),
        )
        connection.executemany(
            "INSERT INTO benefits_events (subject, at, actor, reason, from_state, to_state, version)"
            " VALUES (?, ?, 'worker', 'to measure', 'redeemed', 'consumed', 4)",
            ((f"u{n}", stamp) for n in range(rows // 2)),
        )


def _ledger(path: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{path}")
    ledger.create_tables()
    return ledger


def _count_commits(ledger: Ledger) -> list[object]:
    seen: list[object] = []
    event.listen(ledger.engine, "commit", seen.append)
    return seen


def _context(ledger: Ledger) -> Context:
    omneo = OmneoClient("http://127.0.0.1/api/v3", "token", timezone="UTC", dialect="guide", transport=SlowOmneo())
    return Context(ledger=ledger, omneo=omneo, clock=lambda: datetime.now(UTC), sleep=time.sleep, order_loader=_nobody)


def _nobody(_number: str) -> None:
    return None


def _sale(number: str) -> Transaction:
    amount = Decimal("10.00")
    return Transaction(number, None, amount, amount, AT, "AUD", (Item("Shirt", 1, amount, amount),))


def _held(ledger: Ledger, count: int) -> list[Use]:
    usual: dict[str, Any] = {
        "channel": "checkout",
        "customer_id": "1001",
        "profile_id": "mia",
        "definition_handle": "gift",
        "name": "A gift",
        "instructions": "",
        "slot": 0,
        "held_until": AT + timedelta(minutes=30),
    }
    with ledger.write() as connection:
        start = connection.execute(uses.select()).all()
        numbers = range(len(start), len(start) + count)
        return [
            add_use(connection, WHY, use_id=f"u{n}", reference=f"r{n}", benefit_id=f"b{n}", cart_id=f"k{n}", **usual)
            for n in numbers
        ]


def missed(ratios: dict[str, float]) -> list[str]:
    """The names of the figures that are not what they must be."""
    return [
        name
        for name, (sign, bound) in TARGETS.items()
        if name in ratios and not (ratios[name] >= bound if sign == ">=" else ratios[name] <= bound)
    ]


def main() -> int:
    """Print a table; 1 where a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        ratios = measure(Path(folder))
    for name, value in ratios.items():
        sign, bound = TARGETS[name]
        print(f"{name:<28} {value:7.2f}   must be {sign} {bound:.2f}")
    failed = missed(ratios)
    print(f"Missed: {', '.join(failed)}." if failed else "Every figure is what it must be.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
