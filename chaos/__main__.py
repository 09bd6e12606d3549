"""``python -m chaos``: 2,000 checkouts while everything fails, then an audit that finds nothing wrong."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from chaos import report, scale
from chaos.run import play


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write the report; gives the exit code: 1 where anything is wrong or a checkout is missing."""
    asked = _parser().parse_args(arguments)
    size = scale.short(asked.checkouts) if asked.short else scale.full(asked.checkouts)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is stopped in an orderly way
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {sentence}", flush=True)

    try:
        outcome = play(folder, asked.seed, size, say)
    except KeyboardInterrupt:
        print("Stopped; nothing is left running.", file=sys.stderr)
        return 130
    finally:
        if asked.keep:
            print(f"Logs and databases are in {folder}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    report.write(outcome, asked.report)
    print(report.table(outcome))
    missing = size.checkouts - outcome.report["checkouts"]
    if missing:
        print(f"\n{missing} checkouts did not begin in time: this machine is too slow or too busy for so many.")
    print(f"\n{'Everything adds up.' if outcome.is_well else 'Something is wrong, see above.'} Report: {asked.report}")
    return 0 if outcome.is_well and not missing else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Real processes, real databases, and an Omneo that fails: is anything lost or redeemed twice?",
        epilog="A seed repeats who does what, what fails how often and who is killed when; not how threads interleave.",
    )
    parser.add_argument("--seed", type=int, default=7, help="which plan (default: 7)")
    parser.add_argument("--checkouts", type=_count, default=2000, help="how many checkouts (default: 2000)")
    parser.add_argument("--report", type=Path, default=Path("chaos-report.json"), help="default: ./chaos-report.json")
    parser.add_argument("--short", action="store_true", help="short spans and few processes, as in make test")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and databases")
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100000.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
