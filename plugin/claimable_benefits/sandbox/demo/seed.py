"""Seed a new sandbox: with nothing, with the demo data, or with the data of Omneo's guide."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from claimable_benefits.sandbox.demo import guide, people
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.clock import set_to
from claimable_benefits.sandbox.state.request_state import Sandbox, snapshot_state

SEEDS = ("demo", "guide", "empty")
_SEED_KEY = "seed"


def apply_seed(instance: Sandbox, db: sqlite3.Connection, kind: str, *, reset: bool) -> None:
    """Seed an empty state once; with `reset`, empty it first. Leave a state that was seeded before alone.

    The clock stays as it is, but for the seed ``guide``, which moves it to the guide's day.
    """
    state = snapshot_state(instance, db)
    with state.writing():
        seeded = db.execute("SELECT 1 FROM settings WHERE name = ?", (_SEED_KEY,)).fetchone()
        if seeded and not reset:
            return
        store.delete_all(db)
        settings = {_SEED_KEY: kind}
        if kind == "demo":
            people.insert_demo(state)
        if kind == "guide":
            settings |= set_to(instance.clock, store.load_settings(db), guide.DAY)
            guide.insert_guide(replace(state, now=guide.DAY))
        db.executemany("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", list(settings.items()))
