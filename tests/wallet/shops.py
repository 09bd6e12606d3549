"""Shops of a process or two over one ledger, with an Omneo on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask, render_template_string, request
from flask.testing import FlaskClient

from claimable_benefits import Cart, ClaimableBenefits, Line, Shopper
from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox
from claimable_benefits.service.context import Context
from claimable_benefits.wallet.wallet_cache import WalletCache
from tests.web.reading import Element, Form, forms, read_page

HERE = "/account/benefits"
POLICIES = """
[lounge]
used_at = "account"

[tenner]
discount = "amount"
size = "10 AUD"
used_at = "checkout"
"""


@dataclass
class Shop:
    """One process of a shop; a header names who is signed in."""

    app: Flask
    client: FlaskClient

    @property
    def ctx(self) -> Context:
        context: Context = self.app.extensions["claimable_benefits"].context
        return context

    @property
    def wallets(self) -> WalletCache:
        return self.ctx.wallets

    def get(self, customer_id: str, path: str = HERE) -> tuple[int, str]:
        with self.app.test_client() as client:
            answer = client.get(path, headers={"X-Customer": customer_id})
            return answer.status_code, answer.text

    def read(self, customer_id: str, path: str = HERE) -> Element:
        status, text = self.get(customer_id, path)
        assert status == 200, text
        return read_page(text)

    def form(self, customer_id: str, label: str, path: str = HERE) -> Form:
        return forms(self.read(customer_id, path))[label]

    def send(self, customer_id: str, form: Form) -> int:
        return self.client.post(form.action, data=form.fields, headers={"X-Customer": customer_id}).status_code


def make_shop(folder: Path, sandbox_config: dict[str, str], **config: Any) -> Flask:
    benefits = ClaimableBenefits(sleep=lambda _: None)
    app = Flask("tests.service.shop", instance_path=str(folder))
    (folder / "policies.toml").write_text(POLICIES, encoding="utf-8")
    app.config.update(
        SECRET_KEY="a key for tests",
        TESTING=True,
        BENEFITS_POLICIES=str(folder / "policies.toml"),
        BENEFITS_DATABASE_URL=f"sqlite:///{folder / 'ledger.sqlite3'}",
        BENEFITS_WORKER="off",
    )
    app.config.update(sandbox_config, BENEFITS_CACHE_SECONDS=60)  # these shops are about what is remembered
    app.config.update(config)
    cart = Cart("cart-1", (Line("shirt", "Linen shirt", 1, Decimal("99.99")),), "AUD")
    benefits.shopper_loader(lambda: Shopper(name) if (name := request.headers.get("X-Customer")) else None)
    benefits.cart_loader(lambda: cart)
    benefits.init_app(app)
    app.add_url_rule("/checkout", "checkout", view_func=lambda: render_template_string("{{ benefits_panel() }}"))
    app.add_url_rule("/bare", "bare", view_func=lambda: "bare")
    return app


@contextmanager
def open_shop(folder: Path, sandbox: OmneoSandbox, **config: Any) -> Iterator[Shop]:
    app = make_shop(folder, sandbox.config, **config)
    try:
        yield Shop(app, app.test_client())
    finally:
        app.extensions["claimable_benefits"].close()


def meet(shop: Shop, sandbox: OmneoSandbox, *customers: str) -> None:
    """Let the shop's ledger know these customers' profiles, and forget what it has read of them."""
    for customer_id in customers:
        shop.get(customer_id)
        with shop.ctx.ledger.read() as connection:
            from claimable_benefits.ledger.profile_ids import known_profile

            profile_id = known_profile(connection, customer_id)
        assert profile_id is not None
        shop.wallets.forget(profile_id)
    sandbox.running.calls.clear()


def asked(sandbox: OmneoSandbox) -> list[str]:
    """What Omneo was asked, without the ids."""
    return sorted(
        f"{call.method} {call.path.rpartition('/profiles/')[2].partition('/')[2]}" for call in sandbox.calls()
    )
