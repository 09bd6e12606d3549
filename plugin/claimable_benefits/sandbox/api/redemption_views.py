"""Redemptions as answers show them (Omneo facts 13.3 and 13.4)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from claimable_benefits.sandbox.api import benefits, locations, profiles
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState


def items_of(scene: RequestState, redemption_id: int) -> list[sqlite3.Row]:
    """Return the rows of what a redemption used."""
    found = scene.db.execute("SELECT * FROM redemption_items WHERE redemption_id = ? ORDER BY id", (redemption_id,))
    return found.fetchall()


def shown(scene: RequestState, row: sqlite3.Row) -> Body:
    """Return a redemption as answers show it; external_id is not among its fields (13.3)."""
    return {
        "id": row["id"],
        "profile_id": row["profile_id"],
        "profile": profiles.brief(store.find(scene.db, "profiles", row["profile_id"])),
        "type": row["type"],
        "total": 0,
        "total_localised": 0,
        "meta": json.loads(row["meta"]) if row["meta"] else None,
        "location_id": row["location_id"],
        "location": locations.at(scene, row["location_id"]),
        "transaction_id": row["transaction_id"],
        "transaction": _transaction(scene, row["transaction_id"]),
        "redeem_at": scene.shown(row["redeem_at"], row["timezone"]),
        "items": [item(scene, part) for part in items_of(scene, row["id"])],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def successful(scene: RequestState, row: sqlite3.Row) -> Body:
    """Return a redemption as a strategy, a return or a reversal answers it (13.4)."""
    return {
        "id": row["id"],
        "profile_id": row["profile_id"],
        "type": row["type"],
        "total": 0,
        "total_localised": 0,
        "location_id": row["location_id"],
        "location": locations.at(scene, row["location_id"]),
        "meta": json.loads(row["meta"]) if row["meta"] else None,
        "transaction_external_id": row["transaction_external_id"],
        "transaction_receipt_ref": row["transaction_receipt_ref"],
        "currency": {"id": 1, "from": "AUD", "to": "AUD", "rate": 1, "is_system": True},
        "balances": profiles.balances(scene, row["profile_id"]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def item(scene: RequestState, row: sqlite3.Row) -> Body:
    """Return an item of a redemption as answers show it."""
    benefit = store.find(scene.db, "benefits", row["benefit_id"])
    return {
        "id": row["id"],
        "type": "benefit",
        "value": None,
        "count": row["count"],
        "type_attributes": benefits.shown(scene, benefit) if benefit is not None else None,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _transaction(scene: RequestState, transaction_id: int | None) -> Body | None:
    row = store.find(scene.db, "transactions", transaction_id) if transaction_id else None
    if row is None:
        return None
    return {
        "external_id": row["external_id"],
        "receipt_ref": row["receipt_ref"],
        "transacted_at": scene.shown(row["transacted_at"], row["timezone"]),
        "total": row["total"],
        "location": locations.briefly(scene, row["location_id"]),
    }


def briefly(scene: RequestState, rows: Iterable[sqlite3.Row]) -> list[Body]:
    """Return redemptions as transactions carry them."""
    names = ("id", "type", "total", "total_localised", "location_id", "location")
    return [
        {name: full[name] for name in names}
        | {"items": [{n: i[n] for n in ("id", "type", "count")} for i in full["items"]]}
        for full in (shown(scene, row) for row in rows)
    ]
