"""What a new sandbox holds: nothing, or the demo's people and benefits."""

from __future__ import annotations

from claimable_benefits.sandbox.demo import people
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

_PLANTED = "seed"


def plant(scene: RequestState, kind: str, *, anew: bool) -> None:
    """Fill an empty state once; with `anew`, empty it first. A state that was planted before is left alone."""
    with scene.writing():
        planted = scene.db.execute("SELECT 1 FROM settings WHERE name = ?", (_PLANTED,)).fetchone()
        if planted and not anew:
            return
        store.wipe(scene.db)
        if kind == "demo":
            people.fill(scene)
        scene.db.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (_PLANTED, kind))
