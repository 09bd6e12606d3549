"""Redemptions as answers show them (Omneo facts 13.3 and 13.4)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.serializers.benefits import serialize_benefit
from claimable_benefits.sandbox.serializers.locations import serialize_location_of, summarize_location
from claimable_benefits.sandbox.serializers.profiles import serialize_balances, summarize_profile
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState


def items_of(state: RequestState, redemption_id: int) -> list[sqlite3.Row]:
    """Return the rows of what a redemption used."""
    found = state.db.execute("SELECT * FROM redemption_items WHERE redemption_id = ? ORDER BY id", (redemption_id,))
    return found.fetchall()


def serialize_redemption(state: RequestState, row: sqlite3.Row) -> Body:
    """Return a redemption as answers show it; external_id is among its fields only where a switch says so (13.3)."""
    shown = {"external_id": row["external_id"]} if state.switches["redemption_reference"] == "shown" else {}
    return {
        "id": row["id"],
        **shown,
        "profile_id": row["profile_id"],
        "profile": summarize_profile(store.find(state.db, "profiles", row["profile_id"])),
        "type": row["type"],
        "total": 0,
        "total_localised": 0,
        "meta": json.loads(row["meta"]) if row["meta"] else None,
        "location_id": row["location_id"],
        "location": serialize_location_of(state, row["location_id"]),
        "transaction_id": row["transaction_id"],
        "transaction": _transaction(state, row["transaction_id"]),
        "redeem_at": state.serialize_time(row["redeem_at"], row["timezone"]),
        "items": [serialize_item(state, part) for part in items_of(state, row["id"])],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def serialize_successful_redemption(state: RequestState, row: sqlite3.Row) -> Body:
    """Return a redemption as a strategy, a return or a reversal answers it (13.4)."""
    return {
        "id": row["id"],
        "profile_id": row["profile_id"],
        "type": row["type"],
        "total": 0,
        "total_localised": 0,
        "location_id": row["location_id"],
        "location": serialize_location_of(state, row["location_id"]),
        "meta": json.loads(row["meta"]) if row["meta"] else None,
        "transaction_external_id": row["transaction_external_id"],
        "transaction_receipt_ref": row["transaction_receipt_ref"],
        "currency": {"id": 1, "from": "AUD", "to": "AUD", "rate": 1, "is_system": True},
        "balances": serialize_balances(state, row["profile_id"]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def serialize_item(state: RequestState, row: sqlite3.Row) -> Body:
    """Return an item of a redemption as answers show it."""
    benefit = store.find(state.db, "benefits", row["benefit_id"])
    return {
        "id": row["id"],
        "type": "benefit",
        "value": None,
        "count": row["count"],
        "type_attributes": serialize_benefit(state, benefit) if benefit is not None else None,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _transaction(state: RequestState, transaction_id: int | None) -> Body | None:
    row = store.find(state.db, "transactions", transaction_id) if transaction_id else None
    if row is None:
        return None
    return {
        "external_id": row["external_id"],
        "receipt_ref": row["receipt_ref"],
        "transacted_at": state.serialize_time(row["transacted_at"], row["timezone"]),
        "total": row["total"],
        "location": summarize_location(state, row["location_id"]),
    }


def summarize_redemptions(state: RequestState, rows: Iterable[sqlite3.Row]) -> list[Body]:
    """Return redemptions as transactions carry them."""
    names = ("id", "type", "total", "total_localised", "location_id", "location")
    return [
        {name: full[name] for name in names}
        | {"items": [{n: i[n] for n in ("id", "type", "count")} for i in full["items"]]}
        for full in (serialize_redemption(state, row) for row in rows)
    ]
