"""The shop for a real server: its settings, several processes at once, SQLite and PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from claimable_benefits import SettingsError
from example_shop import wsgi
from example_shop.app import close_app, create_app
from example_shop.checkout import carts
from example_shop.extensions import db
from example_shop.orders import orders
from example_shop.server import seed
from example_shop.storage.models import Cart

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"PAYMENTS_URL": "http://127.0.0.1:9", "OMNEO_BASE_URL": "http://127.0.0.1:9/api/v3", "OMNEO_TOKEN": "t"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database: each test that uses one runs on both kinds."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shop.sqlite3'}"
        return
    with request.getfixturevalue("postgres").empty_database() as url:
        yield url


def test_settings_come_from_the_environment_under_their_own_names() -> None:
    environ = {
        **NEEDED,
        "SHOP_DATABASE_URL": "postgresql+psycopg://shop@db/shop",
        "SHOP_LEASE_SECONDS": "12.5",
        "BENEFITS_RESOLVE_SECONDS": "50",
        "BENEFITS_LOCALE": "",
        "HOME": "/somewhere",
    }

    assert wsgi.settings(environ) == {
        **NEEDED,
        "SQLALCHEMY_ENGINES": {"default": "postgresql+psycopg://shop@db/shop"},
        "SHOP_LEASE_SECONDS": 12.5,
        "BENEFITS_RESOLVE_SECONDS": "50",
    }


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"PAYMENTS_URL": ""}, "PAYMENTS_URL: is not set."),
        ({"PAYMENTS_TIMEOUT": "soon"}, "PAYMENTS_TIMEOUT: 'soon' is no number of seconds."),
        ({"SHOP_RESOLVE_SECONDS": "0"}, "SHOP_RESOLVE_SECONDS: '0' is no number of seconds."),
    ],
)
def test_a_wrong_variable_is_named(wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        wsgi.settings({**NEEDED, **wrong})


@pytest.mark.timing
def test_processes_that_start_together_share_one_key_and_one_set_of_tables(tmp_path: Path, database_url: str) -> None:
    starts = (
        "from example_shop.wsgi import create_app; print('ready', flush=True); input(); print(create_app().secret_key)"
    )
    settings = {"SHOP_DATABASE_URL": database_url, "SHOP_DATA": str(tmp_path / "shop"), "BENEFITS_WORKER": "off"}
    environ = {**os.environ, **NEEDED, **settings}
    processes = [
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-c", starts],
            env=environ,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=300) for process in processes]
    keys = {out.strip() for out, _ in said}

    assert [process.returncode for process in processes] == [0] * 6, said
    assert len(keys) == 1
    assert len(keys.pop()) >= 40
    assert sorted(file.name for file in (tmp_path / "shop").glob("secret*")) == ["secret.key"]


@contextmanager
def serving(folder: Path, url: str) -> Iterator[Flask]:
    app = create_app(folder, {**NEEDED, "SQLALCHEMY_ENGINES": {"default": url}, "BENEFITS_WORKER": "off"})
    try:
        yield app
    finally:
        close_app(app)


def test_pieces_of_a_product_add_up_to_ten_at_most(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, database_url) as app, app.app_context():
        cart = Cart(customer_id="1001")
        db.session.add(cart)
        db.session.flush()
        for quantity in (2, 3, 7):
            carts.put(cart, "tideline-mug", quantity)
        db.session.commit()
        db.session.refresh(cart)
        counted = [line.quantity for line in cart.lines]

    assert counted == [carts.MOST_PIECES]


def test_times_and_amounts_are_read_as_they_were_written(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, database_url) as app, app.app_context():
        seed.add_old_order(app)
        db.session.expire_all()
        order = orders.find("100007")

        assert order is not None
        assert str(order.total) == "89.50"
        assert order.created_at.tzinfo is not None
        assert order.state == "paid"
        assert [str(line.unit_price) for line in order.lines] == ["89.50", "12.00"]
