"""Check the token of a request, and whether its path exists in this dialect."""

from __future__ import annotations

from flask import request
from werkzeug.routing import Rule

from claimable_benefits.sandbox.access import omneo_id
from claimable_benefits.sandbox.protocol.dialects import PREFIX, answers
from claimable_benefits.sandbox.protocol.error_responses import missing_scope, not_found, unauthenticated
from claimable_benefits.sandbox.state.request_state import request_state
from claimable_benefits.sandbox.tokens import api_tokens
from claimable_benefits.sandbox.tokens.scopes import required_scopes

_ID_TOKEN = f"{omneo_id.ID_PREFIX}/auth/token"  # the one path of Omneo ID that takes an API token


def authenticate() -> None:
    """Refuse requests without a valid token, and paths of a dialect that is switched off."""
    rule = request.url_rule
    if rule is None or not rule.rule.startswith((PREFIX, omneo_id.ID_PREFIX)):
        return
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise unauthenticated()
    if rule.rule.startswith(PREFIX) or rule.rule == _ID_TOKEN:
        _check_api_token(rule, text.strip())
    else:
        omneo_id.authenticate_member(text.strip())


def _check_api_token(rule: Rule, text: str) -> None:
    state = request_state()
    scopes = api_tokens.scopes_of(state, text)
    if scopes is None:
        raise unauthenticated()
    if not answers(rule.rule, state.switches):
        raise not_found("path")
    lacking = [scope for scope in required_scopes(request.method, rule.rule) if scope not in scopes]
    if lacking and state.switches["scopes"] == "checked":
        raise missing_scope(lacking)
