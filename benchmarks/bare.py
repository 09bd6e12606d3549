"""The bare page: Flask and Jinja render the same HTML, without a session, a ledger, a token or a call to anybody."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, session
from flask.wrappers import Response

from benchmarks.page import CLAIMABLE, HELD, cards, claimable_of, held_of

TOKEN = "x" * 150  # as long as ours


def create_app() -> Flask:
    """A shop with one page."""
    app = Flask("benchmarks.bare", template_folder="templates")
    shown = _cards()

    @app.get("/account/benefits")
    def benefits() -> str:
        return render_template("plain.html", **shown)

    return app


def create_ready() -> Flask:
    """The same page, made beforehand for everybody: no page for whoever is signed in, of that size, is faster."""
    app = Flask("benchmarks.bare", template_folder="templates")
    app.secret_key = "bench"  # noqa: S105 - everybody may know it
    with app.app_context():
        page = render_template("plain.html", **_cards()).encode()

    @app.get("/account/benefits")
    def benefits() -> bytes:
        return page if session["customer"] else b""

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return app


def _cards() -> dict[str, Any]:
    return cards([held_of(n, "p") for n in range(HELD)], [claimable_of(n) for n in range(CLAIMABLE)], TOKEN)
