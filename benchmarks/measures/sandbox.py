"""``python -m benchmarks.measures.sandbox``: how fast the sandbox answers and starts; it has no target.

The sandbox runs as its own process with the demo's data, and this process asks, so that each has a core of a machine
with two. Runs take turns and the median of each kind counts, as other work on the machine comes and goes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.servers.load import Load, get
from benchmarks.servers.web import cpu_seconds

TOKEN = "sandbox-token"  # noqa: S105 - everybody may know it, it opens a double
_STARTS = 3


@contextmanager
def started() -> Iterator[tuple[int, int, float]]:
    """Run a sandbox; yield its process id, its port and the seconds until it answered."""
    command = [sys.executable, "-m", "claimable_benefits.sandbox", "--port", "0", "--seed", "demo"]
    before = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            line = process.stdout.readline()
            port = int(next(word for word in line.split() if word.startswith("http")).rsplit(":", 1)[1])
            _read(port, "/_sandbox/health")
            yield process.pid, port, time.perf_counter() - before
        finally:
            process.terminate()


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measures.sandbox", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="runs of each kind (default: 5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of a run (default: 2)")
    given = parser.parse_args()
    starts = []
    for _ in range(_STARTS - 1):
        with started() as (_pid, _port, seconds):
            starts.append(seconds)
    with started() as (pid, port, seconds):
        starts.append(seconds)
        profile = json.loads(_read(port, "/_sandbox/state"))["benefits"][0]["profile_id"]
        fast = _measure(pid, port, f"/api/v3/profiles/{profile}/benefits", given.rounds, given.seconds)
    print(f"Start-up until it answers: {median(starts):.2f} s (median of {_STARTS}).")
    print(f"A profile's benefits: {fast:,.0f} requests a second.")
    return 0


def _measure(pid: int, port: int, path: str, rounds: int, seconds: int) -> float:
    """Run every kind in turn, print the medians, and return the rate of eight connections."""
    kinds = {(path, 1): "a profile's benefits, 1 connection"}
    kinds |= {(path, many): f"a profile's benefits, {many} connections" for many in (8, 32)}
    kinds[(f"{path}/claimable", 8)] = "claimable, 8 connections"
    get(port, path, TOKEN, connections=8, seconds=1)  # warm
    runs: dict[tuple[str, int], list[tuple[Load, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            before = cpu_seconds(pid)
            load = get(port, kind[0], TOKEN, connections=kind[1], seconds=seconds)
            runs[kind].append((load, (cpu_seconds(pid) - before) / load.requests))
    print(f"{'GET, median of ' + str(rounds):44}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU us/request':>16}")
    for kind, title in kinds.items():
        loads = [load for load, _cpu_each in runs[kind]]
        rate, each = median(load.rate for load in loads), median(cpu for _load, cpu in runs[kind])
        p50, p99 = (1000 * median(times) for times in ((load.p50 for load in loads), (load.p99 for load in loads)))
        print(f"{title:44}{rate:11,.0f}{p50:9.2f}{p99:9.2f}{each * 1e6:16,.0f}")
    return median(load.rate for load, _each in runs[(path, 8)])


def _read(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        body: bytes = answer.read()
        return body


if __name__ == "__main__":
    sys.exit(main())
