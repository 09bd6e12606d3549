"""A shop of a few lines with the plugin: account page, checkout page, an order, and a page of the shop's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, render_template, render_template_string, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.test import EnvironBuilder, run_wsgi_app

from benchmarks.apps import bare
from benchmarks.apps.page import MOST, cards, claimable_of, held_of, policies
from claimable_benefits import Cart, ClaimableBenefits, Line, Shopper
from claimable_benefits.runtime import Runtime

PAGE = "/account/benefits"
CUSTOMER_KEY = "benchmarks.customer"  # of the WSGI environment
_KEY = "bench"
_LINES = (Line("shirt", "Linen shirt", 1, Decimal("99.99")),)
_CHECKOUT = "<!doctype html><title>Checkout</title>{{ benefits_panel() }}"


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """Create the shop from ``config``, or from the ``FLASK_`` variables of the environment."""
    benefits = ClaimableBenefits()
    app = Flask("benchmarks.apps.shop", template_folder="templates", instance_path=str(_folder(config)))
    app.secret_key = _KEY
    app.config.from_prefixed_env()
    app.config.update(config or {})
    shown = cards([held_of(n, "p") for n in range(8)], [claimable_of(n) for n in range(4)], bare.TOKEN)
    benefits.shopper_loader(_shopper)
    benefits.cart_loader(_cart)
    benefits.init_app(app)
    app.add_url_rule("/checkout", "checkout", lambda: render_template_string(_CHECKOUT))
    app.add_url_rule("/host", "host", lambda: render_template("plain.html", **shown))

    @app.post("/order/<number>")
    def order(number: str) -> str:
        with benefits.redeeming(number) as use:
            return use.name if use else ""

    return app


def settings(folder: Path, base_url: str, *, kinds: int = MOST, **more: Any) -> dict[str, Any]:
    """Return the configuration of a shop in ``folder``, with policies for as many ``kinds`` of benefits."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policies.toml").write_text(policies(kinds), encoding="utf-8")
    return {
        "OMNEO_BASE_URL": base_url,
        "OMNEO_TOKEN": "token",
        "OMNEO_DIALECT": "guide",
        "BENEFITS_DATABASE_URL": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "BENEFITS_POLICIES": str(folder / "policies.toml"),
        "BENEFITS_WORKER": "off",
        **more,
    }


def environment(config: dict[str, Any]) -> dict[str, str]:
    """Return a configuration as environment variables of another process."""
    return {f"FLASK_{key}": str(value) for key, value in config.items()}


@cache
def cookie(customer: str) -> str:
    """Return the session cookie of a shopper who is signed in."""
    app = Flask("benchmarks.cookie")
    app.secret_key = _KEY
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None  # noqa: S101 - there is a key
    return f"session={signer.dumps({'customer': customer})}"


class Shop:
    """A shop in this process."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.runtime: Runtime = app.extensions["claimable_benefits"]

    def get(self, customer: str, path: str = PAGE) -> str:
        """Return a page; raises `RuntimeError` for any status but 200."""
        return self.request(customer, path)().decode()

    def request(self, customer: str, path: str = PAGE) -> Callable[[], bytes]:
        """Return a function that gets the page: building the request is no part of what a page costs."""
        environ = EnvironBuilder(path=path, headers=[("Cookie", cookie(customer))]).get_environ()

        def ask() -> bytes:
            body, status, _ = run_wsgi_app(self.app.wsgi_app, dict(environ))
            page = b"".join(body)
            if not status.startswith("200 "):
                raise RuntimeError(f"{path} answers {status}: {page[:300].decode()}")
            return page

        return ask

    def post(self, customer: str, path: str, fields: dict[str, str] | None = None) -> int:
        """Send a form and return the status."""
        client = self.app.test_client(use_cookies=False)
        return client.post(path, data=fields or {}, headers={"Cookie": cookie(customer)}).status_code

    def forget(self, profile_id: str) -> None:
        """Drop a profile's wallet from the cache, so that the next page is a cold one."""
        self.runtime.context.wallets.forget(profile_id)


@contextmanager
def opened(folder: Path, base_url: str, **more: Any) -> Iterator[Shop]:
    """Open a shop in this process and close it with the block."""
    shop = Shop(create_app(settings(folder, base_url, **more)))
    try:
        yield shop
    finally:
        shop.runtime.close()


def _shopper() -> Shopper | None:
    """Return the shopper of the session, or the one that `benchmarks.apps.visits` names."""
    customer = request.environ.get(CUSTOMER_KEY) or session.get("customer")
    return Shopper(customer) if customer else None


def _cart() -> Cart:
    return Cart(f"cart of {session.get('customer')}", _LINES, "AUD")


def _folder(config: dict[str, Any] | None) -> Path:
    path = (config or {}).get("BENEFITS_POLICIES") or os.environ["FLASK_BENEFITS_POLICIES"]
    return Path(path).parent
