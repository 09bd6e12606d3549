"""The door: who may come in, and to which paths."""

from __future__ import annotations

from flask import request
from werkzeug.routing import Rule

from claimable_benefits.sandbox.access import omneo_id
from claimable_benefits.sandbox.protocol.dialects import PREFIX, answers
from claimable_benefits.sandbox.protocol.error_responses import missing, unauthenticated, unscoped
from claimable_benefits.sandbox.state.request_state import request_state
from claimable_benefits.sandbox.tokens import api_tokens
from claimable_benefits.sandbox.tokens.scopes import needed

_ID_TOKEN = f"{omneo_id.ID_PREFIX}/auth/token"  # the one path of Omneo ID that takes an API token


def authenticate() -> None:
    """Let requests in that bear the right token for a path of the dialect spoken here."""
    rule = request.url_rule
    if rule is None or not rule.rule.startswith((PREFIX, omneo_id.ID_PREFIX)):
        return
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise unauthenticated()
    if rule.rule.startswith(PREFIX) or rule.rule == _ID_TOKEN:
        _admit(rule, text.strip())
    else:
        omneo_id.admit(text.strip())


def _admit(rule: Rule, text: str) -> None:
    here = request_state()
    scopes = api_tokens.granted(here, text)
    if scopes is None:
        raise unauthenticated()
    if not answers(rule.rule, here.switches):
        raise missing("path")
    lacking = [scope for scope in needed(request.method, rule.rule) if scope not in scopes]
    if lacking and here.switches["scopes"] == "checked":
        raise unscoped(lacking)
