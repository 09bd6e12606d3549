"""Issue benefits to profiles, and extend them (Omneo facts 4)."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import benefits, grant
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import refused
from claimable_benefits.sandbox.protocol.references import get_or_404, must_exist
from claimable_benefits.sandbox.protocol.responses import created, respond, single
from claimable_benefits.sandbox.rules.redemption_rules import expiry
from claimable_benefits.sandbox.serializers.benefits import serialize_benefit
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.state.times import from_stamp, stamp

bp = Blueprint("issue", __name__)


@bp.post("/benefits")
def issue() -> Response:
    """Issue an instance of a definition to a profile."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = _issue(state, form)
    return created(serialize_benefit(state, row))


@bp.post("/benefits/extend")
def extend() -> Response:
    """Extend instances of one profile to a new end, or by days."""
    state, form = request_state(), RequestForm(body())
    profile_id, days = form.text("profile_id", required=True), form.integer("extend_days", least=0, most=36500)
    ids = form.raw("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(part, int | str) for part in ids):
        form.add_error("ids", "ids must be a list of benefit ids.")
    if days is None and form.raw("extend_date") is None:
        form.add_error("extend_date", "One of extend_date and extend_days is required.")
    form.check()
    with state.writing():
        rows = [_extend(state, form, row_id(str(part)), profile_id or "", days) for part in ids]
    return single([serialize_benefit(state, row) for row in rows])


@bp.post("/benefits/batch.json")
def issue_batch() -> Response:
    """Issue several benefits at once, all or none."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        wanted = form.objects("benefits")
        form.check()
        for one_of_them in wanted:
            _issue(state, one_of_them)
    return respond({"message": f"{len(wanted)} benefits issued."})


def _issue(state: RequestState, form: RequestForm) -> sqlite3.Row:
    number, profile_id = form.integer("benefit_definition_id", required=True), form.text("profile_id", required=True)
    definition = store.find(state.db, "definitions", number)
    if number is not None and definition is None:
        must_exist(state, form, "benefit_definition_id", "benefit definition")
    if profile_id is not None and store.find(state.db, "profiles", profile_id) is None:
        must_exist(state, form, "profile_id", "profile")
    zone = form.zone(required=True)
    issued = form.moment("issued_at", state.sent_zone(zone)) or state.stamp
    ends = form.moment("expires_at", state.sent_zone(zone))
    given = {"external_id": form.text("external_id"), **grant.read_free_fields(form)}
    form.check()
    assert definition is not None  # noqa: S101 - the check above raised
    assert profile_id is not None  # noqa: S101 - likewise
    _check_rules(state, definition, given["external_id"])
    times = {
        "issued_at": issued,
        "timezone": zone,
        "expires_at": ends or expiry(definition, from_stamp(issued), zone or "UTC"),
    }
    return grant.grant_benefit(state, definition, profile_id, given | times)


def _check_rules(state: RequestState, definition: sqlite3.Row, external_id: str | None) -> None:
    if definition["is_archived"]:
        raise refused(benefit_definition_id="This benefit definition is archived.")
    if external_id is not None and state.switches["benefit_external_id"] == "reject":
        taken = "SELECT 1 FROM benefits WHERE external_id = ?"
        if state.db.execute(taken, (external_id,)).fetchone():
            raise refused(external_id="A benefit with this external_id exists.")


def _extend(state: RequestState, form: RequestForm, benefit_id: int, profile_id: str, days: int | None) -> sqlite3.Row:
    row = benefits.get_owned_or_404(state, profile_id, benefit_id)
    if not get_or_404(state, "definitions", row["definition_id"])["is_extendable"]:
        raise refused(ids=f"Benefit {benefit_id} cannot be extended.")
    ends = form.moment("extend_date", state.sent_zone(row["timezone"]))
    form.check()
    if ends is None:
        ends = min(
            stamp(from_stamp(row["expires_at"] or state.stamp) + timedelta(days=days or 0)), "2999-12-31 23:59:59"
        )
    benefits.update_columns(state, row, {"expires_at": ends, "extended_at": state.stamp})
    return get_or_404(state, "benefits", benefit_id)
