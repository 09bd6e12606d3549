"""Seed a new sandbox: nothing, or the demo data."""

from __future__ import annotations

from claimable_benefits.sandbox.demo import people
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

_SEED_KEY = "seed"


def apply_seed(state: RequestState, kind: str, *, reset: bool) -> None:
    """Seed an empty state once; with `reset`, empty it first. Leave a state that was seeded before alone."""
    with state.writing():
        seeded = state.db.execute("SELECT 1 FROM settings WHERE name = ?", (_SEED_KEY,)).fetchone()
        if seeded and not reset:
            return
        store.delete_all(state.db)
        if kind == "demo":
            people.insert_demo(state)
        state.db.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (_SEED_KEY, kind))
