"""The targets of the figures, and what a measurement returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple


class Target(NamedTuple):
    """``sign`` is one of ``>=``, ``<=`` and ``==``."""

    sign: str
    bound: float

    def is_met(self, value: float) -> bool:
        """Return whether a figure meets the target; NaN never does."""
        if self.sign == ">=":
            return value >= self.bound
        return value <= self.bound if self.sign == "<=" else value == self.bound


TARGETS = {
    "warm_vs_bare": Target(">=", 0.90),
    "warm_vs_bare_postgresql": Target(">=", 0.85),
    "first_visit_shown_50ms": Target(">=", 0.99),
    "first_visit_shown_250ms": Target(">=", 0.99),
    "first_visit_shown_500ms": Target(">=", 0.99),
    "first_visits_host_vs_alone": Target(">=", 0.80),
    "cold_own_work": Target("<=", 5),
    "first_visit_own_work": Target("<=", 6),
    "place_order_own_work": Target("<=", 2.5),
    "delivery_own_work": Target("<=", 5),
    "transition_own_work": Target("<=", 1),
    "apply_upstream_calls": Target("==", 0),
    "stampede_upstream_calls": Target("==", 2),
    "stampede_upstream_calls_4_processes": Target("==", 2),
    "slow5s_benefits_vs_healthy": Target(">=", 0.90),
    "slow5s_host_vs_healthy": Target(">=", 0.80),
    "down_host_vs_healthy": Target(">=", 0.80),
    "checkout_page_vs_without_plugin": Target(">=", 0.85),
    "growth_shelf_500_vs_10": Target("<=", 1.1),
    "import_ms_over_deps": Target("<=", 40),
    "memory_mb_over_deps": Target("<=", 12),
    "ledger_vs_raw_sqlite": Target(">=", 0.50),
    "delivery_commits_per_job": Target("<=", 2.0),
    "delivery_first_look": Target("==", 1),
    "growth_ledger_1m_vs_0": Target("<=", 1.2),
}


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    ``few`` rounds are for what takes long or hardly varies, ``counts`` for calls that are counted. ``seconds`` is the
    length of one run of a server, ``rows`` the size of a grown ledger.
    """

    rounds: int = 7
    few: int = 5
    counts: int = 3
    seconds: int = 1
    rows: int = 1_000_000


QUICK = Scale(rounds=1, few=1, counts=1, seconds=1, rows=10_000)  # shows that everything runs; its figures mean little


@dataclass
class Figures:
    """``judged`` figures have a target, ``told`` ones have none; ``cpu`` is in us, ``pages`` in ms a page."""

    judged: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    pages: dict[str, float] = field(default_factory=dict)

    def add(self, other: Figures) -> None:
        """Add what another part has measured."""
        for name in ("judged", "told", "cpu", "pages"):
            getattr(self, name).update(getattr(other, name))

    def missed(self) -> list[str]:
        """Return the names of the figures that miss their target."""
        return [name for name, value in self.judged.items() if not TARGETS[name].is_met(value)]


Part = Callable[[Path, Scale], Figures]


def between(over: list[float], under: list[float]) -> float:
    """Return the median of the ratios of runs that followed each other: what disturbs the machine disturbs both."""
    return median(one / other if other else float("nan") for one, other in zip(over, under, strict=True))
