"""Benefits: instances of definitions, issued to profiles (Omneo facts 4, 5 and 13.1)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.api import grant
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import not_found
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, no_content, single
from claimable_benefits.sandbox.rules.redemption_rules import (
    ACTIVE,
    REDEEMABLE,
    latest_start,
)
from claimable_benefits.sandbox.serializers.benefits import serialize_benefit, serialize_benefits
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks.events import record_event

bp = Blueprint("benefits", __name__)

_TAGGED = "EXISTS (SELECT 1 FROM json_each(d.doc, '$.tags') t WHERE t.value = ?)"
LIST = ListSource(
    "benefits b JOIN definitions d ON d.id = b.definition_id",
    "b.*",
    {
        "id": ("b.id", "number"),
        "benefit_definition_id": ("b.definition_id", "number"),
        "definition.id": ("d.id", "number"),
        "definition.type": ("d.type", "text"),
        "definition.handle": ("d.handle", "text"),
        "value": ("b.value", "number"),
        **{
            name: (f"b.{name}", "text")
            for name in ("profile_id", "external_id", "timezone", "redeem_code_pos", "redeem_code_online", "meta")
        },
        **{
            name: (f"b.{name}", "time")
            for name in ("issued_at", "expires_at", "claimed_at", "extended_at", "created_at", "updated_at")
        },
        "is_combined": ("0", "boolean"),  # the sandbox combines nothing, and nothing but the API issues
        **dict.fromkeys(("combine_meta", "source_id", "source_type"), ("NULL", "text")),
    },
)


@bp.get("/benefits")
def browse_benefits() -> Response:
    """List every instance."""
    return _page(request_state(), Filter())


@bp.get("/benefits.count")
def count_benefits() -> Response:
    """Count the instances, and those that are used up."""
    row = (
        request_state()
        .db.execute(
            "SELECT count(*), coalesce(sum(b.used >= d.max_redemptions), 0)"
            " FROM benefits b JOIN definitions d ON d.id = b.definition_id"
        )
        .fetchone()
    )
    return single({"countAll": row[0], "countRedeemed": row[1]})


@bp.get("/benefits/<benefit_id>")
def read_benefit(benefit_id: str) -> Response:
    """Read one instance."""
    state = request_state()
    return single(serialize_benefit(state, get_or_404(state, "benefits", row_id(benefit_id))))


@bp.put("/benefits/<benefit_id>")
def update_benefit(benefit_id: str) -> Response:
    """Change an instance; a new end is read in the instance's own time zone."""
    return _update(request_state(), row_id(benefit_id), None)


@bp.delete("/benefits/<benefit_id>")
def delete_benefit(benefit_id: str) -> Response:
    """Remove an instance."""
    return _delete(request_state(), row_id(benefit_id), None)


@bp.get("/profiles/<profile_id>/benefits")
def browse_profile_benefits(profile_id: str) -> Response:
    """List a profile's benefits: the active ones, or all of them (switch ``profile_benefits``)."""
    state, where = request_state(), _of_profile(profile_id)
    if state.switches["profile_benefits"] == "active":
        where.add(ACTIVE, state.stamp)
    for tag in request.args.getlist("tags[]"):
        where.add(_TAGGED, tag)
    return _page(state, where)


@bp.get("/profiles/<profile_id>/redeemable_benefits")
def browse_redeemable(profile_id: str) -> Response:
    """List the benefits that a profile can use this moment."""
    state, where = request_state(), _of_profile(profile_id)
    where.add(REDEEMABLE, state.stamp, latest_start(state.stamp, state.switches))
    return _page(state, where)


@bp.get("/profiles/<profile_id>/benefits/<benefit_id>")
def read_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Read one benefit of a profile."""
    state = request_state()
    return single(serialize_benefit(state, get_owned_or_404(state, profile_id, row_id(benefit_id))))


@bp.put("/profiles/<profile_id>/benefits/<benefit_id>")
def update_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Change one benefit of a profile."""
    return _update(request_state(), row_id(benefit_id), profile_id)


@bp.delete("/profiles/<profile_id>/benefits/<benefit_id>")
def delete_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Remove one benefit of a profile."""
    return _delete(request_state(), row_id(benefit_id), profile_id)


def get_owned_or_404(state: RequestState, profile_id: str, benefit_id: int) -> sqlite3.Row:
    """Return a benefit's row if it is this profile's, or raise 404 (16.18)."""
    get_or_404(state, "profiles", profile_id)
    row = get_or_404(state, "benefits", benefit_id)
    if row["profile_id"] != profile_id:
        raise not_found("benefit")
    return row


def _page(state: RequestState, where: Filter) -> Response:
    return paginate(state, LIST, where, lambda rows: serialize_benefits(state, rows))


def _of_profile(profile_id: str) -> Filter:
    get_or_404(request_state(), "profiles", profile_id)
    where = Filter()
    where.add("b.profile_id = ?", profile_id)
    return where


def _update(state: RequestState, benefit_id: int, profile_id: str | None) -> Response:
    form = RequestForm(body())
    with state.writing():
        row = (
            get_or_404(state, "benefits", benefit_id)
            if profile_id is None
            else get_owned_or_404(state, profile_id, benefit_id)
        )
        changes: Body = {}
        if form.has("expires_at"):
            changes["expires_at"] = form.moment("expires_at", state.sent_zone(row["timezone"]))
        for name in ("external_id", "redeem_code_pos", "redeem_code_online"):
            if form.has(name):
                changes[name] = form.text(name)
        if form.has("meta"):
            changes["meta"] = grant.read_free_fields(form)["meta"]
        if form.has("value"):
            changes["value"] = form.number("value")
        form.check()
        update_columns(state, row, changes)
    return single(serialize_benefit(state, get_or_404(state, "benefits", benefit_id)))


def update_columns(state: RequestState, row: sqlite3.Row, changes: Body) -> None:
    """Set some columns of a benefit; call it inside `writing()`."""
    store.update(state.db, "benefits", row["id"], changes | {"updated_at": state.stamp})
    record_event(state, "benefit.updated", "benefit", row["id"], row["profile_id"])


def _delete(state: RequestState, benefit_id: int, profile_id: str | None) -> Response:
    with state.writing():
        row = (
            get_or_404(state, "benefits", benefit_id)
            if profile_id is None
            else get_owned_or_404(state, profile_id, benefit_id)
        )
        state.db.execute("DELETE FROM benefits WHERE id = ?", (row["id"],))
        record_event(state, "benefit.deleted", "benefit", row["id"], row["profile_id"])
    return no_content()
