"""The bare page: Flask and Jinja render the same HTML, without a session, a ledger, a token or a call to anybody."""

from __future__ import annotations

from flask import Flask, render_template

from benchmarks.page import CLAIMABLE, HELD, cards, claimable_of, held_of

TOKEN = "x" * 150  # as long as ours


def create_app() -> Flask:
    """A shop with one page."""
    app = Flask("benchmarks.bare", template_folder="templates")
    shown = cards([held_of(n, "p") for n in range(HELD)], [claimable_of(n) for n in range(CLAIMABLE)], TOKEN)

    @app.get("/account/benefits")
    def benefits() -> str:
        return render_template("plain.html", **shown)

    return app


def create_word() -> Flask:
    """A shop whose page is one word: nothing that Flask serves is faster."""
    app = Flask("benchmarks.bare")
    app.add_url_rule("/account/benefits", "word", lambda: "benefits")
    return app
