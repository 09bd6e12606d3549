from __future__ import annotations

from collections.abc import Iterator

import pytest

from claimable_benefits.ledger import Ledger
from tests.ledger.rows import open_ledger


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = open_ledger(ledger_url)
    yield opened
    opened.close()
