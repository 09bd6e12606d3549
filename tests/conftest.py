"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.chromium import REMEDY, find_chromium, launch_arguments
from tests.support.postgres import Postgres, running_postgres


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium for the tests of one module.

    Not for the whole session: playwright keeps an event loop running in this thread, and code that starts one of its
    own would fail in every test that comes later.
    """
    path = find_chromium()
    assert path is not None, REMEDY
    with sync_playwright() as playwright:
        expect.set_options(timeout=20_000)  # a busy machine shall not pass for a page that does not come
        browser = playwright.chromium.launch(executable_path=path, args=launch_arguments())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, started for the first test that asks for it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a ledger without rows: every test that uses one runs on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.empty_ledger()
