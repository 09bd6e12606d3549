"""The shop, put together: its settings, its pages, and the plugin."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from example_shop import accounts, carts, catalogue, checkout, guard, money, order_pages, return_pages, visitors
from example_shop.extensions import benefits, db
from example_shop.loyalty import cart, order, shopper  # noqa: F401  # registers the plugin's three loaders
from example_shop.products import CATEGORIES

DATABASE_NAME = "shop.sqlite3"
SECRET_NAME = "secret.key"  # noqa: S105  # the name of a file


def create_app(data: Path, config: Mapping[str, Any] | None = None) -> Flask:
    """The shop with its files in ``data``.

    ``config`` brings at least ``PAYMENTS_URL`` and what the plugin needs to reach Omneo (``OMNEO_BASE_URL``,
    ``OMNEO_TOKEN``); it may replace any other setting too.
    """
    app = Flask(__name__)
    data.mkdir(parents=True, exist_ok=True)
    app.config.from_mapping(_settings(data.resolve()))
    app.config.from_mapping(config or {})
    db.init_app(app)
    benefits.init_app(app)
    guard.init_app(app)
    money.init_app(app)
    for module in (catalogue, carts, accounts, checkout, order_pages, return_pages):
        app.register_blueprint(module.blueprint)
    app.register_error_handler(HTTPException, _explain)
    app.context_processor(_everywhere)
    return app


def close_app(app: Flask) -> None:
    """Stop the plugin's worker, and close connections and databases, as the end of a process would."""
    app.extensions["claimable_benefits"].close()
    db.engine_of(app).dispose()


def _settings(data: Path) -> dict[str, Any]:
    return {
        "SECRET_KEY": _secret(data / SECRET_NAME),
        "SESSION_COOKIE_NAME": "shop_session",
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_HTTPONLY": True,
        "MAX_CONTENT_LENGTH": 64 * 1024,
        "SQLALCHEMY_ENGINES": {"default": f"sqlite:///{data / DATABASE_NAME}"},
        "PAYMENTS_TIMEOUT": 3.0,  # seconds
        "PAYMENTS_STYLE": "two-step",  # or "single-step", where the provider takes the money at once
        "SHOP_LEASE_SECONDS": 60.0,  # longer than placing an order takes when everybody is slow
        "SHOP_SETTLE_SECONDS": 2.0,  # after a lost answer, before the provider is asked what became of the payment
        "SHOP_APPROVAL_SECONDS": 30 * 60.0,  # how long the shopper may take on the payment provider's page
        "SHOP_CROWD": 0,  # how many customers there are besides those with a button of their own
        "OMNEO_TIMEZONE": "Australia/Melbourne",
        "BENEFITS_POLICIES": str(Path(__file__).with_name("benefits.toml")),
        "BENEFITS_BASE_TEMPLATE": "base.html",
        "BENEFITS_LOGIN_URL": "/sign-in",
        "BENEFITS_CHECKOUT_URL": "/checkout",
        "BENEFITS_ORDER_URL": "/orders/{order_number}",
    }


def _secret(file: Path) -> str:
    """The key that signs sessions and forms; made once, so that a restart signs nobody out.

    Several processes may start at once: what they find is a whole key, and the same one.
    """
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32), "utf-8")
        with suppress(FileExistsError):
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text("utf-8")


def _everywhere() -> dict[str, Any]:
    return {
        "visitor": visitors.current(),
        "cart_count": carts.count(),
        "categories": CATEGORIES,
        "has_picture": catalogue.find,
    }


def _explain(error: HTTPException) -> tuple[str, int] | Response | HTTPException:
    """Say on a page of ours what is wrong, and where to go on; the plugin's pages say it themselves, in our layout."""
    if error.code is None or error.code < 400 or request.blueprint == benefits.blueprint.name:
        return error
    return render_template("problem.html", error=error), error.code
