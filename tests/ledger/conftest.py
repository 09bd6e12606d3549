from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from claimable_benefits.ledger import Ledger
from tests.ledger.rows import open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger in a file of its own."""
    opened = open_ledger(tmp_path / "ledger.sqlite3")
    yield opened
    opened.close()
