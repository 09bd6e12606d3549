"""Profiles as answers show them and as conditions read them (Omneo facts 2 and 13.10)."""

from __future__ import annotations

import json
import sqlite3

from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.redemption_rules import ACTIVE
from claimable_benefits.sandbox.state.request_state import RequestState

PROFILE_FIELDS = {
    "title": "text",
    "first_name": "text",
    "last_name": "text",
    "full_name": "text",
    "email": "text",
    "mobile_phone": "text",
    "tier_handle": "text",
    "gender": "text",
    "profile_type": "text",
    "birth_day": "integer",
    "birth_month": "integer",
    "birth_year": "integer",
    "is_completed": "boolean",
    "tags": "strings",
    "statuses": "json",
    "attributes": "json",
    "custom_attributes": "json",
    "meta": "json",
}


def serialize_profile(row: sqlite3.Row) -> Body:
    """Return a profile as answers show it."""
    doc = json.loads(row["doc"])
    name = " ".join(filter(None, (doc.get("first_name"), doc.get("last_name"))))
    tier = row["tier_handle"]
    return {
        "id": row["id"],
        **dict.fromkeys(PROFILE_FIELDS),
        "tags": [],
        "statuses": [],
        "custom_attributes": [],
        "is_completed": False,
        **doc,
        "full_name": doc.get("full_name") or name or None,
        "tier": {"handle": tier, "name": tier.title()} if tier else None,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def summarize_profile(row: sqlite3.Row | None) -> Body | None:
    """Return the few fields of a profile that redemptions and transactions carry."""
    if row is None:
        return None
    full = serialize_profile(row)
    return {name: full[name] for name in ("first_name", "last_name", "full_name", "email", "statuses")}


def condition_context(state: RequestState, profile_id: str) -> Body:
    """Return what a claim or view condition is evaluated against."""
    full = serialize_profile(get_or_404(state, "profiles", profile_id))
    return full | {"reward_balance": 0, "point_balance": 0}


def serialize_balances(state: RequestState, profile_id: str) -> Body:
    """Return the balances of a profile: none of money, and the number of benefits held."""
    count = state.db.execute(
        "SELECT count(*) FROM benefits b JOIN definitions d ON d.id = b.definition_id"  # noqa: S608 - the rule is ours
        f" WHERE b.profile_id = ? AND {ACTIVE}",
        (profile_id, state.stamp),
    ).fetchone()[0]
    nothing: Body = {"reward_balance": 0, "point_balance": 0, "point_balance_dollars": 0, "credit_balance": 0}
    benefit_count = count if state.switches["benefit_balance"] == "count" else 0
    money = nothing | {"benefit_balance": benefit_count, "combined_balance_dollars": 0}
    return money | {"localised": money, "currency": "AUD"}
