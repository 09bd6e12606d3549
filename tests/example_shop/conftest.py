"""The running shop with its payment provider and a sandbox, on real sockets, and shoppers with browsers."""

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
from example_shop.server.run import Running, start
from example_shop.server.seed import add_old_order
from tests.example_shop.browser import Browser

GOOD_CARD = "4242 4242 4242 4242"
FAST: dict[str, Any] = {
    "PAYMENTS_TIMEOUT": 20.0,  # a busy machine is no provider that answers late
    "SHOP_RESOLVE_SECONDS": 60.0,  # a test lets that time pass itself
    "BENEFITS_WORKER": "off",
    "BENEFITS_PAGE_BUDGET_MS": 10_000,  # … and no slow Omneo
}
LATE_SECONDS = 5.0


DEAD = "The process is dead."


class Death(BaseException):
    """The end of the shop's process: no `except Exception` catches it."""


class RunningShop:
    """The shop with its services, as other systems and shoppers reach it."""

    def __init__(self, running: Running, stack: ExitStack, data: Path) -> None:
        self.running = running
        self.url = running.shop_url
        self.data = data
        self._stack = stack

    @property
    def sandbox(self) -> RunningSandbox:
        """The Omneo of this shop."""
        assert self.running.sandbox is not None
        return self.running.sandbox

    def browser(self, shopper: str | None = None, *skus: str) -> Browser:
        """Open a browser, signed in as ``shopper`` (None: a guest), with products in the cart."""
        browser = Browser(self.url)
        self._stack.callback(browser.close)
        if shopper:
            browser.go("/sign-in?next=/cart")
            browser.press(f"Sign in as {shopper}")
        for sku in skus:
            browser.go(f"/products/{sku}")
            browser.press("Add to cart")
        return browser

    def payments(self, number: str) -> list[dict[str, Any]]:
        """Return the provider's payments for an order."""
        url = f"{self.running.payments_url}/payments"
        found: list[dict[str, Any]] = requests.get(url, {"reference": number}, timeout=60).json()["data"]
        return found

    def reset(self) -> None:
        """Empty the shop, the ledger and the payment provider, and seed the sandbox again."""
        requests.post(f"{self.sandbox.url}/_sandbox/reset", json={"seed": "demo"}, timeout=60).raise_for_status()
        for name in ("shop.sqlite3", "payments.sqlite3"):
            with closing(sqlite3.connect(self.data / name, timeout=60)) as connection, connection:
                for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    connection.execute(f"DELETE FROM {table}")  # noqa: S608  # names of our own tables
        self.running.app.extensions["claimable_benefits"].clicks.reset()
        add_old_order(self.running.app)

    def payment_states(self) -> list[str]:
        """Return the status of all payments, oldest first, from the provider's own file."""
        return [status for status, _ in self._all_payments()]

    def payment_references(self) -> list[str]:
        """Return the order numbers of all payments, oldest first."""
        return [reference for _, reference in self._all_payments()]

    def _all_payments(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.data / "payments.sqlite3")) as connection:
            return connection.execute("SELECT status, reference FROM payments ORDER BY rowid").fetchall()

    def write(self, statement: str) -> None:
        """Change the shop's database, as a crash would leave it."""
        with closing(sqlite3.connect(self.data / "shop.sqlite3", timeout=60)) as connection, connection:
            connection.execute(statement)

    @contextmanager
    def dying_before(self, statement: str, parameters: str | None = None) -> Iterator[None]:
        """Let the shop's process die once, just before it sends a statement to its database."""
        with self._raising_before(Death(), statement, parameters):
            yield

    @contextmanager
    def failing_before(self, statement: str, parameters: str | None = None) -> Iterator[None]:
        """Let a statement fail once, as a full disk would."""
        with self._raising_before(OSError("The disk is full."), statement, parameters):
            yield

    @contextmanager
    def _raising_before(self, error: BaseException, statement: str, parameters: str | None) -> Iterator[None]:
        raised: list[str] = []

        def fail(_connection: object, _cursor: object, sql: str, values: object, *_more: object) -> None:
            if not raised and statement in sql and (parameters is None or parameters in str(values)):
                raised.append(sql)
                raise error

        engine = db.engine_of(self.running.app)
        event.listen(engine, "before_cursor_execute", fail)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", fail)
        assert raised, f"{statement!r} was never sent"

    @contextmanager
    def provider_down(self) -> Iterator[None]:
        """Let nothing listen at the payment provider's address."""
        config = self.running.app.config
        address, config["PAYMENTS_URL"] = config["PAYMENTS_URL"], "http://127.0.0.1:9"
        try:
            yield
        finally:
            config["PAYMENTS_URL"] = address

    def pass_time(self, minutes: float) -> None:
        """Let time pass for all services, without sleeping.

        All times in the database, the shop's and the ledger's, move back, and Omneo's clock moves forward.
        """
        with closing(sqlite3.connect(self.data / "shop.sqlite3", timeout=60)) as connection, connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
                for name in [column[1] for column in columns if column[2] == "DATETIME"]:
                    back = f"strftime('%Y-%m-%d %H:%M:%f', {name}, '-{minutes} minutes') || '000'"
                    connection.execute(f"UPDATE {table} SET {name} = {back} WHERE {name} IS NOT NULL")  # noqa: S608  # our own names
        self.sandbox.clock.move(seconds=int(minutes * 60))

    def work(self) -> None:
        """Run one turn of the extension's worker."""
        with self.running.app.app_context():
            benefits.run_once()

    def omneo(self, method: str, path: str, **body: Any) -> Any:
        """Call Omneo, as another system of the merchant would."""
        headers = {"Authorization": f"Bearer {self.sandbox.token}"}
        answer = requests.request(method, self.sandbox.base_url + path, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def benefits_of(self, customer: str) -> dict[str, dict[str, Any]]:
        """Return a shopper's benefits at Omneo, by handle."""
        held = self.omneo("GET", f"/profiles/{self.profile_of(customer)}/benefits")["data"]
        return {each["definition"]["handle"]: each for each in held}

    def profile_of(self, customer: str) -> str:
        """Return the profile id of a shopper."""
        found = self.omneo("POST", "/profiles/search-id", type="ecommerce", id=customer)
        return str(found["data"]["id"])

    def redeem_at_the_till(self, customer: str, handle: str) -> None:
        """Redeem a benefit in the store, unknown to the web shop."""
        benefit = self.benefits_of(customer)[handle]
        path = f"/profiles/{self.profile_of(customer)}/benefits/{benefit['id']}/redemptions"
        self.omneo("POST", path, issued_at="2026-01-01 10:00:00", timezone="UTC", external_id="TILL-1")


@pytest.fixture
def make_shop(tmp_path: Path) -> Iterator[Callable[..., RunningShop]]:
    """Start shops with other settings."""
    with ExitStack() as stack:
        yield lambda **config: _start(stack, tmp_path, config)


@pytest.fixture(scope="session")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """Start one shop for all tests; its worker is off, so that nothing happens by itself."""
    with ExitStack() as stack:
        yield _start(stack, tmp_path_factory.mktemp("shared"), {})


@pytest.fixture
def shop(shared_shop: RunningShop) -> Iterator[RunningShop]:
    """The running shop as on its first day: no shopper has bought or claimed anything yet."""
    shared_shop.reset()
    with ExitStack() as stack:
        yield RunningShop(shared_shop.running, stack, shared_shop.data)


def _start(stack: ExitStack, data: Path, config: dict[str, Any]) -> RunningShop:
    running = start(data=data, late_seconds=LATE_SECONDS, environ={}, config={**FAST, **config})
    running.app.wsgi_app = _mortal(running.app.wsgi_app)  # type: ignore[method-assign]  # as Flask's own docs do
    return RunningShop(stack.enter_context(running), stack, data)


def _mortal(shop: Callable[..., Any]) -> Callable[..., Any]:
    """Answer `DEAD` where the process would have died."""

    def answer(environ: Any, start_response: Any) -> Any:
        try:
            return shop(environ, start_response)
        except Death:
            return Response(DEAD, 500)(environ, start_response)

    return answer


@pytest.fixture
def impatient(shop: RunningShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's late answers come too late for the shop."""
    monkeypatch.setitem(shop.running.app.config, "PAYMENTS_TIMEOUT", 2.0)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The shop alone: nothing listens at the addresses of Omneo and of the payment provider."""
    nowhere = {"PAYMENTS_URL": "http://127.0.0.1:9", "OMNEO_BASE_URL": "http://127.0.0.1:9/api/v3", "OMNEO_TOKEN": "t"}
    app = create_app(tmp_path_factory.mktemp("alone"), {**nowhere, **FAST})
    yield app
    close_app(app)
