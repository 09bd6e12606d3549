"""Rows to put into a ledger, and what a second process does to one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.claims import Claim, add_claim
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import put_delivery
from claimable_benefits.ledger.uses import Use, add_use, find_use, touch_use

Given = TypeVar("Given")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
WHY = Audit("shopper 1001", "for a test", NOW)
GIFT = Benefit("7", Definition("1", "gift", "A gift"), remaining=1)


def later(**span: float) -> Audit:
    """The same reason, at a later time."""
    return Audit(WHY.actor, WHY.reason, NOW + timedelta(**span))


def open_ledger(url: str) -> Ledger:
    ledger = Ledger(url)
    ledger.create_tables()
    return ledger


def new_use(connection: Connection, audit: Audit = WHY, **values: Any) -> Use:
    """A hold of benefit 7 in a cart of its own."""
    use_id = str(uuid4())
    usual: dict[str, Any] = {
        "use_id": use_id,
        "reference": f"shop-{use_id}",
        "channel": "checkout",
        "customer_id": "1001",
        "profile_id": "mia",
        "benefit_id": "7",
        "definition_handle": "gift",
        "name": "A gift",
        "code": None,
        "instructions": "",
        "slot": 0,
        "cart_id": f"cart of {use_id}",
        "baseline_remaining": 1,
        "held_until": NOW + timedelta(minutes=30),
    }
    return add_use(connection, audit, **(usual | values))


def new_claim(connection: Connection, **values: Any) -> Claim:
    claim_id = str(uuid4())
    usual: dict[str, Any] = {
        "claim_id": claim_id,
        "reference": f"shop-{claim_id}",
        "customer_id": "1001",
        "profile_id": "mia",
        "definition_id": "1",
        "definition_handle": "gift",
        "name": "A gift",
        "sent_at": NOW,
        "lease_until": NOW + timedelta(seconds=40),
    }
    return add_claim(connection, WHY, **(usual | values))


def sale(number: str, total: str = "89.99") -> Transaction:
    item = Item("Linen shirt", 1, Decimal("99.99"), Decimal(total))
    return Transaction(number, "1001", Decimal(total), Decimal("99.99"), NOW, "AUD", (item,))


def queue(connection: Connection, number: str, total: str = "89.99", audit: Audit = WHY, **links: Any) -> None:
    put_delivery(connection, sale(number, total), audit, **({"use_id": None, "redemption_id": None} | links))


def write_much(url: str, writer: str, rows: int, shared: str) -> None:
    """What each of several processes does: rows of its own, and as many changes of one row that all of them change."""
    ledger = Ledger(url)
    for number in range(rows):
        with ledger.write() as connection:
            new_use(connection, benefit_id=f"{writer}-{number}")
            queue(connection, f"{writer}-{number}")
        _count_up(ledger, shared)
    ledger.close()


def _count_up(ledger: Ledger, use_id: str) -> None:
    """Read in one transaction, change in another, and read again after a conflict."""
    while True:
        with ledger.read() as connection:
            seen = find_use(connection, use_id)
        assert seen is not None
        try:
            with ledger.write() as connection:
                touch_use(connection, seen, NOW, attempts=seen.attempts + 1)
        except ConflictError:
            continue
        return


def at_once(number: int, do: Callable[[int], Given]) -> list[Given]:
    """Let so many threads begin at the same moment."""
    together = threading.Barrier(number)

    def begin(place: int) -> Given:
        together.wait()
        return do(place)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))
