"""Webhooks: which URL gets which event (Omneo facts 12.2)."""

from __future__ import annotations

import json
import re
import sqlite3
from urllib.parse import urlsplit

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, created, no_content, single
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import request_state

bp = Blueprint("webhooks", __name__)

_TRIGGER = re.compile(r"[A-Za-z0-9._-]{1,255}")  # the server does not know its own events by name, says the SDK
FREE = {"retry_hourly": False, "retry_daily": False, "condition": None, "extra_data_template": None}
LIST = ListSource(
    "webhooks w",
    "w.*",
    {
        "id": ("w.id", "number"),
        **{name: (f"w.{name}", "text") for name in ("trigger", "url", "namespace", "queue")},
        "is_active": ("w.is_active", "boolean"),
        "created_at": ("w.created_at", "time"),
        "updated_at": ("w.updated_at", "time"),
    },
)


@bp.get("/webhooks")
def browse_webhooks() -> Response:
    """List webhooks."""
    return paginate(request_state(), LIST, Filter(), lambda rows: [serialize_webhook(row) for row in rows])


@bp.post("/webhooks")
def create_webhook() -> Response:
    """Subscribe to an event: ``{trigger, url, namespace}``."""
    state, form = request_state(), RequestForm(body())
    usual = {"is_active": True, "queue": "default", "namespace": form.text("namespace", required=True)}
    row = usual | _read(form, None) | {"created_at": state.stamp, "updated_at": state.stamp}
    with state.writing():
        number = store.insert(state.db, "webhooks", row)
    return created(serialize_webhook(get_or_404(state, "webhooks", number)))


@bp.get("/webhooks/<webhook_id>")
def read_webhook(webhook_id: str) -> Response:
    """Read one webhook."""
    return single(serialize_webhook(get_or_404(request_state(), "webhooks", row_id(webhook_id))))


@bp.put("/webhooks/<webhook_id>")
def update_webhook(webhook_id: str) -> Response:
    """Change some fields; the namespace stays what it is."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = get_or_404(state, "webhooks", row_id(webhook_id))
        store.update(state.db, "webhooks", row["id"], _read(form, row) | {"updated_at": state.stamp})
    return single(serialize_webhook(get_or_404(state, "webhooks", row["id"])))


@bp.delete("/webhooks/<webhook_id>")
def delete_webhook(webhook_id: str) -> Response:
    """Remove a webhook; what is due already is still sent."""
    state = request_state()
    with state.writing():
        state.db.execute(
            "DELETE FROM webhooks WHERE id = ?", (get_or_404(state, "webhooks", row_id(webhook_id))["id"],)
        )
    return no_content()


def serialize_webhook(row: sqlite3.Row) -> Body:
    """Return a webhook as answers show it."""
    columns = {name: row[name] for name in row.keys() if name != "doc"}  # noqa: SIM118 - a Row iterates over values
    return {**FREE, **json.loads(row["doc"]), **columns, "is_active": bool(row["is_active"])}


def _read(form: RequestForm, row: sqlite3.Row | None) -> Body:
    columns: Body = {}
    new = row is None
    if new or form.has("trigger"):
        columns["trigger"] = form.text("trigger", required=True)
        if columns["trigger"] and not _TRIGGER.fullmatch(columns["trigger"]):
            form.add_error("trigger", "trigger may hold letters, digits, dots, dashes and underscores only.")
    if new or form.has("url"):
        columns["url"] = form.text("url", required=True, limit=2000)
        if columns["url"] and not _is_web(columns["url"]):
            form.add_error("url", "url must start with http:// or https:// and name a host.")
    flags = {name: form.boolean(name) for name in ("is_active", "retry_hourly", "retry_daily")}
    if flags["is_active"] is not None:
        columns["is_active"] = flags.pop("is_active")
    if form.has("queue"):
        columns["queue"] = form.choice("queue", ("low", "default", "high")) or "default"
    doc = {name: form.raw(name) for name in ("condition", "extra_data_template") if form.has(name)}
    doc |= {name: flag for name, flag in flags.items() if flag is not None}
    form.check()
    return columns | {"doc": json.dumps((json.loads(row["doc"]) if row is not None else {}) | doc)}


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
