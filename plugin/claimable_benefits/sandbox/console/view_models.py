"""What the console's pages show: people, their benefits, and the log of calls."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from claimable_benefits.sandbox.api import claims
from claimable_benefits.sandbox.demo.people import HANDLE
from claimable_benefits.sandbox.protocol.dialects import PREFIX
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.rules.redemption_rules import REDEEMABLE
from claimable_benefits.sandbox.serializers.benefits import serialize_benefits
from claimable_benefits.sandbox.serializers.profiles import serialize_profile
from claimable_benefits.sandbox.serializers.redemptions import items_of
from claimable_benefits.sandbox.state.call_log import LoggedCall
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.state.times import from_stamp

_PEOPLE, _LINES, _CALLS = 200, 50, 30

_UUID = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FAULTS = {
    "latency": "delayed",
    "drip": "sent slowly",
    "refuse": "connection refused",
    "drop": "request dropped",
    "apply_then_drop": "applied, answer dropped",
    "drop_then_apply": "applied late",
    "status": "error status",
    "429": "429",
    "401": "401 for the token",
    "403": "403 for the scope",
    "html": "HTML instead",
    "truncated": "cut in half",
    "wrong_types": "wrong types",
    "paging": "list changed",
}

Values = dict[str, Any]


def people(state: RequestState) -> list[Values]:
    """Return the profiles, each with the number of benefits that can be used now."""
    rows = state.db.execute(
        "SELECT p.*, (SELECT count(*) FROM benefits b JOIN definitions d ON d.id = b.definition_id"  # noqa: S608 - ours
        f" WHERE b.profile_id = p.id AND {REDEEMABLE}) AS usable"
        " FROM profiles p ORDER BY p.created_at, p.rowid LIMIT ?",
        (state.stamp, state.stamp, _PEOPLE),
    ).fetchall()
    return [_person(state, row) | {"usable": row["usable"]} for row in rows]


def person(state: RequestState, profile_id: str) -> Values:
    """Return one profile with its benefits, usable and newest first, or raise 404."""
    row = get_or_404(state, "profiles", profile_id)
    rows = state.db.execute("SELECT * FROM benefits WHERE profile_id = ? ORDER BY id DESC", (profile_id,)).fetchall()
    kinds = state.db.execute("SELECT * FROM definitions WHERE NOT is_archived ORDER BY name").fetchall()
    shown = [_benefit(state, one) for one in serialize_benefits(state, rows)]
    return _person(state, row) | {
        "benefits": sorted(shown, key=lambda one: not one["usable"])[:_LINES],
        "claimable": [kind["name"] for kind in kinds if claims.is_claimable(state, kind, profile_id)],
        "kinds": [{"handle": kind["handle"], "name": kind["name"]} for kind in kinds],
        "redemptions": [_redemption(state, one) for one in _rows(state, "redemptions", profile_id)],
        "transactions": [_transaction(state, one) for one in _rows(state, "transactions", profile_id)],
    }


def call(state: RequestState, one: LoggedCall) -> Values:
    """Return a call as a line of the log, with its bodies."""
    lost = one.status is None
    return {
        "id": one.id,
        "at": one.at.astimezone(ZoneInfo(state.zone)).strftime("%H:%M:%S"),
        "method": one.method,
        "path": one.path + (f"?{one.query}" if one.query else ""),
        "brief": _UUID.sub(r"\1…", one.path.removeprefix(PREFIX)),
        "status": "no answer" if lost else str(one.status),
        "tone": "bad" if lost or (one.status or 0) >= 500 else "odd" if (one.status or 0) >= 400 else "good",
        "took": f"{one.seconds * 1000:.0f} ms",
        "reference": one.reference,
        "faults": [_FAULTS.get(name, name) for name in one.faults],
        "request": _pretty(one.request),
        "answer": _pretty(one.answer),
    }


def calls(state: RequestState, kept: list[LoggedCall]) -> list[Values]:
    """Return the latest calls, newest first."""
    return [call(state, one) for one in reversed(kept[-_CALLS:])]


def wall(state: RequestState, moment: str | datetime | None) -> str:
    """Return a time on the tenant's wall clock, as people write it."""
    if moment is None:
        return "never"
    aware = from_stamp(moment) if isinstance(moment, str) else moment
    local = aware.astimezone(ZoneInfo(state.zone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def _person(state: RequestState, row: sqlite3.Row) -> Values:
    full = serialize_profile(row)
    identity = state.db.execute(
        "SELECT identifier FROM identities WHERE profile_id = ? ORDER BY handle <> ?, id", (row["id"], HANDLE)
    ).fetchone()
    return {
        "id": row["id"],
        "name": full["full_name"] or full["email"] or row["id"][:8],
        "tier": full["tier_handle"],
        "customer": identity["identifier"] if identity is not None else None,
        "email": full["email"],
    }


def _benefit(state: RequestState, one: Values) -> Values:
    left = one["redemptions_remaining"]
    if one["is_redeemable"]:
        condition, tone = "Usable", "good"
    elif one["is_expired"]:
        condition, tone = "Expired", "dim"
    elif left == 0:
        condition, tone = "Used up", "dim"
    else:
        condition, tone = "Not usable", "odd"
    return {
        "id": one["id"],
        "name": one["definition"]["name"],
        "state": condition,
        "tone": tone,
        "usable": one["is_redeemable"],
        "left": "any number of uses" if left is None else f"{left} {'use' if left == 1 else 'uses'} left",
        "ends": wall(state, one["expires_at"]),
        "origin": "Claimed" if one["claimed_at"] else "Issued",
        "since": wall(state, one["issued_at"]),
        "code": one["redeem_code_online"],
    }


def _redemption(state: RequestState, row: sqlite3.Row) -> Values:
    named = []
    for item in items_of(state, row["id"]):
        benefit = state.db.execute("SELECT definition_id FROM benefits WHERE id = ?", (item["benefit_id"],)).fetchone()
        named.append(
            get_or_404(state, "definitions", benefit["definition_id"])["name"] if benefit is not None else "a benefit"
        )
    words = {"redeem": "Used", "reversal": "Reversed", "return": "Returned"}
    return {
        "id": row["id"],
        "what": words[row["type"]],
        "tone": "good" if row["type"] == "redeem" and row["reversed_by"] is None else "dim",
        "is_reversed": row["reversed_by"] is not None,
        "benefits": ", ".join(named),
        "reference": row["external_id"] or row["transaction_external_id"],
        "transaction": row["transaction_id"],
        "at": wall(state, row["created_at"]),
    }


def _transaction(state: RequestState, row: sqlite3.Row) -> Values:
    return {
        "id": row["id"],
        "reference": row["external_id"],
        "total": f"{row['total']:.2f}",
        "redemption": row["redemption_id"],
        "void": bool(row["is_void"]),
        "at": wall(state, row["transacted_at"]),
    }


def _rows(state: RequestState, table: str, profile_id: str) -> list[sqlite3.Row]:
    return state.db.execute(
        f"SELECT * FROM {table} WHERE profile_id = ? ORDER BY id DESC LIMIT ?",  # noqa: S608 - names are ours
        (profile_id, _LINES),
    ).fetchall()


def _pretty(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
