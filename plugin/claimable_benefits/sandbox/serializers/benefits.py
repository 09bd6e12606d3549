"""Benefits as answers show them (Omneo facts 13.1)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.redemption_rules import (
    global_remaining,
    is_expired,
    latest_start,
    refusal_reason,
    remaining,
)
from claimable_benefits.sandbox.serializers.definitions import free_fields, serialize_definition
from claimable_benefits.sandbox.state.request_state import RequestState


def serialize_benefit(state: RequestState, row: sqlite3.Row) -> Body:
    """Return a benefit as answers show it, with its definition in full."""
    return _serialize(state, row, get_or_404(state, "definitions", row["definition_id"]))


def serialize_benefits(state: RequestState, rows: Iterable[sqlite3.Row]) -> list[Body]:
    """Return benefits as answers show them; each definition is read once."""
    definitions_by_id: dict[int, sqlite3.Row] = {}
    elements = []
    for row in rows:
        number = row["definition_id"]
        definitions_by_id[number] = definitions_by_id.get(number) or get_or_404(state, "definitions", number)
        elements.append(_serialize(state, row, definitions_by_id[number]))
    return elements


def _serialize(state: RequestState, row: sqlite3.Row, definition: sqlite3.Row) -> Body:
    doc, zone = free_fields(definition), row["timezone"]
    times = ("issued_at", "expires_at", "claimed_at", "extended_at")
    return {
        "id": row["id"],
        "profile_id": row["profile_id"],
        "external_id": row["external_id"],
        **{name: state.serialize_time(row[name], zone) for name in times},
        "timezone": zone,
        "is_expired": is_expired(row["expires_at"], state.stamp),
        "is_redeemable": refusal_reason(row, definition, 1, state.stamp, latest_start(state.stamp, state.switches))
        is None,
        "redemptions_remaining": remaining(definition, row["used"]),
        "total_global_redemptions_remaining": global_remaining(definition),
        "redeem_code_pos": row["redeem_code_pos"] or doc.get("redeem_code_pos"),
        "redeem_code_online": row["redeem_code_online"] or doc.get("redeem_code_online"),
        "value": row["value"],
        "is_combined": False,
        "combine_meta": None,
        "source_id": None,
        "source_type": None,
        "meta": json.loads(row["meta"]) if row["meta"] else None,
        "definition": serialize_definition(state, definition),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
