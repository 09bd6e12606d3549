"""A token in each form of the shop, so that no other site can send one; the extension's forms have their own."""

from __future__ import annotations

import secrets

from flask import Flask, abort, current_app, request, session
from itsdangerous import BadData, URLSafeTimedSerializer
from markupsafe import Markup

from example_shop.extensions import benefits

_FIELD = "csrf_token"
_VALID_SECONDS = 12 * 60 * 60
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask) -> None:
    """Check the token of every form that is posted, and give the templates ``form_token()``."""
    app.before_request(_check_token)
    app.jinja_env.globals["form_token"] = _form_token


def _form_token() -> Markup:
    """Return the hidden field that every form of the shop carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(_FIELD, _serializer().dumps(_session_key()))


def _check_token() -> None:
    if request.method in _SAFE_METHODS or request.blueprint == benefits.blueprint.name:
        return
    try:
        sent = _serializer().loads(request.form.get(_FIELD, ""), max_age=_VALID_SECONDS)
    except BadData:
        sent = None
    if not isinstance(sent, str) or not secrets.compare_digest(sent, session.get("form_key", "")):
        abort(400, "This page was open for too long, or you signed in or out since. Go back, reload it and try again.")


def _session_key() -> str:
    """Return the secret that binds tokens to this session, so that a token of another session is refused."""
    key: str = session.setdefault("form_key", secrets.token_urlsafe(16))
    return key


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="example-shop-form")
