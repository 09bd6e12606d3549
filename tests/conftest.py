"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.chromium import REMEDY, find_chromium, launch_arguments
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import Postgres, running_postgres
from tests.support.waiting import LIMIT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every browser test as one that waits."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timing)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium for the tests of one module.

    Not for the whole session: playwright keeps an event loop running in this thread, and code that starts one of its
    own would fail in every test that comes later.
    """
    path = find_chromium()
    assert path is not None, REMEDY
    with sync_playwright() as playwright:
        expect.set_options(timeout=LIMIT * 1000)  # a page that is slow on a busy machine is not missing
        browser = playwright.chromium.launch(executable_path=path, args=launch_arguments())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, started for the first test that asks for it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def pooled_ledger(postgres: Postgres) -> Iterator[str]:
    """The address of the same ledger behind a PgBouncer that gives each transaction another connection."""
    with running_pgbouncer(postgres.empty_ledger(), size=8) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a ledger without rows: every test that uses one runs on both databases."""
    return address_of(request, tmp_path)


def address_of(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger of the kind that the fixture's parameter names: "pgbouncer" is one of them."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    url = server.empty_ledger()
    return str(request.getfixturevalue("pooled_ledger")) if request.param == "pgbouncer" else url
