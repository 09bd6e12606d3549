"""API tokens: the root token, and those created here, with scopes, expiry and revocation (Omneo facts 1.6)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import uuid
from collections.abc import Container
from datetime import timedelta

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body
from claimable_benefits.sandbox.protocol.error_responses import invalid_fields
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, no_content, respond
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state, sandbox
from claimable_benefits.sandbox.state.times import stamp
from claimable_benefits.sandbox.tokens.scopes import SCOPES

bp = Blueprint("tokens", __name__)

_SCOPE = re.compile(r"\*|[a-z][a-z0-9-]{0,99}")


class _AllScopes:
    def __contains__(self, _scope: object) -> bool:
        return True


ALL_SCOPES = _AllScopes()


@bp.get("/auth/verify")
def verify() -> Response:
    """Answer that the token is valid."""
    return respond({"status": 200, "message": "Authenticated."})


@bp.get("/auth/scopes")
def browse_scopes() -> Response:
    """List the scopes that paths of the sandbox ask for."""
    return respond([{"id": name, "description": name.replace("-", " ").capitalize() + "."} for name in SCOPES])


@bp.post("/auth/api-tokens")
def create_token() -> Response:
    """Create a token; only this answer has its text."""
    state, form = request_state(), RequestForm(body())
    name, scopes = form.text("name", required=True), form.strings("scopes") or []
    if not all(_SCOPE.fullmatch(part) for part in scopes):
        form.add_error("scopes", "scopes must be names such as read-benefits, or *.")
    form.check()
    text = secrets.token_urlsafe(40)
    row = {
        "id": uuid.uuid4().hex,
        "name": name,
        "digest": _digest(text),
        "scopes": json.dumps(scopes),
        "revoked": False,
        "expires_at": stamp(state.now + timedelta(days=int(state.switches["api_token_days"]))),
        "created_at": state.stamp,
        "updated_at": state.stamp,
    }
    with state.writing():
        store.insert(state.db, "tokens", row)
    return respond({"accessToken": text, "token": _serialize_token(get_or_404(state, "tokens", str(row["id"])))})


@bp.delete("/auth/api-tokens/<token_id>")
def revoke_token(token_id: str) -> Response:
    """Revoke a token: from now on it is answered 401."""
    state = request_state()
    with state.writing():
        row = get_or_404(state, "tokens", token_id)
        store.update(state.db, "tokens", row["id"], {"revoked": True, "updated_at": state.stamp})
    return no_content()


@bp.get("/auth/access-tokens")
def browse_tokens() -> Response:
    """List the tokens that are current, or those that have expired, as a bare array."""
    state, kind = request_state(), request.args.get("type", "current")
    if kind not in ("current", "expired"):
        raise invalid_fields({"type": ["type is current or expired."]})
    rows = state.db.execute(
        "SELECT * FROM tokens WHERE NOT revoked AND (expires_at > ?) = ? ORDER BY created_at, id",
        (state.stamp, kind == "current"),
    )
    return respond([_serialize_token(row) for row in rows])


def scopes_of(state: RequestState, text: str) -> Container[str] | None:
    """Return the scopes of a bearer's token; None when it is none of ours, revoked or expired."""
    if hmac.compare_digest(text.encode(), sandbox().token.encode()):
        return ALL_SCOPES
    row = state.db.execute("SELECT * FROM tokens WHERE digest = ?", (_digest(text),)).fetchone()
    if row is None or row["revoked"] or row["expires_at"] <= state.stamp:
        return None
    scopes = json.loads(row["scopes"])
    return ALL_SCOPES if "*" in scopes else frozenset(scopes)


def _serialize_token(row: sqlite3.Row) -> Body:
    names = ("id", "name", "expires_at", "created_at", "updated_at")
    return {name: row[name] for name in names} | {
        "scopes": json.loads(row["scopes"]),
        "revoked": bool(row["revoked"]),
        "user_id": 1,
        "client_id": 1,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
