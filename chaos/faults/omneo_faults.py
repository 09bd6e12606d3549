"""Inject faults into the sandbox over HTTP.

Two processes serve one state: one with faults for the shop and its workers, one without for tills and the audit.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests

from chaos.plan.plan import Outage

# Faults and their shares of all calls: 35 in 100 calls fail, more where more answers are lost than usual.
FAULTS: tuple[tuple[dict[str, Any], float], ...] = (
    ({"kind": "refuse"}, 0.04),
    ({"kind": "drop"}, 0.05),
    ({"kind": "status", "code": 500, "when": "before"}, 0.03),
    ({"kind": "status", "code": 503, "when": "after"}, 0.04),
    ({"kind": "status", "code": 502, "when": "before"}, 0.02),
    ({"kind": "429", "retry_after": 1}, 0.02),
    ({"kind": "html"}, 0.02),
    ({"kind": "truncated"}, 0.03),
)
MOST_LOST_ANSWERS = 0.5
_DELAYED = 0.04  # the rest of the 35, shared by requests that are applied after several delays
_SLOW = ({"kind": "latency", "seconds": 0.3}, 0.08), ({"kind": "latency", "seconds": 4.0}, 0.01)
_OUTAGES: dict[str, dict[str, Any]] = {
    "connection refused": {"kind": "refuse"},
    "rate limit": {"kind": "429", "retry_after": 3},
    "invalid token": {"kind": "401"},
}


class OmneoFaults:
    """The faults of the process that may fail. ``fired`` counts faults by kind."""

    def __init__(self, url: str, seed: int, request_delays: Sequence[float], lost_answers: float = 0.06) -> None:
        self._faults_url = f"{url}/_sandbox/faults"
        self._seed = seed
        self._request_delays = request_delays
        self._lost_answers = lost_answers
        self._guard = threading.Lock()
        self.fired: Counter[str] = Counter()

    def inject_mix(self) -> None:
        """Let 35 in 100 calls fail, each in one of many ways."""
        probability = _DELAYED / len(self._request_delays)
        delayed = [({"kind": "drop_then_apply", "seconds": delay}, probability) for delay in self._request_delays]
        lost = ({"kind": "apply_then_drop"}, self._lost_answers)
        self._set([*_SLOW, *conditional_probabilities([lost, *FAULTS, *delayed])])

    def begin(self, outage: Outage) -> None:
        """Let every call fail in one way."""
        self._set([(_OUTAGES[outage.kind], 1.0)])

    def clear(self) -> None:
        """Remove every fault."""
        self._set([])

    def _set(self, faults: Sequence[tuple[dict[str, Any], float]]) -> None:
        url = self._faults_url
        with self._guard:
            for fault in _faults(url):
                self.fired[fault["kind"]] += fault["fired"]
            requests.delete(url, timeout=10).raise_for_status()
            requests.post(url, json={"seed": self._seed}, timeout=10).raise_for_status()
            for fault, share in faults:
                requests.post(url, json={**fault, "probability": share}, timeout=10).raise_for_status()


def conditional_probabilities(shares: Sequence[tuple[dict[str, Any], float]]) -> list[tuple[dict[str, Any], float]]:
    """Turn shares of all calls into the probability of each fault, given that none before it has fired.

    The sandbox tries one fault after the other.
    """
    left, asked = 1.0, []
    for fault, share in shares:
        asked.append((fault, share / left))
        left -= share
    return asked


def _faults(url: str) -> list[dict[str, Any]]:
    answer = requests.get(url, timeout=10)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["faults"]
    return found
