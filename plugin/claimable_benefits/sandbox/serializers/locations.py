"""Locations as answers show them (Omneo facts 13.3)."""

from __future__ import annotations

import json
import sqlite3

from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

LOCATION_FIELDS = {
    "type": "text",
    "description": "long_text",
    "phone": "text",
    "email": "text",
    "timezone": "text",
    "is_published": "boolean",
    "is_permanently_closed": "boolean",
    "meta": "json",
}
_DEFAULTS = {"is_published": True, "is_permanently_closed": False}


def serialize_location(row: sqlite3.Row) -> Body:
    """Return a location as answers show it."""
    facts = {name: row[name] for name in ("id", "name", "external_id", "created_at", "updated_at")}
    return {**dict.fromkeys(LOCATION_FIELDS), **_DEFAULTS, **json.loads(row["doc"]), **facts}


def serialize_location_of(state: RequestState, location_id: int | None) -> Body | None:
    """Return the location that something names, or None when there is no such one."""
    row = store.find(state.db, "locations", location_id) if location_id is not None else None
    return serialize_location(row) if row is not None else None


def summarize_location(state: RequestState, location_id: int | None) -> Body | None:
    """Return the few fields of a location that a redemption's transaction carries."""
    full = serialize_location_of(state, location_id)
    return {name: full[name] for name in ("id", "name", "external_id")} if full is not None else None
