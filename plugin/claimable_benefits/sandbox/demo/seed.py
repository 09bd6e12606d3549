"""What a new sandbox holds: nothing, or the demo's people and benefits."""

from __future__ import annotations

from claimable_benefits.sandbox.demo import people
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

_SEED_KEY = "seed"


def apply_seed(state: RequestState, kind: str, *, anew: bool) -> None:
    """Fill an empty state once; with `anew`, empty it first. A state that was planted before is left alone."""
    with state.writing():
        planted = state.db.execute("SELECT 1 FROM settings WHERE name = ?", (_SEED_KEY,)).fetchone()
        if planted and not anew:
            return
        store.delete_all(state.db)
        if kind == "demo":
            people.insert_demo(state)
        state.db.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (_SEED_KEY, kind))
