"""What every figure must be, and what a measurement brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import ledger


class Target(NamedTuple):
    """``sign`` is one of ``>=``, ``<=`` and ``==``."""

    sign: str
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether a figure is what it must be; what is no number never is."""
        if self.sign == ">=":
            return value >= self.bound
        return value <= self.bound if self.sign == "<=" else value == self.bound


TARGETS = {
    "warm_vs_bare": Target(">=", 0.90),
    "warm_vs_naive_gthread": Target(">=", 20),
    "warm_vs_naive_sync": Target(">=", 200),
    "cold_known_rtt": Target("<=", 1.15),
    "cold_unknown_rtt": Target("<=", 2.2),
    "cold_100_benefits_rtt": Target("<=", 2.2),
    "apply_upstream_calls": Target("==", 0),
    "place_order_added_rtt": Target("<=", 1.15),
    "stampede_upstream_calls": Target("==", 2),
    "stampede_upstream_calls_4_processes": Target("==", 2),
    "slow5s_benefits_vs_healthy": Target(">=", 0.90),
    "slow5s_host_vs_healthy": Target(">=", 0.80),
    "down_host_vs_healthy": Target(">=", 0.80),
    "checkout_page_vs_without_plugin": Target(">=", 0.75),
    "growth_shelf_500_vs_10": Target("<=", 1.1),
    "import_ms_over_deps": Target("<=", 40),
    "memory_mb_over_deps": Target("<=", 12),
    **{name: Target(*target) for name, target in ledger.TARGETS.items()},
}


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    ``few`` rounds are for what takes long and hardly varies, ``seconds`` is the length of one run of a server, and
    ``rows`` what is in a grown ledger.
    """

    rounds: int = 15
    few: int = 5
    seconds: int = 1
    rows: int = ledger.ROWS


QUICK = Scale(rounds=1, few=1, seconds=1, rows=10_000)  # shows that all of it runs; its figures mean little


@dataclass
class Figures:
    """``ratios`` are judged; ``cpu`` (us a request), ``pages`` (ms until a page is there) and ``wall`` are told."""

    ratios: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    pages: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)

    def add(self, other: Figures) -> None:
        """Take in what another part has measured."""
        for name in ("ratios", "cpu", "pages", "wall"):
            getattr(self, name).update(getattr(other, name))

    def missed(self) -> list[str]:
        """The names of the figures that are not what they must be."""
        return [name for name, value in self.ratios.items() if not TARGETS[name].is_met(value)]


Part = Callable[[Path, Scale], Figures]


def between(over: list[float], under: list[float]) -> float:
    """The median of the ratios of runs that followed each other: what disturbs the machine disturbs both."""
    return median(one / other if other else float("nan") for one, other in zip(over, under, strict=True))
