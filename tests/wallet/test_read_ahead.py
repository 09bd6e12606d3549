"""Reading ahead: at most once in ten minutes, never while Omneo is not to be asked, and never in anybody's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask, session
from flask_login import LoginManager, UserMixin, login_user

from claimable_benefits import ClaimableBenefits, Shopper
from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger import key_values
from claimable_benefits.ledger.profile_ids import forget_profile
from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox
from claimable_benefits.wallet.read_ahead import ReadAhead
from claimable_benefits.wallet.source import WalletSource
from tests.support.waiting import LIMIT, wait_until
from tests.wallet.shops import HERE, Shop, asked, make_shop, meet, open_shop

MIA = Shopper("mia")


@pytest.fixture
def omneo(omneo_sandbox: OmneoSandbox) -> OmneoSandbox:
    omneo_sandbox.shopper("mia").holds("only-mias")
    omneo_sandbox.shopper("leo").holds("only-leos")
    return omneo_sandbox


@pytest.fixture
def shop(tmp_path: Path, omneo: OmneoSandbox) -> Iterator[Shop]:
    with open_shop(tmp_path, omneo) as opened:
        meet(opened, omneo, "leo")  # so that the tenant's dialect is known
        yield opened


def has_read(shop: Shop, shopper: Shopper = MIA) -> bool:
    version = shop.wallets.customer_version(shop.ctx.ledger, shopper)
    return version is not None and len(shop.wallets.wallets._memory) > 0  # type: ignore[union-attr]


def warm(shop: Shop, shopper: Shopper = MIA) -> None:
    with shop.app.test_request_context():
        ClaimableBenefits().warm(shopper)


def test_a_shopper_who_was_warmed_costs_no_round_trip(shop: Shop, omneo: OmneoSandbox) -> None:
    warm(shop)
    wait_until(lambda: has_read(shop))
    read = asked(omneo)
    omneo.running.calls.clear()

    assert "Only mias" in shop.get("mia")[1]
    assert asked(omneo) == []
    assert len(read) == 3


def test_a_known_shopper_is_warmed_with_both_lists(shop: Shop, omneo: OmneoSandbox) -> None:
    meet(shop, omneo, "mia")
    warm(shop)
    wait_until(lambda: has_read(shop))

    assert "Only mias" in shop.get("mia")[1]
    assert asked(omneo) == ["GET benefits", "GET benefits/claimable"]


@pytest.mark.parametrize("shopper", [None, "no shopper", 7])
def test_it_never_raises(shop: Shop, shopper: object) -> None:
    with shop.app.test_request_context():
        ClaimableBenefits().warm(shopper)  # type: ignore[arg-type]
    ClaimableBenefits().warm(MIA)  # without an app


def test_a_page_can_ask_for_it(tmp_path: Path, omneo: OmneoSandbox) -> None:
    app = make_shop(tmp_path, omneo.config)
    app.before_request(ClaimableBenefits().warm)
    shop = Shop(app, app.test_client())
    home = shop.get("mia", "/bare")
    guest = app.test_client().get("/bare")
    wait_until(lambda: has_read(shop))
    app.extensions["claimable_benefits"].close()

    assert home == (200, "bare")
    assert guest.status_code == 200


# What is read when, with a wallet cache that notes it.


@dataclass
class Desk:
    """A reader ahead with a clock to move; reads wait while its gate is closed."""

    now: float = 1000.0
    is_paused: bool = False
    has_open_breaker: bool = False
    read: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.gate.set()
        self.ahead = ReadAhead(_Wallets(self), _Source(self), lambda: self.is_paused, clock=lambda: self.now)  # type: ignore[arg-type]

    def warm(self, *names: str) -> None:
        for name in names:
            self.ahead.warm(Shopper(name))

    def finish(self) -> list[str]:
        """Let every read end; give whom they were of."""
        self.gate.set()
        wait_until(lambda: self.ahead._thread_pool._room._value == 52)
        return self.read


class _Wallets:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def prefetch(self, _source: WalletSource, shopper: Shopper) -> None:
        self._desk.begun.release()
        self._desk.gate.wait(LIMIT)
        self._desk.read.append(shopper.customer_id)


class _Source:
    def __init__(self, desk: Desk) -> None:
        self.omneo = self
        self._desk = desk

    def has_open_breaker(self) -> bool:
        return self._desk.has_open_breaker


@pytest.fixture
def desk() -> Iterator[Desk]:
    opened = Desk()
    yield opened
    opened.gate.set()
    opened.ahead.stop()


def test_a_shopper_is_read_at_most_once_in_ten_minutes(desk: Desk) -> None:
    desk.warm("mia", "mia", "leo")
    desk.now += 599
    desk.warm("mia")
    early = list(desk.finish())
    desk.now += 1
    desk.warm("mia")

    assert sorted(early) == ["leo", "mia"]
    assert sorted(desk.finish()) == ["leo", "mia", "mia"]


def test_the_queue_drops_and_nobody_waits_for_it(desk: Desk) -> None:
    desk.gate.clear()
    desk.warm("first", "second")
    assert desk.begun.acquire(timeout=LIMIT)
    assert desk.begun.acquire(timeout=LIMIT)
    desk.warm(*(f"c{number}" for number in range(500)))
    read = len(desk.finish())
    desk.warm("c499")  # dropped, so not noted as read

    assert read == 2 + 50
    assert desk.finish()[-1] == "c499"


@pytest.mark.parametrize("reason", ["is_paused", "has_open_breaker"])
def test_nothing_is_read_while_omneo_is_not_to_be_asked(desk: Desk, reason: str) -> None:
    setattr(desk, reason, True)
    desk.warm("mia")
    meanwhile = list(desk.finish())
    setattr(desk, reason, False)
    desk.warm("mia")

    assert (meanwhile, desk.finish()) == ([], ["mia"])


def test_a_pause_that_comes_while_a_read_waits_in_the_queue_stops_it(desk: Desk) -> None:
    desk.gate.clear()
    desk.warm("first", "second")
    assert desk.begun.acquire(timeout=LIMIT)
    assert desk.begun.acquire(timeout=LIMIT)
    desk.warm("third")
    desk.has_open_breaker = True

    assert sorted(desk.finish()) == ["first", "second"]


def test_it_remembers_a_bounded_number_of_shoppers(desk: Desk) -> None:
    desk.is_paused = True
    for number in range(10_100):
        desk.ahead._last.put(f"c{number}", 0.0, 1)

    assert len(desk.ahead._last) == 10_000


def test_a_ledger_that_is_down_is_logged_in_one_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> bool:
        raise LedgerUnavailable("The database is locked.")

    ahead = ReadAhead(_Wallets(desk), _Source(desk), fail)  # type: ignore[arg-type]
    ahead.warm(MIA)
    wait_until(lambda: "could not be read ahead" in caplog.text)
    ahead.stop()

    assert "Traceback" not in caplog.text


# What pauses it in a shop.


def test_after_a_429_and_while_deliveries_are_paused_nobody_is_warmed(shop: Shop, omneo: OmneoSandbox) -> None:
    now = shop.ctx.clock()
    with shop.ctx.ledger.write() as connection:
        until = now + timedelta(minutes=5)
        key_values.set_value(connection, "deliveries paused until", until.isoformat(), now)
    warm(shop)
    ahead = shop.app.extensions["claimable_benefits"].read_ahead
    wait_until(lambda: ahead._thread_pool._room._value == 52)
    while_paused = asked(omneo)
    with shop.ctx.ledger.write() as connection:
        key_values.set_value(connection, "deliveries paused until", now.isoformat(), now)
    omneo.running.faults.add("status", code=429, times=1)
    shop.get("leo")
    omneo.running.calls.clear()
    warm(shop)
    wait_until(lambda: ahead._thread_pool._room._value == 52)

    assert while_paused == []
    assert asked(omneo) == []


# Flask-Login.


class User(UserMixin):  # type: ignore[misc] # published without type information
    def __init__(self, customer_id: str) -> None:
        self.id = customer_id


def test_a_sign_in_with_flask_login_is_heard_by_itself(tmp_path: Path, omneo: OmneoSandbox) -> None:
    (tmp_path / "policies.toml").touch()
    app = Flask("tests.sign_in", instance_path=str(tmp_path))
    app.config.update(omneo.config, SECRET_KEY="test", BENEFITS_WORKER="off", BENEFITS_CACHE_SECONDS=60)
    app.config.update(BENEFITS_POLICIES=str(tmp_path / "policies.toml"))
    benefits = ClaimableBenefits()
    benefits.shopper_loader(lambda: Shopper(session["_user_id"]) if "_user_id" in session else None)
    benefits.init_app(app)
    LoginManager(app).user_loader(User)

    @app.post("/login/<customer_id>")
    def login(customer_id: str) -> str:
        login_user(User(customer_id))
        return "signed in"

    client = app.test_client()
    client.post("/login/mia")
    shop = Shop(app, client)
    wait_until(lambda: has_read(shop))
    omneo.running.calls.clear()
    page = client.get(HERE).text
    app.extensions["claimable_benefits"].close()

    assert "Only mias" in page
    assert asked(omneo) == []


def test_a_profile_that_is_forgotten_after_it_was_read_ahead_is_found_again(shop: Shop) -> None:
    warm(shop)
    wait_until(lambda: has_read(shop))
    with shop.ctx.ledger.write() as connection:
        forget_profile(connection, "mia")

    assert "Only mias" in shop.read("mia").text
