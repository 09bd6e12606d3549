"""A shop on real sockets with its payment provider and a sandbox, and people with browsers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response
from sqlalchemy import event

from claimable_benefits.sandbox import RunningSandbox
from example_shop.app import close_app, create_app
from example_shop.extensions import benefits, db
from example_shop.run import Running, start
from example_shop.seed import plant
from tests.example_shop.browser import Browser

GOOD_CARD = "4242 4242 4242 4242"
FAST: dict[str, Any] = {
    "PAYMENTS_TIMEOUT": 1.0,
    "SHOP_SETTLE_SECONDS": 0.2,
    "BENEFITS_WORKER": "off",
    "BENEFITS_PAGE_BUDGET_MS": 10_000,  # a busy machine shall not pass for a slow Omneo
}
LATE_SECONDS = 1.5


DEAD = "The process is dead."


class Death(BaseException):
    """The end of the shop's process, which none of its handlers takes for an error of theirs."""


class World:
    """The running services, as seen from outside."""

    def __init__(self, running: Running, stack: ExitStack, data: Path) -> None:
        self.running = running
        self.shop_url = running.shop_url
        self.data = data
        self._stack = stack

    @property
    def sandbox(self) -> RunningSandbox:
        """The Omneo of this world."""
        assert self.running.sandbox is not None
        return self.running.sandbox

    def browser(self, shopper: str | None = None, *skus: str) -> Browser:
        """A browser, signed in as somebody, with products in the cart."""
        browser = Browser(self.shop_url)
        self._stack.callback(browser.close)
        if shopper:
            browser.go("/sign-in?next=/cart")
            browser.press(f"Sign in as {shopper}")
        for sku in skus:
            browser.go(f"/products/{sku}")
            browser.press("Add to cart")
        return browser

    def payments(self, number: str) -> list[dict[str, Any]]:
        """What the payment provider knows of an order."""
        url = f"{self.running.payments_url}/payments"
        found: list[dict[str, Any]] = requests.get(url, {"reference": number}, timeout=5).json()["data"]
        return found

    def begin_anew(self) -> None:
        """Empty the shop, the ledger and the payment provider, and seed the sandbox again."""
        requests.post(f"{self.sandbox.url}/_sandbox/reset", json={"seed": "demo"}, timeout=5).raise_for_status()
        for name in ("shop.sqlite3", "payments.sqlite3"):
            with closing(sqlite3.connect(self.data / name, timeout=5)) as connection, connection:
                for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    connection.execute(f"DELETE FROM {table}")  # noqa: S608  # names of our own tables
        plant(self.running.app)

    def payment_states(self) -> list[str]:
        """How all payments stand, oldest first, as the provider's own file says."""
        return [status for status, _ in self._all_payments()]

    def payment_references(self) -> list[str]:
        """Whose payments they are, oldest first."""
        return [reference for _, reference in self._all_payments()]

    def _all_payments(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.data / "payments.sqlite3")) as connection:
            return connection.execute("SELECT status, reference FROM payments ORDER BY rowid").fetchall()

    def in_the_shops_file(self, statement: str) -> None:
        """Change what the shop has on file, as a crash in the wrong moment would leave it."""
        with closing(sqlite3.connect(self.data / "shop.sqlite3", timeout=5)) as connection, connection:
            connection.execute(statement)

    @contextmanager
    def dying_before(self, statement: str, parameters: str | None = None) -> Iterator[None]:
        """Let the shop's process die once, just before a statement goes to its database."""
        deaths: list[str] = []

        def die(_connection: object, _cursor: object, sql: str, values: object, *_more: object) -> None:
            if not deaths and statement in sql and (parameters is None or parameters in str(values)):
                deaths.append(sql)
                raise Death

        engine = db.engine_of(self.running.app)
        event.listen(engine, "before_cursor_execute", die)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", die)
        assert deaths, f"nobody has sent {statement!r}"

    @contextmanager
    def provider_down(self) -> Iterator[None]:
        """Nobody answers at the payment provider's address."""
        config = self.running.app.config
        address, config["PAYMENTS_URL"] = config["PAYMENTS_URL"], "http://127.0.0.1:9"
        try:
            yield
        finally:
            config["PAYMENTS_URL"] = address

    def pass_time(self, minutes: float) -> None:
        """Let time pass for everybody, and nobody sleep.

        The moments in the database, the shop's and the ledger's, move back, and Omneo's clock moves on.
        """
        with closing(sqlite3.connect(self.data / "shop.sqlite3", timeout=5)) as connection, connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
                for name in [column[1] for column in columns if column[2] == "DATETIME"]:
                    back = f"strftime('%Y-%m-%d %H:%M:%f', {name}, '-{minutes} minutes') || '000'"
                    connection.execute(f"UPDATE {table} SET {name} = {back} WHERE {name} IS NOT NULL")  # noqa: S608  # our own names
        self.sandbox.clock.move(seconds=int(minutes * 60))

    def work(self) -> None:
        """One turn of the plugin's worker."""
        with self.running.app.app_context():
            benefits.run_once()

    def omneo(self, method: str, path: str, **body: Any) -> Any:
        """Ask Omneo, as another system of the merchant's would."""
        headers = {"Authorization": f"Bearer {self.sandbox.token}"}
        answer = requests.request(method, self.sandbox.base_url + path, json=body, headers=headers, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def benefits_of(self, customer: str) -> dict[str, dict[str, Any]]:
        """A customer's benefits at Omneo, by handle."""
        held = self.omneo("GET", f"/profiles/{self.profile_of(customer)}/benefits")["data"]
        return {each["definition"]["handle"]: each for each in held}

    def profile_of(self, customer: str) -> str:
        """The profile id behind a customer id."""
        found = self.omneo("POST", "/profiles/search-id", type="ecommerce", id=customer)
        return str(found["data"]["id"])

    def redeem_at_the_till(self, customer: str, handle: str) -> None:
        """Use a benefit in the store, behind the web shop's back."""
        benefit = self.benefits_of(customer)[handle]
        path = f"/profiles/{self.profile_of(customer)}/benefits/{benefit['id']}/redemptions"
        self.omneo("POST", path, issued_at="2026-01-01 10:00:00", timezone="UTC", external_id="TILL-1")


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Start worlds whose settings differ from the usual."""
    with ExitStack() as stack:
        yield lambda **config: _start(stack, tmp_path, config)


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Started once; the plugin's worker is off, so nothing happens by itself."""
    with ExitStack() as stack:
        yield _start(stack, tmp_path_factory.mktemp("shared"), {})


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """Everything running, with quick timeouts, and as new: nobody has bought or claimed anything yet."""
    shared_world.begin_anew()
    with ExitStack() as stack:
        yield World(shared_world.running, stack, shared_world.data)


def _start(stack: ExitStack, data: Path, config: dict[str, Any]) -> World:
    running = start(data=data, late_seconds=LATE_SECONDS, environ={}, config={**FAST, **config})
    running.app.wsgi_app = _mortal(running.app.wsgi_app)  # type: ignore[method-assign]  # as Flask's own docs do
    return World(stack.enter_context(running), stack, data)


def _mortal(shop: Callable[..., Any]) -> Callable[..., Any]:
    """Say it where the process would have died."""

    def answer(environ: Any, start_response: Any) -> Any:
        try:
            return shop(environ, start_response)
        except Death:
            return Response(DEAD, 500)(environ, start_response)

    return answer


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The shop alone: nobody answers at Omneo and at the payment provider."""
    nowhere = {"PAYMENTS_URL": "http://127.0.0.1:9", "OMNEO_BASE_URL": "http://127.0.0.1:9/api/v3", "OMNEO_TOKEN": "t"}
    app = create_app(tmp_path_factory.mktemp("alone"), {**nowhere, **FAST})
    yield app
    close_app(app)
