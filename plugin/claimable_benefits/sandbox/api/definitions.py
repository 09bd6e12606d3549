"""Benefit definitions: what a kind of benefit is (Omneo facts 3 and 13.2), on the paths of both dialects."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind, row_id
from claimable_benefits.sandbox.protocol.error_responses import missing, refused
from claimable_benefits.sandbox.protocol.list_query import Filter, page
from claimable_benefits.sandbox.protocol.responses import Body, created, gone, one
from claimable_benefits.sandbox.rules.redemption_rules import PERIODS, global_remaining
from claimable_benefits.sandbox.serializers.definition_fields import FLAGS, FREE, LIST, TIMES, TYPES
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.state.times import parse_wall
from claimable_benefits.sandbox.webhooks import events

bp = Blueprint("definitions", __name__)


@bp.get("/benefit-definitions")
@bp.get("/benefits/definitions")
def browse_definitions() -> Response:
    """List definitions."""
    here = request_state()
    return page(here, LIST, Filter(), lambda rows: [shown(here, row) for row in rows])


@bp.post("/benefit-definitions")
@bp.post("/benefits/definitions")
def create_definition() -> Response:
    """Make a definition; name, handle and period are required (16.1)."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = add(here, form)
    return created(shown(here, row))


@bp.get("/benefit-definitions/<definition_id>")
@bp.get("/benefits/definitions/<definition_id>")
def read_definition(definition_id: str) -> Response:
    """Read one definition."""
    here = request_state()
    return one(shown(here, known(here, row_id(definition_id))))


@bp.get("/benefit-definitions/handle/<handle>")
@bp.get("/benefits/definitions/handle/<handle>")
def read_definition_by_handle(handle: str) -> Response:
    """Read one definition by its handle."""
    here = request_state()
    row = by_handle(here, handle)
    if row is None:
        raise missing("benefit definition")
    return one(shown(here, row))


@bp.put("/benefit-definitions/<definition_id>")
@bp.put("/benefits/definitions/<definition_id>")
def update_definition(definition_id: str) -> Response:
    """Change some fields; the handle stays what it is (16.1)."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = known(here, row_id(definition_id))
        changes = _read(here, form, row) | {"updated_at": here.stamp}
        store.update(here.db, "definitions", row["id"], changes)
        events.record(here, "benefit-definition.updated", "definition", row["id"], None)
    return one(shown(here, known(here, row["id"])))


@bp.delete("/benefit-definitions/<definition_id>")
@bp.delete("/benefits/definitions/<definition_id>")
def delete_definition(definition_id: str) -> Response:
    """Remove a definition of which nobody holds an instance."""
    here = request_state()
    with here.writing():
        row = known(here, row_id(definition_id))
        if here.db.execute("SELECT 1 FROM benefits WHERE definition_id = ?", (row["id"],)).fetchone():
            if here.switches["definition_delete"] == "refuse":
                raise refused(definition="There are benefits of this definition.")
            here.db.execute("DELETE FROM benefits WHERE definition_id = ?", (row["id"],))
        here.db.execute("DELETE FROM definitions WHERE id = ?", (row["id"],))
        events.record(here, "benefit-definition.deleted", "definition", row["id"], None)
    return gone()


@bp.post("/benefits/definitions/<definition_id>/clone")
def clone_definition(definition_id: str) -> Response:
    """Copy a definition under a new handle, without its counters."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        original = known(here, row_id(definition_id))
        handle = _new_handle(here, form)
        name = form.text("name") or original["name"]
        form.check()
        counted = ("id", "total_global_redemptions", "total_global_created")
        row = {column: original[column] for column in original.keys() if column not in counted}  # noqa: SIM118 - a Row iterates over values
        times = {"created_at": here.stamp, "updated_at": here.stamp}
        number = store.insert(here.db, "definitions", row | times | {"handle": handle, "name": name})
        events.record(here, "benefit-definition.created", "definition", number, None)
    return created(shown(here, known(here, number)))


def known(scene: RequestState, definition_id: int) -> sqlite3.Row:
    """Return a definition's row, or raise 404."""
    row = store.find(scene.db, "definitions", definition_id)
    if row is None:
        raise missing("benefit definition")
    return row


