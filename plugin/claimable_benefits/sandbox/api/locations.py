"""Locations: shops that orders and uses of benefits may name (Omneo facts 13.3)."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind, row_id
from claimable_benefits.sandbox.protocol.error_responses import missing
from claimable_benefits.sandbox.protocol.list_query import Filter, Source, page
from claimable_benefits.sandbox.protocol.responses import Body, created, gone, one
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state

bp = Blueprint("locations", __name__)

FREE = {
    "type": "text",
    "description": "prose",
    "phone": "text",
    "email": "text",
    "timezone": "text",
    "is_published": "flag",
    "is_permanently_closed": "flag",
    "meta": "json",
}
_FLAGS = {"is_published": True, "is_permanently_closed": False}
LIST = Source(
    "locations l",
    "l.*",
    {
        "id": ("l.id", "number"),
        "name": ("l.name", "text"),
        "external_id": ("l.external_id", "text"),
        "type": ("json_extract(l.doc, '$.type')", "text"),
        "created_at": ("l.created_at", "time"),
        "updated_at": ("l.updated_at", "time"),
    },
)


@bp.get("/locations")
def browse_locations() -> Response:
    """List locations."""
    return page(request_state(), LIST, Filter(), lambda rows: [shown(row) for row in rows])


@bp.post("/locations")
def create_location() -> Response:
    """Make a location; it needs a name."""
    here, form = request_state(), RequestForm(body())
    row = _read(form, None) | {"created_at": here.stamp, "updated_at": here.stamp}
    with here.writing():
        number = store.insert(here.db, "locations", row)
    return created(shown(known(here, number)))


@bp.get("/locations/<location_id>")
def read_location(location_id: str) -> Response:
    """Read one location."""
    return one(shown(known(request_state(), row_id(location_id))))


@bp.put("/locations/<location_id>")
def update_location(location_id: str) -> Response:
    """Change some fields of a location."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = known(here, row_id(location_id))
        store.update(here.db, "locations", row["id"], _read(form, row) | {"updated_at": here.stamp})
    return one(shown(known(here, row["id"])))


@bp.delete("/locations/<location_id>")
def delete_location(location_id: str) -> Response:
    """Remove a location; what named it keeps its number."""
    here = request_state()
    with here.writing():
        here.db.execute("DELETE FROM locations WHERE id = ?", (known(here, row_id(location_id))["id"],))
    return gone()


def known(scene: RequestState, location_id: int) -> sqlite3.Row:
    """Return a location's row, or raise 404."""
    row = store.find(scene.db, "locations", location_id)
    if row is None:
        raise missing("location")
    return row


def shown(row: sqlite3.Row) -> Body:
    """Return a location as answers show it."""
    facts = {name: row[name] for name in ("id", "name", "external_id", "created_at", "updated_at")}
    return {**dict.fromkeys(FREE), **_FLAGS, **json.loads(row["doc"]), **facts}


def at(scene: RequestState, location_id: int | None) -> Body | None:
    """Return the location that something names, or None when there is no such one."""
    row = store.find(scene.db, "locations", location_id) if location_id is not None else None
    return shown(row) if row is not None else None


def briefly(scene: RequestState, location_id: int | None) -> Body | None:
    """Return the few fields of a location that a redemption's transaction carries."""
    full = at(scene, location_id)
    return {name: full[name] for name in ("id", "name", "external_id")} if full is not None else None


def _read(form: RequestForm, row: sqlite3.Row | None) -> Body:
    columns: Body = {}
    if row is None or form.has("name"):
        columns["name"] = form.text("name", required=True)
    if form.has("external_id"):
        columns["external_id"] = form.text("external_id")
    doc = {name: read_kind(form, name, kind) for name, kind in FREE.items() if form.anything(name) is not None}
    form.check()
    return columns | {"doc": json.dumps((json.loads(row["doc"]) if row is not None else {}) | doc)}
