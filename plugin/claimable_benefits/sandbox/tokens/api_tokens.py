"""API tokens: the root one, and those made here, with scopes, an end and a way to revoke them (Omneo facts 1.6)."""

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
from claimable_benefits.sandbox.protocol.error_responses import invalid_fields, missing
from claimable_benefits.sandbox.protocol.responses import Body, gone, respond
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state, sandbox
from claimable_benefits.sandbox.state.times import stamp
from claimable_benefits.sandbox.tokens.scopes import SCOPES

bp = Blueprint("tokens", __name__)

_SCOPE = re.compile(r"\*|[a-z][a-z0-9-]{0,99}")


class _Everything:
    def __contains__(self, _scope: object) -> bool:
        return True


EVERYTHING = _Everything()


@bp.get("/auth/verify")
def verify() -> Response:
    """Answer that the token holds."""
    return respond({"status": 200, "message": "Authenticated."})


@bp.get("/auth/scopes")
def browse_scopes() -> Response:
    """List the scopes that paths of the sandbox ask for."""
    return respond([{"id": name, "description": name.replace("-", " ").capitalize() + "."} for name in SCOPES])


@bp.post("/auth/api-tokens")
def create_token() -> Response:
    """Make a token; its text is in this answer alone."""
    here, form = request_state(), RequestForm(body())
    name, scopes = form.text("name", required=True), form.strings("scopes") or []
    if not all(_SCOPE.fullmatch(part) for part in scopes):
        form.fault("scopes", "scopes must be names such as read-benefits, or *.")
    form.check()
    text = secrets.token_urlsafe(40)
    row = {
        "id": uuid.uuid4().hex,
        "name": name,
        "digest": _digest(text),
        "scopes": json.dumps(scopes),
        "revoked": False,
        "expires_at": stamp(here.now + timedelta(days=int(here.switches["api_token_days"]))),
        "created_at": here.stamp,
        "updated_at": here.stamp,
    }
    with here.writing():
        store.insert(here.db, "tokens", row)
    return respond({"accessToken": text, "token": _shown(_known(here, str(row["id"])))})


@bp.delete("/auth/api-tokens/<token_id>")
def revoke_token(token_id: str) -> Response:
    """Revoke a token: from now on it is answered 401."""
    here = request_state()
    with here.writing():
        row = _known(here, token_id)
        store.update(here.db, "tokens", row["id"], {"revoked": True, "updated_at": here.stamp})
    return gone()


@bp.get("/auth/access-tokens")
def browse_tokens() -> Response:
    """List the tokens that are current, or those that have expired, as a bare array."""
    here, kind = request_state(), request.args.get("type", "current")
    if kind not in ("current", "expired"):
        raise invalid_fields({"type": ["type is current or expired."]})
    rows = here.db.execute(
        "SELECT * FROM tokens WHERE NOT revoked AND (expires_at > ?) = ? ORDER BY created_at, id",
        (here.stamp, kind == "current"),
    )
    return respond([_shown(row) for row in rows])


def granted(scene: RequestState, text: str) -> Container[str] | None:
    """Return the scopes of a bearer's token; None when it is none of ours, revoked or expired."""
    if hmac.compare_digest(text.encode(), sandbox().token.encode()):
        return EVERYTHING
    row = scene.db.execute("SELECT * FROM tokens WHERE digest = ?", (_digest(text),)).fetchone()
    if row is None or row["revoked"] or row["expires_at"] <= scene.stamp:
        return None
    scopes = json.loads(row["scopes"])
    return EVERYTHING if "*" in scopes else frozenset(scopes)


def _known(scene: RequestState, token_id: str) -> sqlite3.Row:
    row = store.find(scene.db, "tokens", token_id)
    if row is None:
        raise missing("token")
    return row


def _shown(row: sqlite3.Row) -> Body:
    names = ("id", "name", "expires_at", "created_at", "updated_at")
    return {name: row[name] for name in names} | {
        "scopes": json.loads(row["scopes"]),
        "revoked": bool(row["revoked"]),
        "user_id": 1,
        "client_id": 1,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
