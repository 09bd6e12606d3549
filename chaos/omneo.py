"""The sandbox of a run: furnished before it starts, made to fail over HTTP, used by tills, and read at the end.

Several processes serve one state, each with a dial of its own: one for the shop, one for the workers, and one that
never fails, for tills and for the audit.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from chaos.plan import BENEFITS, CLAIMABLE, ON_THE_ACCOUNT, Spell
from claimable_benefits.sandbox import create_sandbox, serve_sandbox
from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox
from example_shop.customers.demo_shoppers import CROWD_FROM

TOKEN = "chaos-token"
TILL = "TILL-"  # what the references of uses in the store begin with

# What a call meets, and how often: 35 in 100 calls.
FAULTS: tuple[tuple[dict[str, Any], float], ...] = (
    ({"kind": "refuse"}, 0.04),
    ({"kind": "drop"}, 0.05),
    ({"kind": "apply_then_drop"}, 0.06),
    ({"kind": "status", "code": 500, "when": "before"}, 0.03),
    ({"kind": "status", "code": 503, "when": "after"}, 0.04),
    ({"kind": "status", "code": 502, "when": "before"}, 0.02),
    ({"kind": "429", "retry_after": 1}, 0.02),
    ({"kind": "html"}, 0.02),
    ({"kind": "truncated"}, 0.03),
)
_ZOMBIES = 0.04  # the rest of the 35, shared by zombies of several ages
_SLOW = ({"kind": "latency", "seconds": 0.3}, 0.08), ({"kind": "latency", "seconds": 4.0}, 0.01)
_SPELLS: dict[str, dict[str, Any]] = {
    "outage": {"kind": "refuse"},
    "429 storm": {"kind": "429", "retry_after": 3},
    "401 spell": {"kind": "401"},
}


def furnish(folder: Path, shoppers: int, zone: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Give every shopper their benefits; answers (profile id, benefit id) by (customer, handle)."""
    app = create_sandbox(data=folder, token=TOKEN, seed="empty", timezone=zone)
    stage = OmneoSandbox(serve_sandbox(app))
    try:
        issued = BENEFITS | ON_THE_ACCOUNT
        for handle, uses in issued.items():
            stage.definition(handle, uses=uses)
        for handle in CLAIMABLE.values():
            stage.definition(handle, is_claimable=True, is_reclaimable=True)
        made = {}
        for customer in map(str, range(CROWD_FROM, CROWD_FROM + shoppers)):
            shopper = stage.shopper(customer, first_name="Shopper", last_name=customer)
            for handle in issued:
                shopper.holds(handle)
            for held in stage.benefits_of(customer):
                made[customer, held["definition"]["handle"]] = (shopper.profile_id, str(held["id"]))
        return made
    finally:
        stage.close()


class Weather:
    """The dials of the processes that may fail."""

    def __init__(self, urls: Sequence[str], seed: int, zombies: Sequence[float]) -> None:
        self._urls = urls
        self._seed = seed
        self._zombies = zombies
        self._guard = threading.Lock()
        self.fired: Counter[str] = Counter()

    def turn_up(self) -> None:
        """The mix: 35 in 100 calls go wrong."""
        ages = [({"kind": "drop_then_apply", "seconds": age}, _ZOMBIES / len(self._zombies)) for age in self._zombies]
        self._set([*_SLOW, *in_turn([*FAULTS, *ages])])

    def begin(self, spell: Spell) -> None:
        """Everything fails in one way."""
        self._set([(_SPELLS[spell.kind], 1.0)])

    def clear(self) -> None:
        """Everything is well again."""
        self._set([])

    def _set(self, faults: Sequence[tuple[dict[str, Any], float]]) -> None:
        with self._guard:
            for place, url in enumerate(self._urls):
                dial = f"{url}/_sandbox/faults"
                for fault in _json(requests.get(dial, timeout=10))["faults"]:
                    self.fired[fault["kind"]] += fault["fired"]
                requests.delete(dial, timeout=10).raise_for_status()
                requests.post(dial, json={"seed": self._seed * 10 + place}, timeout=10).raise_for_status()
                for fault, share in faults:
                    requests.post(dial, json={**fault, "probability": share}, timeout=10).raise_for_status()


class Tills:
    """The tills of the store; they reach Omneo without trouble."""

    def __init__(self, url: str, benefits: dict[tuple[str, str], tuple[str, str]]) -> None:
        self._api = f"{url}/api/v3"
        self._profiles = {benefit: profile for profile, benefit in benefits.values()}
        self.uses = 0

    def use(self, _customer: str, benefit: str) -> None:
        """Use a benefit up, as far as there is something left of it."""
        address = f"{self._api}/profiles/{self._profiles[benefit]}/benefits/{benefit}/redemptions"
        for _ in range(3):
            body = {"external_id": f"{TILL}{uuid4()}", "timezone": "UTC"}
            answer = requests.post(address, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
            if answer.status_code != 201:
                return
            self.uses += 1


def read_state(url: str) -> dict[str, Any]:
    """Everything the sandbox holds."""
    return _json(requests.get(f"{url}/_sandbox/state", timeout=120))


def read_calls(url: str, path: str) -> list[dict[str, Any]]:
    """The calls of one process whose path fits a pattern."""
    found: list[dict[str, Any]] = _json(requests.get(f"{url}/_sandbox/calls", {"path": path}, timeout=60))["calls"]
    return found


def in_turn(shares: Sequence[tuple[dict[str, Any], float]]) -> list[tuple[dict[str, Any], float]]:
    """The dial asks one fault after the other, so each has to be the likelier the more came before it."""
    left, asked = 1.0, []
    for fault, share in shares:
        asked.append((fault, share / left))
        left -= share
    return asked


def _json(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body
