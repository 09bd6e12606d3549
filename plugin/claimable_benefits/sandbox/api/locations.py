"""Locations: shops that orders and uses of benefits may name (Omneo facts 13.3)."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind, row_id
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, created, no_content, single
from claimable_benefits.sandbox.serializers.locations import LOCATION_FIELDS, serialize_location
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import request_state

bp = Blueprint("locations", __name__)

LIST = ListSource(
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
    return paginate(request_state(), LIST, Filter(), lambda rows: [serialize_location(row) for row in rows])


@bp.post("/locations")
def create_location() -> Response:
    """Create a location; it needs a name."""
    state, form = request_state(), RequestForm(body())
    row = _read(form, None) | {"created_at": state.stamp, "updated_at": state.stamp}
    with state.writing():
        number = store.insert(state.db, "locations", row)
    return created(serialize_location(get_or_404(state, "locations", number)))


@bp.get("/locations/<location_id>")
def read_location(location_id: str) -> Response:
    """Read one location."""
    return single(serialize_location(get_or_404(request_state(), "locations", row_id(location_id))))


@bp.put("/locations/<location_id>")
def update_location(location_id: str) -> Response:
    """Change some fields of a location."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = get_or_404(state, "locations", row_id(location_id))
        store.update(state.db, "locations", row["id"], _read(form, row) | {"updated_at": state.stamp})
    return single(serialize_location(get_or_404(state, "locations", row["id"])))


@bp.delete("/locations/<location_id>")
def delete_location(location_id: str) -> Response:
    """Remove a location; what named it keeps its number."""
    state = request_state()
    with state.writing():
        state.db.execute(
            "DELETE FROM locations WHERE id = ?", (get_or_404(state, "locations", row_id(location_id))["id"],)
        )
    return no_content()


def _read(form: RequestForm, row: sqlite3.Row | None) -> Body:
    columns: Body = {}
    if row is None or form.has("name"):
        columns["name"] = form.text("name", required=True)
    if form.has("external_id"):
        columns["external_id"] = form.text("external_id")
    doc = {name: read_kind(form, name, kind) for name, kind in LOCATION_FIELDS.items() if form.raw(name) is not None}
    form.check()
    return columns | {"doc": json.dumps((json.loads(row["doc"]) if row is not None else {}) | doc)}
