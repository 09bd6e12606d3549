"""Claims: what a profile may claim, and the claim itself (Omneo facts 6, 7 and 16.11 to 16.17)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import definitions, grant, redemptions
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import not_found, refused
from claimable_benefits.sandbox.protocol.references import get_or_404, must_exist
from claimable_benefits.sandbox.protocol.responses import Body, created, single
from claimable_benefits.sandbox.rules.json_logic import is_true
from claimable_benefits.sandbox.rules.redemption_rules import OFFERED, expiry, offered_values
from claimable_benefits.sandbox.serializers.benefits import serialize_benefit
from claimable_benefits.sandbox.serializers.definitions import free_fields, serialize_definition
from claimable_benefits.sandbox.serializers.profiles import condition_context
from claimable_benefits.sandbox.serializers.redemptions import serialize_redemption
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
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = _claim(state, profile_id, _named(state, form), form)
    return created(serialize_benefit(state, row))


@bp.post("/profiles/<profile_id>/benefits/<definition_id>/claim")
def claim_by_path(profile_id: str, definition_id: str) -> Response:
    """Claim the definition in the path, as the guide has it; the body may be empty."""
    state, form = request_state(), RequestForm(body())
    form.fields.setdefault("timezone", state.zone)
    with state.writing():
        get_or_404(state, "profiles", profile_id)
        row = _claim(state, profile_id, get_or_404(state, "definitions", row_id(definition_id)), form)
    return created(serialize_benefit(state, row))


@bp.post("/profiles/<profile_id>/benefits/claim-redeem")
def claim_and_redeem(profile_id: str) -> Response:
    """Claim a definition and use it at once: both happen or neither."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = _claim(state, profile_id, _named(state, form), form)
        made = redemptions.redeem(
            state, profile_id, [(row, 1)], {"timezone": row["timezone"], "redeem_at": state.stamp}
        )
    return created(serialize_redemption(state, made))


def is_claimable(state: RequestState, definition: sqlite3.Row, profile_id: str) -> bool:
    """Return whether a profile may claim a definition at this moment."""
    offered = state.db.execute(
        f"SELECT 1 FROM definitions d WHERE d.id = ? AND {OFFERED}",  # noqa: S608 - ours
        (definition["id"], *offered_values(state.stamp, profile_id, state.switches)),
    ).fetchone()
    return offered is not None and _meets(state, definition, "claim_condition", condition_context(state, profile_id))


def _offered(profile_id: str, condition: str) -> Response:
    state = request_state()
    context = condition_context(state, profile_id)
    rows = state.db.execute(
        f"SELECT d.* FROM definitions d WHERE {OFFERED} ORDER BY d.id",  # noqa: S608 - ours
        offered_values(state.stamp, profile_id, state.switches),
    ).fetchall()
    return single([serialize_definition(state, row) for row in rows if _meets(state, row, condition, context)])


def _meets(state: RequestState, definition: sqlite3.Row, condition: str, context: Body) -> bool:
    unreadable = state.switches["malformed_condition"] == "true"
    return is_true(free_fields(definition).get(condition), context, unreadable=unreadable)


def _named(state: RequestState, form: RequestForm) -> sqlite3.Row | None:
    """Return the definition that a body names, by handle before id; None when it names none or an unknown one."""
    named = form.raw("definition")
    if isinstance(named, bool) or not isinstance(named, str | int) or named == "":
        form.add_error("definition", "definition is required: the handle of a benefit definition.")
        return None
    row = definitions.find_by_handle(state, named) if isinstance(named, str) else None
    if row is None and state.switches["claim_by_id"] == "on":
        row = store.find(state.db, "definitions", row_id(str(named)))
    if row is None:
        must_exist(state, form, "definition", "benefit definition")
    return row


def _claim(state: RequestState, profile_id: str, definition: sqlite3.Row | None, form: RequestForm) -> sqlite3.Row:
    """Check every rule once more and insert the instance; call it inside `writing()` (16.14 to 16.16)."""
    get_or_404(state, "profiles", profile_id)
    zone = form.zone(required=True)
    given = {"external_id": form.text("external_id"), **grant.read_free_fields(form)}
    form.check()
    if definition is None or zone is None:
        raise not_found("benefit definition")
    if not is_claimable(state, definition, profile_id):
        raise refused(definition="This benefit cannot be claimed by this profile now.")
    times = {
        "issued_at": state.stamp,
        "claimed_at": state.stamp,
        "timezone": zone,
        "expires_at": expiry(definition, state.now, zone),
    }
    return grant.grant_benefit(state, definition, profile_id, given | times)
