"""The figures as Markdown: three for the README, the whole table for docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.figures import TARGETS

HEADLINE = {
    "warm_30ms": "for a benefits page whose wallet is remembered",
    "cold_30ms": "for a page that reads the wallet from Omneo, at 30 ms a call",
    "first_visit_30ms": "for the first visit of a shopper, at 30 ms a call",
}
PAGES = {
    "bare": "A bare Flask page of the same HTML",
    "warm": "Warm: the process remembers the wallet",
    "cold": "Cold: the shopper is known, the wallet is read from Omneo",
    "first_visit": "First visit: neither ledger nor cache knows the shopper",
}
MEANING = {
    "warm_vs_bare": "A warm benefits page against a bare Flask page of the same HTML, ledger in SQLite",
    "warm_vs_bare_postgresql": "The same, ledger in PostgreSQL",
    "first_visit_shown_50ms": "Of 20 new shoppers at once, the share whose benefits stand in the page in Chromium"
    " within 2 seconds, at 50 ms a call",
    "first_visit_shown_250ms": "The same at 250 ms a call",
    "first_visit_shown_500ms": "The same at 500 ms a call",
    "first_visits_host_vs_alone": "The shop's other pages a second while 20 new shoppers come at once, against none",
    "cold_own_work": "Own work of a cold page, in bare pages",
    "first_visit_own_work": "Own work of a first visit, in bare pages",
    "place_order_own_work": "Own work that a benefit adds to placing an order, in bare pages",
    "delivery_own_work": "Own work of one delivery by a worker of four threads, in bare pages",
    "transition_own_work": "Own work of one transition in the ledger, in bare pages",
    "apply_upstream_calls": "Calls to Omneo for applying a benefit to a cart",
    "stampede_upstream_calls": "Calls to Omneo for 100 requests of one shopper's page at once: one for each list",
    "stampede_upstream_calls_4_processes": "The same over four processes with Valkey",
    "slow5s_benefits_vs_healthy": "Benefits pages a second while Omneo takes 5 seconds, against a healthy Omneo",
    "slow5s_host_vs_healthy": "The shop's other pages a second meanwhile",
    "down_host_vs_healthy": "The shop's other pages a second while Omneo is down",
    "checkout_page_vs_without_plugin": "The example shop's checkout page against the same page without the plugin",
    "growth_shelf_500_vs_10": "Processor time for each benefit of a cold page, 500 benefits against 10",
    "import_ms_over_deps": "Milliseconds to import the plugin, where Flask, httpx and SQLAlchemy are imported",
    "memory_mb_over_deps": "Megabytes of one more worker over a worker with these three",
    "ledger_vs_raw_sqlite": "Transitions a second in the ledger against the same statements in raw SQLite",
    "delivery_commits_per_job": "Commits of the ledger for one delivery",
    "delivery_first_look": "Calls to Omneo for the look before an order's first delivery",
    "growth_ledger_1m_vs_0": "A worker's turn with a million rows in the ledger, against an empty ledger",
}
TOLD = {
    "first_visit_shown_1000ms": "Of 20 new shoppers at once, the share whose benefits stand in the page within"
    " 2 seconds, at 1000 ms a call",
    "first_visit_shown_50ms_without_script": "The share whose first page brings them without a script, at 50 ms a call",
    "first_visit_shown_250ms_without_script": "The same at 250 ms a call",
    "first_visit_shown_500ms_without_script": "The same at 500 ms a call",
    "first_visit_shown_1000ms_without_script": "The same at 1000 ms a call",
    "warm_vs_bare_granian": "A warm page against a bare page under granian, SQLite",
    "warm_vs_bare_postgresql_granian": "The same, PostgreSQL",
    "warm_vs_bare_by_pages_a_second": "Warm against bare by pages a second, gunicorn, SQLite",
    "warm_vs_bare_postgresql_by_pages_a_second": "The same, PostgreSQL",
    "cold_known_rtt": "A cold page, in round trips to Omneo",
    "cold_unknown_rtt": "A first visit, in round trips",
    "cold_100_benefits_rtt": "A cold page with 100 benefits on seven pages of Omneo's, in round trips",
    "cold_100_benefits_unknown_rtt": "A first visit with 100 benefits, in round trips",
    "place_order_added_rtt": "Round trips that a benefit adds to placing an order",
    "place_order_added_rtt_without_filter": "The same where Omneo does not filter by our reference",
    "delivery_vs_limit_1": "First deliveries a second with 1 thread, against what two round trips of 30 ms allow",
    "delivery_vs_limit_4": "The same with 4 threads",
    "delivery_vs_limit_16": "The same with 16 threads",
    "down_benefits_vs_healthy": "Benefits pages a second while Omneo is down, against a healthy Omneo",
    "checkout_page_vs_without_plugin_by_pages_a_second": "The checkout page by pages a second",
}
# Why a figure misses its target on the machine of benchmarks/latest.json. Remove a reason together with its cause.
REASONS = {
    "warm_vs_bare": "each warm page reads the shop's session, reads the shopper's version from the ledger (46 µs) and"
    " signs a form token (22 µs). Watching SQLite's file for changes saved the read, for this database alone, and went",
    "warm_vs_bare_postgresql": "the same page, and the read is a message to PostgreSQL and its answer",
    "cold_own_work": "two calls over httpx are a third of it, twelve overridable cards two fifths",
    "first_visit_own_work": "a third call, and the shopper's row in the ledger, come on top of a cold page",
    "place_order_own_work": "one call over httpx, and two durable commits with six statements through SQLAlchemy",
    "checkout_page_vs_without_plugin": "0.81 to 0.85 in three runs: the panel reads the cart's hold, the live uses and"
    " the shopper's version from the ledger, and computes each discount",
    **dict.fromkeys(
        ("first_visit_shown_50ms", "first_visit_shown_250ms", "first_visit_shown_500ms"),
        "twenty frames of one Chromium and the shop share two processors: runs of the same code gave 0.35 to 1.00",
    ),
    "ledger_vs_raw_sqlite": "each statement names the shop, and goes through SQLAlchemy",
    "memory_mb_over_deps": "the app loads every service, page and Babel with plain imports; the first pages did before",
}
_SIGNS = {">=": "at least", "<=": "at most", "==": "exactly"}
_PICTURED = {"warm": "warm", "cold": "cold", "first_visit": "first visit"}
_SHOWN = ": share of pages that show the benefits"


def headline(found: Mapping[str, Any]) -> str:
    """Return the README's three figures."""
    return "\n".join(f"- **{_number(found['pages_ms'].get(name))} ms** {text}" for name, text in HEADLINE.items())


