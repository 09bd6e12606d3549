"""Benefit definitions: what a kind of benefit is (Omneo facts 3 and 13.2), on the paths of both dialects."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind, row_id
from claimable_benefits.sandbox.protocol.error_responses import not_found, refused
from claimable_benefits.sandbox.protocol.list_query import Filter, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, created, no_content, single
from claimable_benefits.sandbox.rules.redemption_rules import PERIODS
from claimable_benefits.sandbox.serializers.definition_fields import FLAGS, FREE, LIST, TIMES, TYPES
from claimable_benefits.sandbox.serializers.definitions import free_fields, serialize_definition
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.state.times import parse_wall
from claimable_benefits.sandbox.webhooks.events import record_event

bp = Blueprint("definitions", __name__)


@bp.get("/benefit-definitions")
@bp.get("/benefits/definitions")
def browse_definitions() -> Response:
    """List definitions."""
    state = request_state()
    return paginate(state, LIST, Filter(), lambda rows: [serialize_definition(state, row) for row in rows])


@bp.post("/benefit-definitions")
@bp.post("/benefits/definitions")
def create_definition() -> Response:
    """Create a definition; name, handle and period are required (16.1)."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = insert_definition(state, form)
    return created(serialize_definition(state, row))


@bp.get("/benefit-definitions/<definition_id>")
@bp.get("/benefits/definitions/<definition_id>")
def read_definition(definition_id: str) -> Response:
    """Read one definition."""
    state = request_state()
    return single(serialize_definition(state, get_or_404(state, "definitions", row_id(definition_id))))


@bp.get("/benefit-definitions/handle/<handle>")
@bp.get("/benefits/definitions/handle/<handle>")
def read_definition_by_handle(handle: str) -> Response:
    """Read one definition by its handle."""
    state = request_state()
    row = find_by_handle(state, handle)
    if row is None:
        raise not_found("benefit definition")
    return single(serialize_definition(state, row))


@bp.put("/benefit-definitions/<definition_id>")
@bp.put("/benefits/definitions/<definition_id>")
def update_definition(definition_id: str) -> Response:
    """Change some fields; the handle stays what it is (16.1)."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = get_or_404(state, "definitions", row_id(definition_id))
        changes = _read(state, form, row) | {"updated_at": state.stamp}
        store.update(state.db, "definitions", row["id"], changes)
        record_event(state, "benefit-definition.updated", "definition", row["id"], None)
    return single(serialize_definition(state, get_or_404(state, "definitions", row["id"])))


@bp.delete("/benefit-definitions/<definition_id>")
@bp.delete("/benefits/definitions/<definition_id>")
def delete_definition(definition_id: str) -> Response:
    """Remove a definition without instances."""
    state = request_state()
    with state.writing():
        row = get_or_404(state, "definitions", row_id(definition_id))
        if state.db.execute("SELECT 1 FROM benefits WHERE definition_id = ?", (row["id"],)).fetchone():
            if state.switches["definition_delete"] == "refuse":
                raise refused(definition="There are benefits of this definition.")
            state.db.execute("DELETE FROM benefits WHERE definition_id = ?", (row["id"],))
        state.db.execute("DELETE FROM definitions WHERE id = ?", (row["id"],))
        record_event(state, "benefit-definition.deleted", "definition", row["id"], None)
    return no_content()


@bp.post("/benefits/definitions/<definition_id>/clone")
def clone_definition(definition_id: str) -> Response:
    """Copy a definition under a new handle, without its counters."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        original = get_or_404(state, "definitions", row_id(definition_id))
        handle = _new_handle(state, form)
        name = form.text("name") or original["name"]
        form.check()
        counted = ("id", "total_global_redemptions", "total_global_created")
        row = {column: original[column] for column in original.keys() if column not in counted}  # noqa: SIM118 - a Row iterates over values
        times = {"created_at": state.stamp, "updated_at": state.stamp}
        number = store.insert(state.db, "definitions", row | times | {"handle": handle, "name": name})
        record_event(state, "benefit-definition.created", "definition", number, None)
    return created(serialize_definition(state, get_or_404(state, "definitions", number)))


def find_by_handle(state: RequestState, handle: str) -> sqlite3.Row | None:
    """Return a definition's row by its handle, or None."""
    row: sqlite3.Row | None = state.db.execute("SELECT * FROM definitions WHERE handle = ?", (handle,)).fetchone()
    return row


def insert_definition(state: RequestState, form: RequestForm) -> sqlite3.Row:
    """Insert a definition; call it inside `writing()`."""
    handle = _new_handle(state, form)
    row = _read(state, form, None) | {"handle": handle, "created_at": state.stamp, "updated_at": state.stamp}
    number = store.insert(state.db, "definitions", row)
    record_event(state, "benefit-definition.created", "definition", number, None)
    return get_or_404(state, "definitions", number)


def _new_handle(state: RequestState, form: RequestForm) -> str | None:
    handle = form.handle("handle", required=True)
    if handle is not None and find_by_handle(state, handle):
        form.add_error("handle", "This handle is taken.")
    return handle


def _read(state: RequestState, form: RequestForm, row: sqlite3.Row | None) -> Body:
    """Return the columns that a body sets, with the defaults for a new one (`row` is None); 422 if any is wrong."""
    new = row is None
    columns: Body = {"period_type": "days", **dict.fromkeys(FLAGS, False)} if new else {}
    if new or form.has("name"):
        columns["name"] = form.text("name", required=True)
    if new or form.has("period"):
        columns["period"] = form.integer("period", required=True, least=0, most=36500)
    for name in ("max_redemptions", "max_global_redemptions"):
        if form.has(name):
            columns[name] = form.integer(name, least=0)
    zone = state.zone if state.switches["claim_period_zone"] == "tenant" else "UTC"
    columns |= {name: form.moment(name, zone) for name in TIMES if form.has(name)}
    columns |= {name: form.boolean(name) or False for name in FLAGS if form.has(name)}
    columns |= {name: form.text(name) for name in ("campaign", "external_id", "absolute_expiry") if form.has(name)}
    if form.has("type"):
        columns["type"] = form.choice("type", TYPES)
    if form.has("period_type"):
        columns["period_type"] = form.choice("period_type", PERIODS) or "days"
    _check_together(state, form, (dict(row) if row is not None else {}) | columns)
    free = {name: read_kind(form, name, kind) for name, kind in FREE.items() if form.has(name)}
    form.check()
    return columns | {"doc": json.dumps(({} if row is None else free_fields(row)) | free)}


def _check_together(state: RequestState, form: RequestForm, row: Body) -> None:
    """Check what one field asks of another (16.2, 16.3)."""
    start, end = row.get("claim_period_start_at"), row.get("claim_period_end_at")
    if start and end and end < start and state.switches["claim_period_order"] == "checked":
        form.add_error("claim_period_end_at", "The claim period ends before it starts.")
    fixed = row.get("absolute_expiry")
    if row["period_type"].startswith("absolute_") and not fixed:
        form.add_error("absolute_expiry", "absolute_expiry is required with an absolute period_type.")
    try:
        parse_wall(fixed or "2000-01-01")
    except ValueError:
        form.add_error("absolute_expiry", "absolute_expiry must be written YYYY-MM-DD or YYYY-MM-DD HH:MM:SS.")
