"""Run ``python -m chaos``: 2,000 checkouts while Omneo and processes fail, then an audit of every record."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chaos import report
from chaos.faults.omneo_faults import MOST_LOST_ANSWERS
from chaos.plan.parameters import full_run, short_run
from chaos.plan.plan import TENANTS
from chaos.run import execute


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write the report; return 1 where the audit finds something or a checkout is missing."""
    asked = _parser().parse_args(arguments)
    size = short_run(asked.checkouts) if asked.short else full_run(asked.checkouts)
    size = replace(size, tenant=asked.tenant, lost_answers=asked.lost_answers, amnesia=asked.amnesia)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that every process is stopped
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {sentence}", flush=True)

    try:
        result = execute(folder, asked.seed, size, say)
    except KeyboardInterrupt:
        print("Stopped; no process is left running.", file=sys.stderr)
        return 130
    finally:
        if asked.keep:
            print(f"Logs and databases are in {folder}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    report.write(result, asked.report)
    print(report.table(result))
    missing = size.checkouts - result.report["checkouts"]
    if missing:
        print(f"\n{missing} checkouts did not start in time: this machine is too slow or too busy for so many.")
    verdict = "The audit found nothing." if result.is_clean else "The audit found contradictions, see above."
    print(f"\n{verdict} Report: {asked.report}")
    return 0 if result.is_clean and not missing else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Check out with real processes while Omneo fails, then audit: is anything lost or redeemed twice?",
        epilog="The same seed gives the same visits, fault rates and kills; how threads interleave differs.",
    )
    parser.add_argument("--seed", type=int, default=7, help="which plan (default: 7)")
    parser.add_argument("--checkouts", type=_count, default=2000, help="how many checkouts (default: 2000)")
    parser.add_argument("--report", type=Path, default=Path("chaos-report.json"), help="default: ./chaos-report.json")
    parser.add_argument("--short", action="store_true", help="short durations and few processes, as in make test")
    parser.add_argument(
        "--tenant",
        choices=sorted(TENANTS),
        help="what Omneo shows; worst: nothing of ours (default: the seed draws it)",
    )
    parser.add_argument(
        "--lost-answers", type=_share, default=0.06, help="share of calls applied and never answered (default: 0.06)"
    )
    parser.add_argument(
        "--amnesia", action="store_true", help="once, put the ledger back to a copy taken a little earlier"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and databases")
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100000.")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= MOST_LOST_ANSWERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to {MOST_LOST_ANSWERS}.")
    return share


if __name__ == "__main__":
    sys.exit(main())
