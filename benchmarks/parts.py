"""What can be measured by itself: each part, and the figures that it brings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import checkout, cold, growth, ledger, orders, pages, sick, stampede, startup
from benchmarks.figures import Figures, Part, Scale


def _ledger(folder: Path, scale: Scale) -> Figures:
    folder = folder / "ledger"
    folder.mkdir()
    return Figures(ratios=ledger.measure(folder, scale.rows))


@dataclass(frozen=True)
class Entry:
    """A part and the names of its figures."""

    measure: Part
    names: tuple[str, ...]


PARTS = {
    "pages": Entry(pages.measure, ("warm_vs_bare", "warm_vs_naive_gthread", "warm_vs_naive_sync")),
    "cold": Entry(cold.measure, ("cold_known_rtt", "cold_unknown_rtt", "cold_100_benefits_rtt")),
    "orders": Entry(orders.measure, ("apply_upstream_calls", "place_order_added_rtt")),
    "stampede": Entry(stampede.measure, ("stampede_upstream_calls", "stampede_upstream_calls_4_processes")),
    "sick": Entry(sick.measure, ("slow5s_benefits_vs_healthy", "slow5s_host_vs_healthy", "down_host_vs_healthy")),
    "checkout": Entry(checkout.measure, ("checkout_page_vs_without_plugin",)),
    "growth": Entry(growth.measure, ("growth_shelf_500_vs_10",)),
    "startup": Entry(startup.measure, ("import_ms_over_deps", "memory_mb_over_deps")),
    "ledger": Entry(_ledger, tuple(ledger.TARGETS)),
}


def chosen(names: Iterable[str]) -> list[str]:
    """The parts that bring what is named: parts or figures; all of them without a name. Raises `ValueError`."""
    wanted = list(names)
    known = {name for part, entry in PARTS.items() for name in (part, *entry.names)}
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"There is no figure {unknown[0]!r}. There are: {', '.join(sorted(known))}.")
    return [part for part, entry in PARTS.items() if not wanted or {part, *entry.names} & set(wanted)]
