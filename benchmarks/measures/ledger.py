"""Measure the ledger: ``python -m benchmarks.measures.ledger``. Each figure is the median of runs that take turns.

==========================  =====================================================================================
ledger_vs_raw_sqlite        transitions a second through the ledger, over the same two statements in raw sqlite3
delivery_vs_limit_N         deliveries a second with N threads, over N divided by the round trip to Omneo (told)
delivery_commits_per_job    commits of the ledger for one delivery
growth_ledger_1m_vs_0       time of a worker's turn and a checkout's reads with a million rows, over an empty ledger
==========================  =====================================================================================
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from sqlalchemy import event

from benchmarks.apps.ledger_rows import add_deliveries, add_held, context_of, fill, open_ledger, release_each
from benchmarks.figures import TARGETS, Figures, Scale
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.uses import held_in_cart, live_uses_of, uses_of_order
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.worker.turn import run_once

MOVES = 600
ROUND_TRIP = 0.030  # seconds that Omneo takes
JOBS = {1: 30, 4: 120, 16: 480}  # deliveries of about one second, by threads


def measure(folder: Path, scale: Scale) -> Figures:
    """Return every figure of the ledger alone."""
    limits, commits = _deliveries(folder, scale.few)
    return Figures(
        judged={
            "ledger_vs_raw_sqlite": _transitions(folder, scale.few * 2),
            "delivery_commits_per_job": commits,
            "growth_ledger_1m_vs_0": _growth(folder, scale.rows, scale.few * 3),
        },
        told=limits,
    )


def _transitions(folder: Path, rounds: int) -> float:
    ledger, beside = open_ledger(folder / "moves.sqlite3"), open_ledger(folder / "raw.sqlite3")
    raw = _raw(folder / "raw.sqlite3")
    ratios = []
    for _ in range(rounds):
        held, bare_held = add_held(ledger, MOVES), [use.use_id for use in add_held(beside, MOVES)]
        bare = _seconds(partial(_move_raw, raw, bare_held))
        ratios.append(bare / _seconds(partial(release_each, ledger, held)))
    raw.close()
    for opened in (ledger, beside):
        opened.close()
    return median(ratios)


def _raw(path: Path) -> sqlite3.Connection:
    """Open the same tables and indexes with the same durability, without a layer between."""
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
            "INSERT INTO benefits_events (shop_id, subject, at, actor, reason, from_state, to_state, version)"
            " VALUES (1, ?, ?, 'benchmark', 'to measure', 'held', 'released', 2)",
            (use_id, stamp),
        )
        connection.execute("COMMIT")


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class SlowOmneo(httpx.BaseTransport):
    """Answers every upsert after a round trip; its lists are empty."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        time.sleep(ROUND_TRIP)
        if request.method == "GET":
            return httpx.Response(200, json={"data": []}, request=request)
        number = json.loads(request.content or b"{}").get("external_id", "")
        return httpx.Response(200, json={"data": {"id": 1, "external_id": number}}, request=request)


def _deliveries(folder: Path, rounds: int) -> tuple[dict[str, float], float]:
    """Return the share of the limit for each number of threads, and the most commits of one delivery."""
    found: dict[str, float] = {}
    commits = 0.0
    for threads, jobs in JOBS.items():
        ratios = []
        for turn in range(rounds):
            ledger = open_ledger(folder / f"outbox-{threads}-{turn}.sqlite3")
            add_deliveries(ledger, jobs)
            counted = _count_commits(ledger)
            seconds = _seconds(partial(deliver_all, _context(ledger), threads))
            ratios.append(jobs / seconds / (threads / ROUND_TRIP))
            commits = max(commits, len(counted) / jobs)
            ledger.close()
        found[f"delivery_vs_limit_{threads}"] = median(ratios)
    return found, commits


def deliver_all(ctx: Context, threads: int) -> None:
    """Empty the outbox with so many threads."""

    def work() -> None:
        while deliver_due(ctx):
            pass

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()


def _growth(folder: Path, rows: int, rounds: int) -> float:
    empty, full = open_ledger(folder / "empty.sqlite3"), open_ledger(folder / "full.sqlite3")
    fill(folder / "full.sqlite3", rows)
    contexts = [_context(empty), _context(full)]
    for ctx in contexts:
        _turn(ctx)
    ratios = []
    for _ in range(rounds):
        seconds = [_seconds(partial(_turns, ctx)) for ctx in contexts]
        ratios.append(seconds[1] / seconds[0])
    empty.close()
    full.close()
    return median(ratios)


def _turns(ctx: Context) -> None:
    for _ in range(20):
        _turn(ctx)


def _turn(ctx: Context) -> None:
    """Run a turn of the worker, and the reads of a checkout."""
    run_once(ctx)
    with ctx.ledger.read() as connection:
        held_in_cart(connection, "1001", "cart-1")
        live_uses_of(connection, "mia", "7")
        uses_of_order(connection, "A1")


def _count_commits(ledger: Ledger) -> list[object]:
    seen: list[object] = []
    event.listen(ledger.engine, "commit", seen.append)
    return seen


def _context(ledger: Ledger) -> Context:
    omneo = OmneoClient("http://127.0.0.1/api/v3", "token", timezone="UTC", dialect="guide", transport=SlowOmneo())
    return context_of(ledger, omneo)


def main() -> int:
    """Print a table; return 1 where a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), Scale())
    for name, value in found.judged.items():
        sign, bound = TARGETS[name]
        print(f"{name:<28} {value:7.2f}   must be {sign} {bound:.2f}")
    for name, value in found.told.items():
        print(f"{name:<28} {value:7.2f}")
    missed = found.missed()
    print(f"Missed: {', '.join(missed)}." if missed else "Every figure meets its target.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
