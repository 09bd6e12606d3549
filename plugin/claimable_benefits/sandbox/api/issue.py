"""Issuing benefits to profiles, and giving them more time (Omneo facts 4)."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import benefits, definitions, grant
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import refused
from claimable_benefits.sandbox.protocol.references import must_exist
from claimable_benefits.sandbox.protocol.responses import created, one, respond
from claimable_benefits.sandbox.rules.redemption_rules import expiry
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.state.times import from_stamp, stamp

bp = Blueprint("issuing", __name__)


@bp.post("/benefits")
def issue() -> Response:
    """Issue an instance of a definition to a profile."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = _issue(here, form)
    return created(benefits.shown(here, row))


@bp.post("/benefits/extend")
def extend() -> Response:
    """Give instances of one profile more time: a new end, or some days more."""
    here, form = request_state(), RequestForm(body())
    profile_id, days = form.text("profile_id", required=True), form.whole("extend_days", least=0, most=36500)
    ids = form.anything("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(part, int | str) for part in ids):
        form.fault("ids", "ids must be a list of benefit ids.")
    if days is None and form.anything("extend_date") is None:
        form.fault("extend_date", "One of extend_date and extend_days is required.")
    form.check()
    with here.writing():
        rows = [_extend(here, form, row_id(str(part)), profile_id or "", days) for part in ids]
    return one([benefits.shown(here, row) for row in rows])


@bp.post("/benefits/batch.json")
def issue_batch() -> Response:
    """Issue several benefits at once, all or none."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        wanted = form.forms("benefits")
        form.check()
        for one_of_them in wanted:
            _issue(here, one_of_them)
    return respond({"message": f"{len(wanted)} benefits issued."})


def _issue(scene: RequestState, form: RequestForm) -> sqlite3.Row:
    number, profile_id = form.whole("benefit_definition_id", required=True), form.text("profile_id", required=True)
    definition = store.find(scene.db, "definitions", number)
    if number is not None and definition is None:
        must_exist(scene, form, "benefit_definition_id", "benefit definition")
    if profile_id is not None and store.find(scene.db, "profiles", profile_id) is None:
        must_exist(scene, form, "profile_id", "profile")
    zone = form.zone(required=True)
    issued = form.moment("issued_at", zone) or scene.stamp
    ends = form.moment("expires_at", zone)
    given = {"external_id": form.text("external_id"), **grant.free(form)}
    form.check()
    assert definition is not None  # noqa: S101 - the check above raised
    assert profile_id is not None  # noqa: S101 - likewise
    _check_rules(scene, definition, given["external_id"])
    times = {
        "issued_at": issued,
        "timezone": zone,
        "expires_at": ends or expiry(definition, from_stamp(issued), zone or "UTC"),
    }
    return grant.grant(scene, definition, profile_id, given | times)


def _check_rules(scene: RequestState, definition: sqlite3.Row, external_id: str | None) -> None:
    if definition["is_archived"]:
        raise refused(benefit_definition_id="This benefit definition is archived.")
    if external_id is not None and scene.switches["benefit_external_id"] == "reject":
        taken = "SELECT 1 FROM benefits WHERE external_id = ?"
        if scene.db.execute(taken, (external_id,)).fetchone():
            raise refused(external_id="A benefit with this external_id exists.")


def _extend(scene: RequestState, form: RequestForm, benefit_id: int, profile_id: str, days: int | None) -> sqlite3.Row:
    row = benefits.owned(scene, profile_id, benefit_id)
    if not definitions.known(scene, row["definition_id"])["is_extendable"]:
        raise refused(ids=f"Benefit {benefit_id} cannot be extended.")
    ends = form.moment("extend_date", row["timezone"])
    form.check()
    if ends is None:
        ends = min(
            stamp(from_stamp(row["expires_at"] or scene.stamp) + timedelta(days=days or 0)), "2999-12-31 23:59:59"
        )
    benefits.change(scene, row, {"expires_at": ends, "extended_at": scene.stamp})
    return benefits.known(scene, benefit_id)
