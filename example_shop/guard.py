"""What protects the shop's pages: a token in each form, and headers on each answer."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, request, session
from itsdangerous import BadData, URLSafeTimedSerializer
from markupsafe import Markup

from example_shop.extensions import benefits

_FIELD = "csrf_token"
_FORM_SECONDS = 12 * 60 * 60
_SAFE = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask) -> None:
    """Guard all forms of the shop; the plugin's pages guard their own."""
    app.before_request(_check_form)
    app.after_request(_add_headers)
    app.jinja_env.globals["form_token"] = _form_token


def _form_token() -> Markup:
    """The hidden field that every form of the shop carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(_FIELD, _serializer().dumps(_session_key()))


def _check_form() -> None:
    if request.method in _SAFE or request.blueprint == benefits.blueprint.name:
        return
    try:
        sent = _serializer().loads(request.form.get(_FIELD, ""), max_age=_FORM_SECONDS)
    except BadData:
        sent = None
    if not isinstance(sent, str) or not secrets.compare_digest(sent, session.get("form_key", "")):
        abort(400, "This page was open for too long, or you signed in or out since. Go back, reload it and try again.")


def _session_key() -> str:
    """What binds a token to this session: a token of somebody else's session opens nothing here."""
    key: str = session.setdefault("form_key", secrets.token_urlsafe(16))
    return key


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="example-shop-form")


def _add_headers(response: Response) -> Response:
    payments = urlsplit(current_app.config["PAYMENTS_URL"])
    rules = (
        "default-src 'self'",
        "img-src 'self' data: https:",
        # Browsers check this along redirects too, and a payment may lead to the provider's page.
        f"form-action 'self' {payments.scheme}://{payments.netloc}",
        "base-uri 'none'",
        # The sandbox's console shows the shop beside what Omneo believes; nobody else may.
        f"frame-ancestors {_framed_by()}",
        "object-src 'none'",
    )
    response.headers.setdefault("Content-Security-Policy", "; ".join(rules))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if request.endpoint != "static" and not (request.endpoint or "").endswith(".static"):
        response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def _framed_by() -> str:
    return current_app.config.get("CONSOLE_URL") or "'none'"
