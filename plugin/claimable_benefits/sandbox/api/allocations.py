"""Pools of codes that instances of a definition draw from (Omneo facts 13.8 and 16.9)."""

from __future__ import annotations

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import respond, single
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import request_state

bp = Blueprint("allocations", __name__)

LIST = ListSource(
    "allocations a",
    "a.*",
    {
        "id": ("a.id", "number"),
        "code": ("a.code", "text"),
        "definition_id": ("a.definition_id", "number"),
        "external_id": ("a.external_id", "text"),
        "allocated_at": ("a.allocated_at", "time"),
    },
)


@bp.get("/allocations")
def browse_allocations() -> Response:
    """List codes."""
    return paginate(
        request_state(),
        LIST,
        Filter(),
        lambda rows: [{**dict(row), "definition_type": "benefit_definition"} for row in rows],
    )


@bp.get("/allocations/<definition_id>/count")
def count_allocations(definition_id: str) -> Response:
    """Count the codes of a definition."""
    state = request_state()
    row = get_or_404(state, "definitions", row_id(definition_id))
    counted = state.db.execute(
        "SELECT count(*), coalesce(sum(allocated_at IS NULL), 0) FROM allocations WHERE definition_id = ?", (row["id"],)
    ).fetchone()
    return single({"all": counted[0], "redeemed": counted[0] - counted[1], "remaining": counted[1], "group": None})


@bp.post("/allocations/batch.json")
def create_allocations() -> Response:
    """Add codes to the pool of a definition."""
    state, form = request_state(), RequestForm(body())
    target = form.raw("definition")
    named = RequestForm(target if isinstance(target, dict) else {}, "definition.")
    named.errors = form.errors
    number, codes = named.integer("id", required=True), form.objects("allocations")
    rows = [_row(code, number, state.stamp) for code in codes]
    form.check()
    with state.writing():
        get_or_404(state, "definitions", number or 0)
        for row in rows:
            store.insert(state.db, "allocations", row)
    return respond({"message": "OK"})


def _row(form: RequestForm, definition_id: int | None, now: str) -> dict[str, object]:
    return {
        "definition_id": definition_id,
        "code": form.text("code", required=True),
        "name": form.text("name"),
        "value": form.number("value"),
        "external_id": form.text("external_id"),
        "valid_from": form.moment("valid_from", "UTC"),
        "valid_to": form.moment("valid_to", "UTC"),
        "created_at": now,
        "updated_at": now,
    }
