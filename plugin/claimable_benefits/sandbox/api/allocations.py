"""Pools of codes that instances of a definition draw from (Omneo facts 13.8 and 16.9)."""

from __future__ import annotations

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import definitions
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.list_query import Filter, Source, page
from claimable_benefits.sandbox.protocol.responses import one, respond
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import request_state

bp = Blueprint("allocations", __name__)

LIST = Source(
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
    return page(
        request_state(),
        LIST,
        Filter(),
        lambda rows: [{**dict(row), "definition_type": "benefit_definition"} for row in rows],
    )


@bp.get("/allocations/<definition_id>/count")
def count_allocations(definition_id: str) -> Response:
    """Count the codes of a definition."""
    here = request_state()
    row = definitions.known(here, row_id(definition_id))
    counted = here.db.execute(
        "SELECT count(*), coalesce(sum(allocated_at IS NULL), 0) FROM allocations WHERE definition_id = ?", (row["id"],)
    ).fetchone()
    return one({"all": counted[0], "redeemed": counted[0] - counted[1], "remaining": counted[1], "group": None})


@bp.post("/allocations/batch.json")
def create_allocations() -> Response:
    """Add codes to the pool of a definition."""
    here, form = request_state(), RequestForm(body())
    target = form.anything("definition")
    named = RequestForm(target if isinstance(target, dict) else {}, "definition.")
    named.errors = form.errors
    number, codes = named.whole("id", required=True), form.forms("allocations")
    rows = [_row(code, number, here.stamp) for code in codes]
    form.check()
    with here.writing():
        definitions.known(here, number or 0)
        for row in rows:
            store.insert(here.db, "allocations", row)
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
