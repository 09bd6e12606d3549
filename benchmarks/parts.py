"""The parts of `make bench`: each can be measured alone and brings the figures that its entry names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.figures import Part
from benchmarks.measures import (
    checkout,
    degraded,
    first_visits,
    growth,
    ledger,
    orders,
    own_work,
    page_times,
    round_trips,
    stampede,
    startup,
    warm_pages,
)


@dataclass(frozen=True)
class Entry:
    """A part and the names of its figures that have a target."""

    measure: Part
    names: tuple[str, ...] = ()


PARTS = {
    "warm": Entry(warm_pages.measure, ("warm_vs_bare", "warm_vs_bare_postgresql")),
    "pages": Entry(page_times.measure),
    "first_visits": Entry(first_visits.measure, (*first_visits.JUDGED, first_visits.HOST)),
    "own_work": Entry(own_work.measure, own_work.NAMES),
    "round_trips": Entry(round_trips.measure),
    "orders": Entry(orders.measure, ("apply_upstream_calls",)),
    "stampede": Entry(stampede.measure, ("stampede_upstream_calls", "stampede_upstream_calls_4_processes")),
    "degraded": Entry(
        degraded.measure, ("slow5s_benefits_vs_healthy", "slow5s_host_vs_healthy", "down_host_vs_healthy")
    ),
    "checkout": Entry(checkout.measure, ("checkout_page_vs_without_plugin",)),
    "growth": Entry(growth.measure, ("growth_shelf_500_vs_10",)),
    "startup": Entry(startup.measure, ("import_ms_over_deps", "memory_mb_over_deps")),
    "ledger": Entry(
        ledger.measure,
        ("ledger_vs_raw_sqlite", "delivery_commits_per_job", "delivery_first_look", "growth_ledger_1m_vs_0"),
    ),
}


def chosen(names: Iterable[str]) -> list[str]:
    """Return the parts that bring what is named, parts or figures; all of them without a name.

    Raises `ValueError` where there is no such name.
    """
    wanted = list(names)
    known = {name for part, entry in PARTS.items() for name in (part, *entry.names)}
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"There is no figure {unknown[0]!r}. There are: {', '.join(sorted(known))}.")
    return [part for part, entry in PARTS.items() if not wanted or {part, *entry.names} & set(wanted)]
