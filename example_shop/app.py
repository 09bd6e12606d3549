"""The application factory: settings, pages, and the benefits extension."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from example_shop import benefit_loaders  # noqa: F401  # importing it registers the four loaders
from example_shop.catalogue import search
from example_shop.catalogue.products import CATEGORIES
from example_shop.checkout import carts
from example_shop.customers import current_customer, formatting
from example_shop.extensions import benefits, db
from example_shop.pages import account, cart, catalogue, checkout, form_tokens, order, returns, security_headers

DATABASE_NAME = "shop.sqlite3"
SECRET_NAME = "secret.key"  # noqa: S105  # the name of a file
_PAGES = (catalogue, cart, account, checkout, order, returns)


def create_app(data: Path, config: Mapping[str, Any] | None = None) -> Flask:
    """Create the shop, with its files in ``data``.

    ``config`` has at least ``PAYMENTS_URL`` and the extension's connection to Omneo (``OMNEO_BASE_URL``,
    ``OMNEO_TOKEN``); it may replace any other setting too. Raises the extension's `SettingsError`.
    """
    app = Flask(__name__)
    data.mkdir(parents=True, exist_ok=True)
    app.config.from_mapping(_settings(data.resolve()))
    app.config.from_mapping(config or {})
    db.init_app(app)
    benefits.init_app(app)
    form_tokens.init_app(app)
    security_headers.init_app(app)
    formatting.init_app(app)
    for module in _PAGES:
        app.register_blueprint(module.blueprint)
    app.register_error_handler(HTTPException, _show_error)
    app.context_processor(_for_every_page)
    return app


def close_app(app: Flask) -> None:
    """Stop the extension's worker, and close connections and databases, as the end of a process would."""
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
        "SHOP_LEASE_SECONDS": 60.0,  # longer than placing an order takes where every service is slow
        "SHOP_RESOLVE_SECONDS": 2.0,  # after a lost answer, before the shop asks the provider about it
        "SHOP_APPROVAL_SECONDS": 30 * 60.0,  # how long the shopper may take on the payment provider's page
        "SHOP_CROWD": 0,  # how many shoppers of load tests there are, besides those with a sign-in button
        "OMNEO_TIMEZONE": "Australia/Melbourne",
        "BENEFITS_POLICIES": str(Path(__file__).with_name("benefits.toml")),
        "BENEFITS_BASE_TEMPLATE": "base.html",
        "BENEFITS_LOGIN_URL": "/sign-in",
        "BENEFITS_CHECKOUT_URL": "/checkout",
        "BENEFITS_ORDER_URL": "/orders/{order_number}",
    }


def _secret(file: Path) -> str:
    """Return the key that signs sessions and forms; created once, so that a restart signs nobody out.

    Several processes may start at the same time: each of them reads the same, complete key.
    """
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32), "utf-8")
        with suppress(FileExistsError):
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text("utf-8")


def _for_every_page() -> dict[str, Any]:
    return {
        "customer": current_customer.get(),
        "cart_count": carts.count(),
        "categories": CATEGORIES,
        "has_picture": search.find,
    }


def _show_error(error: HTTPException) -> tuple[str, int] | Response | HTTPException:
    """Show an error page with a way on; the extension renders its own, in the shop's layout."""
    if error.code is None or error.code < 400 or request.blueprint == benefits.blueprint.name:
        return error
    return render_template("problem.html", error=error), error.code
