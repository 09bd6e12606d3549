"""Transactions as answers show them (Omneo facts 13.5)."""

from __future__ import annotations

import json
import sqlite3

from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.serializers.locations import serialize_location_of
from claimable_benefits.sandbox.serializers.redemptions import summarize_redemptions
from claimable_benefits.sandbox.serializers.transaction_fields import COLUMNS, FREE
from claimable_benefits.sandbox.serializers.transaction_lines import serialize_line
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

# What answers carry of tills, tiers and currencies, which the sandbox does not keep.
_CONSTANTS: Body = {
    **dict.fromkeys(("claimed_at", "staff", "organisation")),
    **dict.fromkeys(("currency_id", "currency_rate"), 1),
    **{name: [] for name in ("currency_values", "tier_points")},
}


def serialize_transaction(state: RequestState, row: sqlite3.Row) -> Body:
    """Return a transaction as answers show it."""
    doc, profile = json.loads(row["doc"]), store.find(state.db, "profiles", row["profile_id"])
    redemption = store.find(state.db, "redemptions", row["redemption_id"]) if row["redemption_id"] else None
    reversed_ones = [redemption] if redemption is not None and redemption["reversed_by"] else []
    items, payments = doc.pop("items", None), doc.pop("payments", None)
    return {
        "id": row["id"],
        **{name: row[name] for name in COLUMNS},
        "profile_id": row["profile_id"],
        "profile": {"email": profile["email"]} if profile is not None else None,
        "total": _plain(row["total"]),
        **dict.fromkeys(FREE),
        "systems": [],
        "tags": [],
        "currency": "AUD",
        **_CONSTANTS,
        **doc,
        "payments": _serialize_payments(payments),
        "total_converted": _plain(row["total"]),
        "transacted_at": state.serialize_time(row["transacted_at"], row["timezone"]),
        "timezone": row["timezone"],
        "is_void": bool(row["is_void"]),
        "redemption": summarize_redemptions(state, [redemption])[0] if redemption is not None else None,
        "reversed_redemptions": summarize_redemptions(state, reversed_ones),
        "location": serialize_location_of(state, row["location_id"]),
        "items": [serialize_line(state, item, row) for item in items or []],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _plain(total: float) -> float | int:
    return int(total) if float(total).is_integer() else total


def _serialize_payments(payments: object) -> object:
    """Return payments as answers show them: a name that was sent alone becomes an object (13.5)."""
    if not isinstance(payments, list):
        return payments
    return [
        {"id": place, "payment_code": part, "tender_value": None} if isinstance(part, str) else part
        for place, part in enumerate(payments, 1)
    ]
