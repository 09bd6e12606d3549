"""The bare page: Flask and Jinja render the same HTML, without session, ledger, form token or call to Omneo."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template

from benchmarks.apps.page import CLAIMABLE, HELD, cards, claimable_of, held_of

TOKEN = "x" * 150  # as long as the plugin's


def create_app() -> Flask:
    """Create an app with the bare page alone."""
    app = Flask("benchmarks.apps.bare", template_folder="templates")
    shown = _cards()

    @app.get("/account/benefits")
    def benefits() -> str:
        return render_template("plain.html", **shown)

    return app


def _cards() -> dict[str, Any]:
    return cards([held_of(n, "p") for n in range(HELD)], [claimable_of(n) for n in range(CLAIMABLE)], TOKEN)
