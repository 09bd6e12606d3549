from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from claimable_benefits.ledger import Ledger
from tests.conftest import address_of
from tests.ledger.rows import open_ledger


@pytest.fixture(params=["sqlite", "postgresql", "pgbouncer"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a ledger without rows; in this folder also one behind a pooler."""
    return address_of(request, tmp_path)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = open_ledger(ledger_url)
    yield opened
    opened.close()
