"""``python -m benchmarks.readme``: write the README's section about speed, and its picture, from the latest figures.

The section stands between the two comments `BEGIN` and `END`; everything else in the README stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.figures import TARGETS
from benchmarks.measures.warm_pages import READY
from benchmarks.report.picture import picture

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- speed: written by `python -m benchmarks.readme` -->", "<!-- /speed -->"
PICTURE = "docs/images/speed.svg"
MEANING = {
    "warm_vs_bare": "A remembered benefits page against a bare Flask page of the same HTML, by processor time",
    "warm_vs_naive_gthread": "The same against three `requests.get` a page, by pages a second, gunicorn gthread",
    "warm_vs_naive_sync": "The same with gunicorn's two sync workers",
    "cold_known_rtt": "A page that has to ask Omneo, in round trips to Omneo",
    "cold_unknown_rtt": "The same for a shopper seen for the first time",
    "cold_100_benefits_rtt": "A page with 100 benefits on seven pages of Omneo's, of a shopper who was here before",
    "apply_upstream_calls": "Calls to Omneo for applying a benefit to a cart",
    "place_order_added_rtt": "Round trips that a benefit adds to placing an order",
    "stampede_upstream_calls": "Calls to Omneo for 100 readers of one shopper's page at once: one for each list",
    "stampede_upstream_calls_4_processes": "The same over four processes with Valkey",
    "slow5s_benefits_vs_healthy": "Benefits pages a second while Omneo takes 5 seconds, against a healthy one",
    "slow5s_host_vs_healthy": "The shop's other pages meanwhile",
    "down_host_vs_healthy": "The shop's other pages while Omneo is down",
    "checkout_page_vs_without_plugin": "The example shop's checkout page against the same without us, processor time",
    "growth_shelf_500_vs_10": "Processor time for each benefit of a cold page, 500 benefits against 10",
    "import_ms_over_deps": "Milliseconds to import the plugin, where Flask, httpx and SQLAlchemy are imported",
    "memory_mb_over_deps": "Megabytes that one more worker takes over those three",
    "ledger_vs_raw_sqlite": "Transitions a second in the ledger against the same statements in raw SQLite",
    "delivery_vs_limit_1": "Deliveries a second with 1 thread, against what round trips of 30 ms allow",
    "delivery_vs_limit_4": "The same with 4 threads",
    "delivery_vs_limit_16": "The same with 16 threads",
    "delivery_commits_per_job": "Commits of the ledger for one delivery",
    "growth_ledger_1m_vs_0": "A worker's turn with a million rows in the ledger, against an empty one",
}
_SIGNS = {">=": "at least", "<=": "at most", "==": "exactly"}


def main(root: Path = ROOT) -> int:
    """Write both; 1 where something is missing."""
    latest, readme = root / "benchmarks" / "latest.json", root / "README.md"
    if not latest.exists():
        return _complain("There is no benchmarks/latest.json: run `make bench` first.")
    found, text = json.loads(latest.read_text("utf-8")), readme.read_text("utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        return _complain(f"README.md has no place for the section: put {BEGIN} and {END} where it shall stand.")
    readme.write_text(f"{before}{BEGIN}\n{section(found)}\n{END}{after}", "utf-8")
    (root / PICTURE).write_text(picture(found["pages_ms"]), "utf-8")
    return 0


def section(found: dict[str, Any]) -> str:
    """The section as Markdown: what was measured, where and when; a missed target is called missed."""
    rows = [_row(name, value) for name, value in found["ratios"].items()]
    pages = found["pages_ms"]
    told = ", ".join(f"{name} {pages[name]:.3g} ms" for name in ("warm", "cold", "naive", "sick") if pages.get(name))
    where = (
        f"Measured by `make bench` on {found['date']} with Python {found['python']} on {found['machine']}, "
        "with load by wrk, against an Omneo that answers after 30 ms. Ratios are medians of runs that took turns."
    )
    limits = _limits(found)
    picture_of = f"![How long one shopper waits for a benefits page: {told}]({PICTURE})"
    table = ["| what | figure | must be |", "|---|---|---|", *rows]
    return "\n".join([where, "", picture_of, "", *table, *(["", limits] if limits else [])])


def _limits(found: dict[str, Any]) -> str:
    """How far a page that is made beforehand comes on that machine, where neither it nor ours is what must be."""
    told = found.get("wall", {})
    reached = []
    for name, kind in {"warm_vs_naive_gthread": "gthread", "warm_vs_naive_sync": "sync"}.items():
        ours, limit = found["ratios"].get(name) or 0.0, told.get(f"{READY} ({kind})")
        if limit and not TARGETS[name].is_met(max(ours, limit)):
            reached.append(f"{limit:.3g} times ({kind})")
    if not reached:
        return ""
    return (
        "On that machine not even a page that is made beforehand, and only looks who is signed in, comes as far: "
        f"it is {' and '.join(reached)} as fast as the naive one."
    )


def _row(name: str, value: float | None) -> str:
    sign, bound = TARGETS[name]
    is_met = value is not None and TARGETS[name].is_met(value)
    shown = "not measured" if value is None else f"{value:.3g}"
    return f"| {MEANING[name]} | {shown} | {_SIGNS[sign]} {bound:g}{'' if is_met else ', **missed**'} |"


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
