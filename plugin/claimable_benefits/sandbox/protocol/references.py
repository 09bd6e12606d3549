"""Rows that a path or a body names, and what happens when they are not there (Omneo facts 16.5 and 16.15)."""

from __future__ import annotations

import sqlite3

from claimable_benefits.sandbox.protocol.body_reader import RequestForm
from claimable_benefits.sandbox.protocol.error_responses import not_found
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

_NAMES = {
    "benefits": "benefit",
    "definitions": "benefit definition",
    "locations": "location",
    "profiles": "profile",
    "redemption_items": "item",
    "redemptions": "redemption",
    "tokens": "token",
    "transactions": "transaction",
    "webhooks": "webhook",
}


def get_or_404(state: RequestState, table: str, key: object) -> sqlite3.Row:
    """Return the row with this id, or raise the 404 that a path without a row answers."""
    row = store.find(state.db, table, key)
    if row is None:
        raise not_found(_NAMES[table])
    return row


def must_exist(state: RequestState, form: RequestForm, field: str, what: str) -> None:
    """Add the error of a field that leads nowhere, or raise 404, as the switch ``missing_reference`` says."""
    if state.switches["missing_reference"] == "404":
        raise not_found(what)
    form.add_error(field, f"There is no such {what}.")
