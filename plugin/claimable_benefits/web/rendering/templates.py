"""Where our templates are, and whether a shop has replaced one of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from flask import current_app

# A template whose output is cached, with the templates of ours that it includes, imports or extends.
TEMPLATES_OF = {
    "wallet.html": ("wallet.html", "cards.html", "parts.html"),
    "list.html": ("list.html", "base.html", "wallet.html", "cards.html", "parts.html"),
    "panel.html": ("panel.html", "parts.html"),
}


@cache
def templates_folder() -> Path:
    """Return the folder beside the package in an installed wheel, at the top of the checkout otherwise."""
    package = Path(__file__).resolve().parents[2]
    shipped = package / "templates"
    return shipped if shipped.is_dir() else package.parent.parent / "templates"


def is_replaced(name: str) -> bool:
    """Whether the shop has a file of its own for the template ``name`` or for one that it uses.

    A shop's template may depend on anything in the request; ours depend on nothing but the values they are given.
    """
    environment = current_app.jinja_env
    return any(
        environment.get_template(f"claimable_benefits/{each}").filename
        != environment.get_template(f"claimable_benefits:{each}").filename
        for each in TEMPLATES_OF[name]
    )
