"""Benefit definitions as answers show them (Omneo facts 13.2)."""

from __future__ import annotations

import json
import sqlite3

from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.redemption_rules import global_remaining
from claimable_benefits.sandbox.serializers.definition_fields import FLAGS, FREE
from claimable_benefits.sandbox.state.request_state import RequestState


def serialize_definition(state: RequestState, row: sqlite3.Row) -> Body:
    """Return a definition as answers show it."""
    doc = json.loads(row["doc"])
    total, free = _pool(state, row)
    return {
        **dict.fromkeys(FREE),
        **{name: row[name] for name in row.keys() if name != "doc"},  # noqa: SIM118 - a Row iterates over values
        **dict.fromkeys(("is_assignable", "is_reassignable", "allow_user_redeem"), False),
        "tags": [],
        **doc,
        **{name: bool(row[name]) for name in FLAGS},
        "id": str(row["id"]) if state.switches["definition_ids"] == "strings" else row["id"],
        "total_global_redemptions_remaining": global_remaining(row),
        "total_allocations": total,
        "total_allocations_remaining": free,
    }


def free_fields(row: sqlite3.Row) -> Body:
    """Return the free fields of a definition."""
    doc: Body = json.loads(row["doc"])
    return doc


def _pool(state: RequestState, row: sqlite3.Row) -> tuple[int | None, int | None]:
    if not row["force_allocation"]:
        return None, None
    counted = state.db.execute(
        "SELECT count(*), coalesce(sum(allocated_at IS NULL), 0) FROM allocations WHERE definition_id = ?", (row["id"],)
    ).fetchone()
    return counted[0], counted[1]
