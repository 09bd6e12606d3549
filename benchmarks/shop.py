"""A shop of a few lines with our plugin: account page, a checkout page, an order, and a page that is the shop's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, g, render_template, render_template_string, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.test import EnvironBuilder, run_wsgi_app

from benchmarks import bare
from benchmarks.page import MOST, cards, claimable_of, held_of, policies
from claimable_benefits import Cart, ClaimableBenefits, Line, Shopper
from claimable_benefits.runtime import Runtime

PAGE = "/account/benefits"
_KEY = "bench"
_CHECKOUT = "<!doctype html><title>Checkout</title>{{ benefits_panel() }}"


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """The shop; its settings come from ``config``, or from ``FLASK_`` variables of its environment."""
    benefits = ClaimableBenefits()
    app = Flask("benchmarks.shop", template_folder="templates", instance_path=str(_folder(config)))
    app.secret_key = _KEY
    app.config.from_prefixed_env()
    app.config.update(config or {})
    shown = cards([held_of(n, "p") for n in range(8)], [claimable_of(n) for n in range(4)], bare.TOKEN)
    cart = Cart("cart-1", (Line("shirt", "Linen shirt", 1, Decimal("99.99")),), "AUD")
    benefits.shopper_loader(lambda: Shopper(customer) if (customer := session.get("customer")) else None)
    benefits.cart_loader(lambda: g.get("cart", cart))
    benefits.init_app(app)
    app.add_url_rule("/checkout", "checkout", lambda: render_template_string(_CHECKOUT))
    app.add_url_rule("/host", "host", lambda: render_template("plain.html", **shown))

    @app.post("/order/<number>")
    def order(number: str) -> str:
        with benefits.redeeming(number) as use:
            return use.name if use else ""

    return app


def settings(folder: Path, base_url: str, *, kinds: int = MOST, **more: Any) -> dict[str, Any]:
    """The configuration of a shop in ``folder``, with the policies of as many ``kinds`` of benefits."""
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
    """The same for another process."""
    return {f"FLASK_{key}": str(value) for key, value in config.items()}


@cache
def cookie(customer: str) -> str:
    """The session cookie of a shopper who is signed in."""
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
        """A page, as a shopper sees it. Anything but 200 is an error."""
        return self.request(customer, path)().decode()

    def request(self, customer: str, path: str = PAGE) -> Callable[[], bytes]:
        """As `get`, but ready: what a test client needs to build a request is no part of what a page costs."""
        environ = EnvironBuilder(path=path, headers=[("Cookie", cookie(customer))]).get_environ()

        def ask() -> bytes:
            body, status, _ = run_wsgi_app(self.app.wsgi_app, dict(environ))
            page = b"".join(body)
            if not status.startswith("200 "):
                raise RuntimeError(f"{path} answers {status}: {page[:300].decode()}")
            return page

        return ask

    def post(self, customer: str, path: str, fields: dict[str, str] | None = None) -> int:
        """Send a form."""
        client = self.app.test_client(use_cookies=False)
        return client.post(path, data=fields or {}, headers={"Cookie": cookie(customer)}).status_code

    def forget(self, profile_id: str) -> None:
        """Let the next page of a profile be a cold one."""
        self.runtime.context.wallets.forget(profile_id)


@contextmanager
def opened(folder: Path, base_url: str, **more: Any) -> Iterator[Shop]:
    """A shop in this process, closed with the block."""
    shop = Shop(create_app(settings(folder, base_url, **more)))
    try:
        yield shop
    finally:
        shop.runtime.close()


def _folder(config: dict[str, Any] | None) -> Path:
    path = (config or {}).get("BENEFITS_POLICIES") or os.environ["FLASK_BENEFITS_POLICIES"]
    return Path(path).parent
