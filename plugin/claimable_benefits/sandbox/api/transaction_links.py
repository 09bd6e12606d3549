"""What a transaction belongs to: its profile and its redemption (Omneo facts 16.28, 16.30, 16.32)."""

from __future__ import annotations

import sqlite3

from claimable_benefits.sandbox.api import identities
from claimable_benefits.sandbox.protocol.body_reader import RequestForm
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState


def find_profile_id(state: RequestState, form: RequestForm) -> str | None:
    """Return the profile that a body means by ``profile_id`` and ``profile_id_handle`` (16.30)."""
    key, handle = form.text("profile_id"), form.text("profile_id_handle")
    if key is None:
        return None
    if handle is None:
        row = store.find(state.db, "profiles", key)
    elif handle == "email":
        row = state.db.execute("SELECT * FROM profiles WHERE email = ?", (key,)).fetchone()
    else:
        row = identities.find_profile(state, handle, key)
    if row is None:
        if state.switches["unresolved_profile"] == "refuse":
            form.add_error("profile_id", "There is no such profile.")
        return None
    return str(row["id"])


def find_redemption_id(state: RequestState, form: RequestForm, columns: Body, row: sqlite3.Row | None) -> int | None:
    """Return the redemption to link: the one named, or one that named this order beforehand (16.28, 16.32)."""
    linked_already = None if row is None else row["redemption_id"]
    if not form.has("redemption_id"):
        return linked_already or _find_announced_redemption(state, columns.get("external_id"))
    number = form.integer("redemption_id")
    if number is None:
        return None
    redemption = store.find(state.db, "redemptions", number)
    if redemption is None:
        form.add_error("redemption_id", "There is no such redemption.")
    elif state.switches["redemption_link"] == "strict":
        owner = columns.get("profile_id") or (row["profile_id"] if row is not None else None)
        if redemption["profile_id"] != owner:
            form.add_error("redemption_id", "This redemption is another profile's.")
        if redemption["transaction_id"] not in (None, row["id"] if row is not None else None):
            form.add_error("redemption_id", "This redemption belongs to a transaction already.")
    return number


def _find_announced_redemption(state: RequestState, external_id: str | None) -> int | None:
    found = state.db.execute(
        "SELECT id FROM redemptions WHERE transaction_external_id = ? AND type = 'redeem' AND transaction_id IS NULL"
        " ORDER BY id",
        (external_id,),
    ).fetchone()
    return found["id"] if found is not None else None


def link(state: RequestState, transaction_id: int, redemption_id: int | None) -> None:
    others = "UPDATE redemptions SET transaction_id = NULL WHERE transaction_id = ? AND id IS NOT ?"
    state.db.execute(others, (transaction_id, redemption_id))
    if redemption_id is not None:
        linked = {"transaction_id": transaction_id, "updated_at": state.stamp}
        store.update(state.db, "redemptions", redemption_id, linked)
