"""Omneo ID: short-lived tokens with which a member reaches their own profile and nothing else (Omneo facts 12.1)."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from flask import Blueprint, Flask, Response, request

from claimable_benefits.sandbox.api import identities
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body
from claimable_benefits.sandbox.protocol.dialects import PREFIX
from claimable_benefits.sandbox.protocol.error_responses import unauthenticated
from claimable_benefits.sandbox.protocol.references import must_exist
from claimable_benefits.sandbox.protocol.responses import respond
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state, sandbox
from claimable_benefits.sandbox.tokens import id_tokens
from claimable_benefits.sandbox.tokens.members import mark_member

ID_PREFIX = "/id/api/v1"
bp = Blueprint("omneo_id", __name__)

# What a member may ask of `/profiles/me`: the paths of `/profiles/<profile_id>` that bear the same name.
# Reversals and returns are not among them.
_ME = (
    ("GET", ""),
    ("GET", "/benefits"),
    ("GET", "/benefits/<benefit_id>"),
    ("PUT", "/benefits/<benefit_id>"),
    ("DELETE", "/benefits/<benefit_id>"),
    ("GET", "/benefits/claimable"),
    ("GET", "/benefits/viewable"),
    ("GET", "/identities"),
    ("POST", "/identities"),
    ("GET", "/identities/<handle>"),
    ("PUT", "/identities/<handle>"),
    ("DELETE", "/identities/<handle>"),
    ("GET", "/identities/id/<identity_id>"),
    ("PUT", "/identities/id/<identity_id>"),
    ("DELETE", "/identities/id/<identity_id>"),
    ("GET", "/redeemable_benefits"),
    ("POST", "/benefits/claim"),
    ("POST", "/benefits/claim-redeem"),
    ("POST", "/benefits/<benefit_id>/redeem"),
    ("POST", "/redeem"),
    ("GET", "/redemptions"),
    ("GET", "/redemptions/<redemption_id>"),
    ("GET", "/redemptions/<kind>/<instance_id>/count"),
    ("GET", "/balances"),
    ("GET", "/find-transactions"),
    ("GET", "/transactions"),
    ("GET", "/transactions/<transaction_id>"),
)


@bp.post("/auth/token")
def create_id_token() -> Response:
    """Create a token for a profile (``{id}``), for an identity's profile (``{id, id_handle}``), or an anonymous one."""
    state, form = request_state(), RequestForm(body())
    profile_id = _profile_id(state, form)
    expires = state.now + timedelta(seconds=int(state.switches["id_token_seconds"]))
    seconds = int(expires.timestamp())
    return respond({"data": {"token": id_tokens.sign(profile_id, seconds, _key()), "exp": seconds}})


def register_member_routes(app: Flask) -> None:
    """Give a member's paths the views of the API's; call it when those are registered."""
    views = {(method, rule.rule): rule.endpoint for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    for method, path in _ME:
        endpoint = views[method, f"{PREFIX}/profiles/<profile_id>{path}"]
        _add(app, method, f"/profiles/<any(me):profile_id>{path}", endpoint)
    _add(app, "POST", "/profiles", views["POST", f"{PREFIX}/profiles"])


def authenticate_member(text: str) -> None:
    """Authenticate a member as the profile that their token names, or raise 401."""
    profile_id = id_tokens.profile_of(text, request_state().now.timestamp(), _key())
    if profile_id is None:
        raise unauthenticated()
    mark_member()
    if request.view_args and "profile_id" in request.view_args:
        request.view_args["profile_id"] = profile_id


def _add(app: Flask, method: str, path: str, endpoint: str) -> None:
    app.add_url_rule(ID_PREFIX + path, f"id.{endpoint}", app.view_functions[endpoint], methods=[method])


def _profile_id(state: RequestState, form: RequestForm) -> str:
    key, handle = form.text("id"), form.text("id_handle")
    form.check()
    if not key:  # the official client asks for an anonymous token with an empty id
        return id_tokens.ANONYMOUS
    row = store.find(state.db, "profiles", key) if handle is None else identities.find_profile(state, handle, key)
    if row is None:
        must_exist(state, form, "id", "profile")
    form.check()
    assert row is not None  # noqa: S101 - the check above raised
    return str(row["id"])


def _key() -> bytes:
    """Return the signing key: fixed for a sandbox, and used for nothing else."""
    return hashlib.sha256(b"omneo-id " + sandbox().token.encode()).digest()
