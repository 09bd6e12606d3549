"""Claiming: what a profile may take, and taking it (Omneo facts 6, 7 and 16.11 to 16.17)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import benefits, definitions, grant, profiles, redemption_views, redemptions
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import missing, refused
from claimable_benefits.sandbox.protocol.references import must_exist
from claimable_benefits.sandbox.protocol.responses import Body, created, one
from claimable_benefits.sandbox.rules.json_logic import holds
from claimable_benefits.sandbox.rules.redemption_rules import OFFERED, expiry, offered_values
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state

bp = Blueprint("claims", __name__)


@bp.get("/profiles/<profile_id>/benefits/claimable")
def claimable(profile_id: str) -> Response:
    """List the definitions that a profile may claim now (16.11)."""
    return _offered(profile_id, "claim_condition")


@bp.get("/profiles/<profile_id>/benefits/viewable")
def viewable(profile_id: str) -> Response:
    """List the definitions that a profile may see now (16.12)."""
    return _offered(profile_id, "view_condition")


@bp.post("/profiles/<profile_id>/benefits/claim")
def claim_by_definition(profile_id: str) -> Response:
    """Claim the definition that the body names by handle or id."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = _claim(here, profile_id, _named(here, form), form)
    return created(benefits.shown(here, row))


@bp.post("/profiles/<profile_id>/benefits/<definition_id>/claim")
def claim_by_path(profile_id: str, definition_id: str) -> Response:
    """Claim the definition in the path, as the guide has it; the body may be empty."""
    here, form = request_state(), RequestForm(body())
    form.fields.setdefault("timezone", here.zone)
    with here.writing():
        profiles.known(here, profile_id)
        row = _claim(here, profile_id, definitions.known(here, row_id(definition_id)), form)
    return created(benefits.shown(here, row))


@bp.post("/profiles/<profile_id>/benefits/claim-redeem")
def claim_and_redeem(profile_id: str) -> Response:
    """Claim a definition and use it at once: both happen or neither."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = _claim(here, profile_id, _named(here, form), form)
        made = redemptions.redeem(here, profile_id, [(row, 1)], {"timezone": row["timezone"], "redeem_at": here.stamp})
    return created(redemption_views.shown(here, made))


def is_claimable(scene: RequestState, definition: sqlite3.Row, profile_id: str) -> bool:
    """Say whether a profile may claim a definition at this moment."""
    offered = scene.db.execute(
        f"SELECT 1 FROM definitions d WHERE d.id = ? AND {OFFERED}",  # noqa: S608 - ours
        (definition["id"], *offered_values(scene.stamp, profile_id, scene.switches)),
    ).fetchone()
    return offered is not None and _meets(scene, definition, "claim_condition", profiles.context(scene, profile_id))


def _offered(profile_id: str, condition: str) -> Response:
    here = request_state()
    context = profiles.context(here, profile_id)
    rows = here.db.execute(
        f"SELECT d.* FROM definitions d WHERE {OFFERED} ORDER BY d.id",  # noqa: S608 - ours
        offered_values(here.stamp, profile_id, here.switches),
    ).fetchall()
    return one([definitions.shown(here, row) for row in rows if _meets(here, row, condition, context)])


def _meets(scene: RequestState, definition: sqlite3.Row, condition: str, context: Body) -> bool:
    unreadable = scene.switches["malformed_condition"] == "true"
    return holds(definitions.doc_of(definition).get(condition), context, unreadable=unreadable)


def _named(scene: RequestState, form: RequestForm) -> sqlite3.Row | None:
    """Return the definition that a body names, by handle before id; None when it names none or an unknown one."""
    named = form.anything("definition")
    if isinstance(named, bool) or not isinstance(named, str | int) or named == "":
        form.fault("definition", "definition is required: the handle of a benefit definition.")
        return None
    row = definitions.by_handle(scene, named) if isinstance(named, str) else None
    if row is None and scene.switches["claim_by_id"] == "on":
        row = store.find(scene.db, "definitions", row_id(str(named)))
    if row is None:
        must_exist(scene, form, "definition", "benefit definition")
    return row


def _claim(scene: RequestState, profile_id: str, definition: sqlite3.Row | None, form: RequestForm) -> sqlite3.Row:
    """Check everything anew and make the instance; to be called while writing (16.14 to 16.16)."""
    profiles.known(scene, profile_id)
    zone = form.zone(required=True)
    given = {"external_id": form.text("external_id"), **grant.free(form)}
    form.check()
    if definition is None or zone is None:
        raise missing("benefit definition")
    if not is_claimable(scene, definition, profile_id):
        raise refused(definition="This benefit cannot be claimed by this profile now.")
    times = {
        "issued_at": scene.stamp,
        "claimed_at": scene.stamp,
        "timezone": zone,
        "expires_at": expiry(definition, scene.now, zone),
    }
    return grant.grant(scene, definition, profile_id, given | times)
