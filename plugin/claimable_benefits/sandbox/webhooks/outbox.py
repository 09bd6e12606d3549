"""Deliveries: what must be sent to whom, written in the same transaction as the event (Omneo facts 12.2)."""

from __future__ import annotations

import ipaddress
import json
import sqlite3
from collections.abc import Set
from urllib.parse import urlsplit

from flask import g, has_app_context

from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.json_logic import holds
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

# Events that the guide names otherwise than the reference does; `benefit.redeemed` is the guide's alone.
_GUIDE = {"benefit.created": "benefit.issued"}
_GUIDE_ONLY = frozenset({"benefit.redeemed"})


def names(trigger: str, position: str) -> Set[str]:
    """Return the names under which an event is sent, as the switch ``event_names`` says."""
    if position == "guide":
        return {_GUIDE.get(trigger, trigger)}
    if position == "reference":
        return set() if trigger in _GUIDE_ONLY else {trigger}
    return {trigger, _GUIDE.get(trigger, trigger)}


def post(scene: RequestState, event_id: int, event: Body) -> None:
    """Insert a delivery for every active webhook that wants an event; to be called while writing."""
    wanted = [*names(event["trigger"], scene.switches["event_names"]), "", ""][:2]
    hooks = scene.db.execute(
        "SELECT * FROM webhooks WHERE is_active AND trigger IN (?, ?) ORDER BY id", wanted
    ).fetchall()
    if not hooks:
        return
    context = _context(scene, event)
    for hook in hooks:
        if holds(json.loads(hook["doc"]).get("condition"), context):
            _insert(scene, event_id, hook, context)
    if has_app_context():
        g.deliveries_due = True


def is_loopback(url: str) -> bool:
    """Say whether a URL leads to this machine for certain, without asking anybody for an address."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _insert(scene: RequestState, event_id: int, hook: sqlite3.Row, context: Body) -> None:
    row = {
        "event_id": event_id,
        "webhook_id": hook["id"],
        "trigger": hook["trigger"],
        "url": hook["url"],
        "body": json.dumps({"event": hook["trigger"]} | context),
        "state": "due" if is_loopback(hook["url"]) else "recorded",
        "created_at": scene.stamp,
        "updated_at": scene.stamp,
    }
    store.insert(scene.db, "webhook_deliveries", row)


def _context(scene: RequestState, event: Body) -> Body:
    """Return what an event tells: the thing itself if it is still there, and its profile."""
    from claimable_benefits.sandbox.api import (
        benefits,
        definitions,
        profiles,
        transactions,
    )  # they record events themselves

    tables = {"benefit": "benefits", "definition": "definitions", "transaction": "transactions"}
    views = {"benefit": benefits.shown, "definition": definitions.shown, "transaction": transactions.shown}
    subject, number = event["subject"], event["subject_id"]
    row = store.find(scene.db, tables[subject], number) if subject in tables else None
    person = store.find(scene.db, "profiles", event["profile_id"])
    profile = profiles.shown(person) if person is not None else None
    if profile is not None:
        profile |= {"flattened_tags": profile["tags"] or [], "flattened_statuses": profile["statuses"] or []}
    told = {"id": number, "profile_id": event["profile_id"], "occurred_at": scene.stamp, "profile": profile}
    return told | ({subject: views[subject](scene, row) if row is not None else None} if subject in tables else {})
