"""The outbox of webhooks, written in the transaction of the event (Omneo facts 12.2)."""

from __future__ import annotations

import ipaddress
import json
import sqlite3
from collections.abc import Callable, Mapping, Set
from urllib.parse import urlsplit

from flask import g, has_app_context

from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.json_logic import is_true
from claimable_benefits.sandbox.serializers.benefits import serialize_benefit
from claimable_benefits.sandbox.serializers.definitions import serialize_definition
from claimable_benefits.sandbox.serializers.profiles import serialize_profile
from claimable_benefits.sandbox.serializers.transactions import serialize_transaction
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState

# Events that the guide names otherwise than the reference does; `benefit.redeemed` is the guide's alone.
_GUIDE = {"benefit.created": "benefit.issued"}
_GUIDE_ONLY = frozenset({"benefit.redeemed"})
_SERIALIZERS: Mapping[str, tuple[str, Callable[[RequestState, sqlite3.Row], Body]]] = {
    "benefit": ("benefits", serialize_benefit),
    "definition": ("definitions", serialize_definition),
    "transaction": ("transactions", serialize_transaction),
}


def event_names(trigger: str, position: str) -> Set[str]:
    """Return the names under which an event is sent, as the switch ``event_names`` says."""
    if position == "guide":
        return {_GUIDE.get(trigger, trigger)}
    if position == "reference":
        return set() if trigger in _GUIDE_ONLY else {trigger}
    return {trigger, _GUIDE.get(trigger, trigger)}


def enqueue(state: RequestState, event_id: int, event: Body) -> None:
    """Insert a delivery for every active webhook that wants an event; call it inside `writing()`."""
    wanted = [*event_names(event["trigger"], state.switches["event_names"]), "", ""][:2]
    hooks = state.db.execute(
        "SELECT * FROM webhooks WHERE is_active AND trigger IN (?, ?) ORDER BY id", wanted
    ).fetchall()
    if not hooks:
        return
    context = _event_body(state, event)
    for hook in hooks:
        if is_true(json.loads(hook["doc"]).get("condition"), context):
            _insert(state, event_id, hook, context)
    if has_app_context():
        g.deliveries_due = True


def is_loopback(url: str) -> bool:
    """Return whether a URL certainly leads to this machine, without a DNS lookup."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _insert(state: RequestState, event_id: int, hook: sqlite3.Row, context: Body) -> None:
    row = {
        "event_id": event_id,
        "webhook_id": hook["id"],
        "trigger": hook["trigger"],
        "url": hook["url"],
        "body": json.dumps({"event": hook["trigger"]} | context),
        "state": "due" if is_loopback(hook["url"]) else "recorded",
        "created_at": state.stamp,
        "updated_at": state.stamp,
    }
    store.insert(state.db, "webhook_deliveries", row)


def _event_body(state: RequestState, event: Body) -> Body:
    """Return what an event carries: the row itself if it is still there, and its profile."""
    subject, number = event["subject"], event["subject_id"]
    person = store.find(state.db, "profiles", event["profile_id"])
    profile = serialize_profile(person) if person is not None else None
    if profile is not None:
        profile |= {"flattened_tags": profile["tags"] or [], "flattened_statuses": profile["statuses"] or []}
    carried = {"id": number, "profile_id": event["profile_id"], "occurred_at": state.stamp, "profile": profile}
    if subject not in _SERIALIZERS:
        return carried
    table, serialize = _SERIALIZERS[subject]
    row = store.find(state.db, table, number)
    return carried | {subject: serialize(state, row) if row is not None else None}
