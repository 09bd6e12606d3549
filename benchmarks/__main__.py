"""``python -m benchmarks``: measure everything, print a table, write ``benchmarks/latest.json``.

It exits with 1 where a target is missed.

With names (of figures, or of parts such as ``pages``) it measures only those and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.figures import QUICK, TARGETS, Figures, Scale
from benchmarks.parts import PARTS, chosen

LATEST = Path(__file__).with_name("latest.json")
PART_SECONDS = 180  # a part that takes longer is given up, so that the command always ends


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write the figures that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"figures or parts: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it runs; writes nothing")
    parser.add_argument("--out", type=Path, help="write the figures to this file")
    given = parser.parse_args(arguments)
    try:
        parts = chosen(given.names)
    except ValueError as error:
        parser.error(str(error))
    found, failed = _measure(parts, QUICK if given.quick else Scale())
    _print(found)
    out = given.out or (None if given.quick or given.names or failed else LATEST)
    if out:
        out.write_text(json.dumps(report(found), indent=2) + "\n", encoding="utf-8")
    return _verdict(found, failed)


def _measure(parts: list[str], scale: Scale) -> tuple[Figures, list[str]]:
    """Return all figures, and the parts that failed: one that fails does not stop the others."""
    found, failed = Figures(), []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            started, place = time.monotonic(), Path(folder) / part
            place.mkdir()
            try:
                with limited(PART_SECONDS):
                    found.add(PARTS[part].measure(place, scale))
            except Exception as error:  # noqa: BLE001 - any error is printed, and the command fails
                failed.append(part)
                print(f"{part} could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
            print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return found, failed


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise `TimeoutError` in the block once it has taken so long."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"It took longer than {seconds} s.")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def report(found: Figures) -> dict[str, Any]:
    """Return what is written to the file: docs/performance.md says what each figure means."""
    return {
        "judged": _rounded(found.judged),
        "told": _rounded(found.told),
        "cpu_us": _rounded(found.cpu),
        "pages_ms": _rounded(found.pages),
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
    }


def machine() -> str:
    """Return the kind of the machine, not its name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{model}, {os.cpu_count()} processors, {platform.system()}"


def _rounded(values: dict[str, float]) -> dict[str, float | None]:
    """Round to four digits; None stands for what is not finite, as JSON has no such number."""
    return {name: float(f"{value:.4g}") if math.isfinite(value) else None for name, value in values.items()}


def _print(found: Figures) -> None:
    print(f"{'figure':<40}{'value':>10}   {'must be':<9} met?")
    for name, value in found.judged.items():
        sign, bound = TARGETS[name]
        print(f"{name:<40}{value:10.2f}   {sign} {bound:<6g} {'yes' if TARGETS[name].is_met(value) else 'NO'}")
    for title, values in (
        ("processor time, us", found.cpu),
        ("ms until a page is there", found.pages),
        ("told", found.told),
    ):
        for name, value in values.items():
            print(f"{title}: {name:<60}{value:10.2f}")


def _verdict(found: Figures, failed: list[str]) -> int:
    if missed := found.missed():
        print(f"Missed: {', '.join(missed)}.")
    if failed:
        print(f"Not measured: {', '.join(failed)}.")
    if not missed and not failed:
        print("Every figure meets its target.")
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