def by_handle(scene: RequestState, handle: str) -> sqlite3.Row | None:
    """Return a definition's row by its handle, or None."""
    row: sqlite3.Row | None = scene.db.execute("SELECT * FROM definitions WHERE handle = ?", (handle,)).fetchone()
    return row


def add(scene: RequestState, form: RequestForm) -> sqlite3.Row:
    """Insert a definition; to be called while writing."""
    handle = _new_handle(scene, form)
    row = _read(scene, form, None) | {"handle": handle, "created_at": scene.stamp, "updated_at": scene.stamp}
    number = store.insert(scene.db, "definitions", row)
    events.record(scene, "benefit-definition.created", "definition", number, None)
    return known(scene, number)


def shown(scene: RequestState, row: sqlite3.Row) -> Body:
    """Return a definition as answers show it."""
    doc = json.loads(row["doc"])
    total, free = _pool(scene, row)
    return {
        **dict.fromkeys(FREE),
        **{name: row[name] for name in row.keys() if name != "doc"},  # noqa: SIM118 - a Row iterates over values
        **dict.fromkeys(("is_assignable", "is_reassignable", "allow_user_redeem"), False),
        "tags": [],
        **doc,
        **{name: bool(row[name]) for name in FLAGS},
        "total_global_redemptions_remaining": global_remaining(row),
        "total_allocations": total,
        "total_allocations_remaining": free,
    }


def doc_of(row: sqlite3.Row) -> Body:
    """Return the free fields of a definition."""
    doc: Body = json.loads(row["doc"])
    return doc


def _new_handle(scene: RequestState, form: RequestForm) -> str | None:
    handle = form.handle("handle", required=True)
    if handle is not None and by_handle(scene, handle):
        form.fault("handle", "This handle is taken.")
    return handle


def _read(scene: RequestState, form: RequestForm, row: sqlite3.Row | None) -> Body:
    """Return the columns that a body sets, with the defaults for a new one (`row` is None); 422 if any is wrong."""
    new = row is None
    columns: Body = {"period_type": "days", **dict.fromkeys(FLAGS, False)} if new else {}
    if new or form.has("name"):
        columns["name"] = form.text("name", required=True)
    if new or form.has("period"):
        columns["period"] = form.whole("period", required=True, least=0, most=36500)
    for name in ("max_redemptions", "max_global_redemptions"):
        if form.has(name):
            columns[name] = form.whole(name, least=0)
    zone = scene.zone if scene.switches["claim_period_zone"] == "tenant" else "UTC"
    columns |= {name: form.moment(name, zone) for name in TIMES if form.has(name)}
    columns |= {name: form.flag(name) or False for name in FLAGS if form.has(name)}
    columns |= {name: form.text(name) for name in ("campaign", "external_id", "absolute_expiry") if form.has(name)}
    if form.has("type"):
        columns["type"] = form.choice("type", TYPES)
    if form.has("period_type"):
        columns["period_type"] = form.choice("period_type", PERIODS) or "days"
    _check_together(scene, form, (dict(row) if row is not None else {}) | columns)
    free = {name: read_kind(form, name, kind) for name, kind in FREE.items() if form.has(name)}
    form.check()
    return columns | {"doc": json.dumps(({} if row is None else doc_of(row)) | free)}


def _check_together(scene: RequestState, form: RequestForm, row: Body) -> None:
    """Check what one field asks of another (16.2, 16.3)."""
    start, end = row.get("claim_period_start_at"), row.get("claim_period_end_at")
    if start and end and end < start and scene.switches["claim_period_order"] == "checked":
        form.fault("claim_period_end_at", "The claim period ends before it starts.")
    fixed = row.get("absolute_expiry")
    if row["period_type"].startswith("absolute_") and not fixed:
        form.fault("absolute_expiry", "absolute_expiry is required with an absolute period_type.")
    try:
        parse_wall(fixed or "2000-01-01")
    except ValueError:
        form.fault("absolute_expiry", "absolute_expiry must be written YYYY-MM-DD or YYYY-MM-DD HH:MM:SS.")


def _pool(scene: RequestState, row: sqlite3.Row) -> tuple[int | None, int | None]:
    if not row["force_allocation"]:
        return None, None
    counted = scene.db.execute(
        "SELECT count(*), coalesce(sum(allocated_at IS NULL), 0) FROM allocations WHERE definition_id = ?", (row["id"],)
    ).fetchone()
    return counted[0], counted[1]
