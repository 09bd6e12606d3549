"""``python -m benchmarks``: measure everything, print a table, write ``benchmarks/latest.json``.

It exits with 1 where a target is missed.

With names (of figures, or of parts such as ``pages``) only those are measured, and nothing is written.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import QUICK, TARGETS, Figures, Scale
from benchmarks.parts import PARTS, chosen

LATEST = Path(__file__).with_name("latest.json")


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for."""
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
    """All figures, and the parts that could not be measured: one that fails does not stop the others."""
    found, failed = Figures(), []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            started = time.monotonic()
            try:
                found.add(PARTS[part].measure(Path(folder), scale))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and the command fails
                failed.append(part)
                print(f"{part} could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
            print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return found, failed


def report(found: Figures) -> dict[str, Any]:
    """What is written: see the README's section about speed for what each figure is."""
    return {
        "ratios": _rounded(found.ratios),
        "cpu": _rounded(found.cpu),
        "pages_ms": _rounded(found.pages),
        "wall": _rounded(found.wall),
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
    }


def machine() -> str:
    """What kind of machine this is; not which one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{model}, {os.cpu_count()} processors, {platform.system()}"


def _rounded(values: dict[str, float]) -> dict[str, float | None]:
    """Four digits; None where a figure is no number, as JSON knows none such."""
    return {name: float(f"{value:.4g}") if math.isfinite(value) else None for name, value in values.items()}


def _print(found: Figures) -> None:
    print(f"{'figure':<40}{'value':>10}   {'must be':<9} ok?")
    for name, value in found.ratios.items():
        sign, bound = TARGETS[name]
        print(f"{name:<40}{value:10.2f}   {sign} {bound:<6g} {'yes' if TARGETS[name].is_met(value) else 'NO'}")
    for title, told in (
        ("CPU us a request", found.cpu),
        ("ms until a page is there", found.pages),
        ("besides", found.wall),
    ):
        for name, value in told.items():
            print(f"{title}: {name:<55}{value:10.2f}")


def _verdict(found: Figures, failed: list[str]) -> int:
    if missed := found.missed():
        print(f"Missed: {', '.join(missed)}.")
    if failed:
        print(f"Not measured: {', '.join(failed)}.")
    if not missed and not failed:
        print("Every figure is what it must be.")
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
