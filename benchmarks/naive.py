"""The integration that comes of following Omneo's guide step by step, with a call wherever it shows one.

Each page looks the shopper up, then asks for both lists: one call after the other, each over a connection of its own.
"""

from __future__ import annotations

import os
from typing import Any

import requests
from flask import Flask, render_template, session

from benchmarks.bare import TOKEN
from benchmarks.page import cards


def create_app() -> Flask:
    """A shop with one page; ``OMNEO_BASE_URL`` and ``OMNEO_TOKEN`` are in its environment."""
    app = Flask("benchmarks.naive", template_folder="templates")
    app.secret_key = "bench"  # noqa: S105 - everybody may know it
    base_url = os.environ["OMNEO_BASE_URL"]
    headers = {"Authorization": f"Bearer {os.environ['OMNEO_TOKEN']}", "Content-Type": "application/json"}

    def ask(path: str, **query: str) -> Any:
        answer = requests.get(f"{base_url}{path}", params=query, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()["data"]

    @app.get("/account/benefits")
    def benefits() -> str:
        profile_id = ask("/identities/search", handle="ecommerce", identifier=session["customer"])["profile_id"]
        held = ask(f"/profiles/{profile_id}/benefits")
        claimable = ask(f"/profiles/{profile_id}/benefits/claimable")
        return render_template("plain.html", **cards(held, claimable, TOKEN))

    return app
