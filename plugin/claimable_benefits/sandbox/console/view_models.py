"""What the console shows, as plain values: people, what they hold, and the calls as they come."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from claimable_benefits.sandbox.api import benefits, claims, definitions, profiles, redemption_views
from claimable_benefits.sandbox.demo.people import HANDLE
from claimable_benefits.sandbox.protocol.dialects import PREFIX
from claimable_benefits.sandbox.rules.redemption_rules import REDEEMABLE
from claimable_benefits.sandbox.state.call_log import LoggedCall
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.state.times import from_stamp

_PEOPLE, _LINES, _CALLS = 200, 50, 30

_UUID = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FAULTS = {
    "latency": "delayed",
    "drip": "sent bit by bit",
    "refuse": "connection refused",
    "drop": "lost on its way",
    "apply_then_drop": "applied, answer lost",
    "zombie": "applied late",
    "status": "an error on purpose",
    "429": "told to wait",
    "401": "token turned away",
    "403": "scope turned away",
    "html": "a web page instead",
    "truncated": "cut in half",
    "wrong_types": "wrong types",
    "paging": "list changed meanwhile",
}

Values = dict[str, Any]


def people(scene: RequestState) -> list[Values]:
    """Return the profiles, each with the number of benefits that can be used now."""
    rows = scene.db.execute(
        "SELECT p.*, (SELECT count(*) FROM benefits b JOIN definitions d ON d.id = b.definition_id"  # noqa: S608 - ours
        f" WHERE b.profile_id = p.id AND {REDEEMABLE}) AS ready FROM profiles p ORDER BY p.created_at, p.rowid LIMIT ?",
        (scene.stamp, scene.stamp, _PEOPLE),
    ).fetchall()
    return [_person(scene, row) | {"ready": row["ready"]} for row in rows]


def person(scene: RequestState, profile_id: str) -> Values:
    """Return one profile with what Omneo believes of it, usable and newest first; 404 when there is none."""
    row = profiles.known(scene, profile_id)
    held = scene.db.execute("SELECT * FROM benefits WHERE profile_id = ? ORDER BY id DESC", (profile_id,)).fetchall()
    kinds = scene.db.execute("SELECT * FROM definitions WHERE NOT is_archived ORDER BY name").fetchall()
    shown = [_benefit(scene, one) for one in benefits.shown_all(scene, held)]
    return _person(scene, row) | {
        "benefits": sorted(shown, key=lambda one: not one["ready"])[:_LINES],
        "claimable": [kind["name"] for kind in kinds if claims.is_claimable(scene, kind, profile_id)],
        "kinds": [{"handle": kind["handle"], "name": kind["name"]} for kind in kinds],
        "redemptions": [_redemption(scene, one) for one in _rows(scene, "redemptions", profile_id)],
        "transactions": [_transaction(scene, one) for one in _rows(scene, "transactions", profile_id)],
    }


def call(scene: RequestState, one: LoggedCall) -> Values:
    """Return a call as a line of the ledger, with its bodies for those who look closer."""
    lost = one.status is None
    return {
        "id": one.id,
        "at": one.at.astimezone(ZoneInfo(scene.zone)).strftime("%H:%M:%S"),
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


def calls(scene: RequestState, kept: list[LoggedCall]) -> list[Values]:
    """Return the latest calls, newest first."""
    return [call(scene, one) for one in reversed(kept[-_CALLS:])]


def wall(scene: RequestState, moment: str | datetime | None) -> str:
    """Return a time on the tenant's wall clock, as people write it."""
    if moment is None:
        return "never"
    aware = from_stamp(moment) if isinstance(moment, str) else moment
    local = aware.astimezone(ZoneInfo(scene.zone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def _person(scene: RequestState, row: sqlite3.Row) -> Values:
    full = profiles.shown(row)
    held = scene.db.execute(
        "SELECT identifier FROM identities WHERE profile_id = ? ORDER BY handle <> ?, id", (row["id"], HANDLE)
    ).fetchone()
    return {
        "id": row["id"],
        "name": full["full_name"] or full["email"] or row["id"][:8],
        "tier": full["tier_handle"],
        "customer": held["identifier"] if held is not None else None,
        "email": full["email"],
    }


def _benefit(scene: RequestState, one: Values) -> Values:
    left = one["redemptions_remaining"]
    if one["is_redeemable"]:
        state, tone = "Ready", "good"
    elif one["is_expired"]:
        state, tone = "Expired", "dim"
    elif left == 0:
        state, tone = "Used up", "dim"
    else:
        state, tone = "Not usable", "odd"
    return {
        "id": one["id"],
        "name": one["definition"]["name"],
        "state": state,
        "tone": tone,
        "ready": one["is_redeemable"],
        "left": "any number of uses" if left is None else f"{left} {'use' if left == 1 else 'uses'} left",
        "ends": wall(scene, one["expires_at"]),
        "came": "Claimed" if one["claimed_at"] else "Issued",
        "since": wall(scene, one["issued_at"]),
        "code": one["redeem_code_online"],
    }


def _redemption(scene: RequestState, row: sqlite3.Row) -> Values:
    named = []
    for item in redemption_views.items_of(scene, row["id"]):
        held = scene.db.execute("SELECT definition_id FROM benefits WHERE id = ?", (item["benefit_id"],)).fetchone()
        named.append(definitions.known(scene, held["definition_id"])["name"] if held is not None else "a benefit")
    words = {"redeem": "Used", "reversal": "Reversed", "return": "Returned"}
    return {
        "id": row["id"],
        "what": words[row["type"]],
        "tone": "good" if row["type"] == "redeem" and row["reversed_by"] is None else "dim",
        "undone": row["reversed_by"] is not None,
        "names": ", ".join(named),
        "reference": row["external_id"] or row["transaction_external_id"],
        "transaction": row["transaction_id"],
        "at": wall(scene, row["created_at"]),
    }


def _transaction(scene: RequestState, row: sqlite3.Row) -> Values:
    return {
        "id": row["id"],
        "reference": row["external_id"],
        "total": f"{row['total']:.2f}",
        "redemption": row["redemption_id"],
        "void": bool(row["is_void"]),
        "at": wall(scene, row["transacted_at"]),
    }


def _rows(scene: RequestState, table: str, profile_id: str) -> list[sqlite3.Row]:
    return scene.db.execute(
        f"SELECT * FROM {table} WHERE profile_id = ? ORDER BY id DESC LIMIT ?",  # noqa: S608 - names are ours
        (profile_id, _LINES),
    ).fetchall()


def _pretty(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