def section(found: Mapping[str, Any], reasons: Mapping[str, str] = REASONS) -> str:
    """Return the whole table, with where and when it was measured; a missed target stands there with its reason."""
    times = found["pages_ms"]
    told = ", ".join(f"{text} {_number(times.get(f'{name}_30ms'))} ms" for name, text in _PICTURED.items())
    return "\n".join(
        [
            f"Measured on {found['date']} with Python {found['python']} on {found['machine']}.",
            "",
            f"![How long one shopper waits for a benefits page: {told}](images/speed.svg)",
            "",
            "| what a shopper waits for, ms | Omneo takes 30 ms a call | 250 ms a call |",
            "|---|---|---|",
            *(_page(found, name, text) for name, text in PAGES.items()),
            f"| Warm, while Omneo takes 5 seconds a call | {_number(times.get('warm_slow5s'))} | |",
            "",
            "| what | figure | target |",
            "|---|---|---|",
            *(_row(found["judged"], name, reasons) for name in MEANING),
            "",
            "| beside them, without a target | figure |",
            "|---|---|",
            *(f"| {text} | {_number(found['told'].get(name))} |" for name, text in TOLD.items()),
            "",
            "| processor time | microseconds |",
            "|---|---|",
            *(f"| {name[0].upper()}{name[1:]} | {_number(value)} |" for name, value in found["cpu_us"].items()),
        ]
    )


def unexplained(found: Mapping[str, Any], reasons: Mapping[str, str] = REASONS) -> list[str]:
    """Return the figures that miss their target and have no reason."""
    return [name for name in MEANING if not _is_met(found["judged"], name) and name not in reasons]


def _page(found: Mapping[str, Any], name: str, text: str) -> str:
    """Return one row; a bare page makes no call, so it has one figure."""
    if name == "bare":
        return f"| {text} | {_number(found['pages_ms'].get(name))} | |"
    return f"| {text} | {_cell(found, f'{name}_30ms')} | {_cell(found, f'{name}_250ms')} |"


def _cell(found: Mapping[str, Any], name: str) -> str:
    """Return a figure, and say so where the page came without the benefits."""
    shown = found["told"].get(name + _SHOWN)
    value = _number(found["pages_ms"].get(name))
    if shown is None or shown > 0.99:
        return value
    return f"{value}, without the benefits" if shown < 0.01 else f"{value}, {shown:.0%} with the benefits"


def _row(judged: Mapping[str, float | None], name: str, reasons: Mapping[str, str]) -> str:
    sign, bound = TARGETS[name]
    target = f"{_SIGNS[sign]} {bound:g}"
    if not _is_met(judged, name):
        target += f", **missed**: {reasons.get(name, 'no reason is known')}"
    return f"| {MEANING[name]} | {_number(judged.get(name))} | {target} |"


def _is_met(judged: Mapping[str, float | None], name: str) -> bool:
    value = judged.get(name)
    return value is not None and TARGETS[name].is_met(value)


def _number(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
