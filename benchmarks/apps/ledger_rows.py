"""A ledger on its own, with rows to move and to deliver."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import put_delivery
from claimable_benefits.ledger.tables import uses
from claimable_benefits.ledger.uses import Use, add_use, move_use
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.service.context import Context

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
WHY = Audit("benchmark", "to measure", AT)


def open_ledger(path: Path) -> Ledger:
    """Open a ledger in SQLite, with its tables."""
    ledger = Ledger(f"sqlite:///{path}")
    ledger.create_tables()
    return ledger


def context_of(ledger: Ledger, omneo: OmneoClient) -> Context:
    """Return what the service's functions take; the shop knows no order."""
    return Context(
        ledger=ledger, omneo=omneo, clock=lambda: datetime.now(UTC), sleep=time.sleep, order_loader=_no_order
    )


def add_held(ledger: Ledger, count: int) -> list[Use]:
    """Add held uses, each of another benefit."""
    usual: dict[str, Any] = {
        "channel": "checkout",
        "customer_id": "1001",
        "profile_id": "mia",
        "definition_handle": "gift",
        "name": "A gift",
        "instructions": "",
        "slot": 0,
        "held_until": AT + timedelta(minutes=30),
    }
    with ledger.write() as connection:
        start = connection.execute(uses.select()).all()
        numbers = range(len(start), len(start) + count)
        return [
            add_use(connection, WHY, use_id=f"u{n}", reference=f"r{n}", benefit_id=f"b{n}", cart_id=f"k{n}", **usual)
            for n in numbers
        ]


def release_each(ledger: Ledger, held: list[Use]) -> None:
    """Move each use to its next state: one transition and one commit each."""
    for use in held:
        with ledger.write() as connection:
            move_use(connection, use, UseState.RELEASED, WHY)


def add_deliveries(ledger: Ledger, count: int, *, first: int = 0) -> None:
    """Put as many orders into the outbox."""
    with ledger.write() as connection:
        for number in range(first, first + count):
            put_delivery(connection, _transaction(f"N{number}"), WHY, use_id=None, redemption_id=None)


def fill(path: Path, rows: int) -> None:
    """Add the rows of a shop's long past: uses in their last state, with their events and deliveries."""
    stamp = "2026-01-01 00:00:00.000000"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executemany(
            "INSERT INTO benefits_uses (shop_id, use_id, reference, channel, customer_id, profile_id, benefit_id,"
            " definition_handle, name, instructions, slot, cart_id, order_number, state, version, redemption_id,"
            " held_until, attempts, sweeps, created_at, updated_at)"
            " VALUES (1, ?, ?, 'checkout', ?, ?, ?, 'gift', 'A gift', '', 0, ?, ?, 'consumed', 4, ?, ?, 0, 0, ?, ?)",
            (
                (
                    f"u{n}",
                    f"r{n}",
                    f"c{n % 50_000}",
                    f"p{n % 50_000}",
                    f"b{n}",
                    f"k{n}",
                    f"o{n}",
                    f"{n}",
                    stamp,
                    stamp,
                    stamp,
                )
                for n in range(rows // 2)
            ),
        )
        connection.executemany(
            "INSERT INTO benefits_outbox (shop_id, order_number, revision, content, customer_id, state, attempts,"
            " due_at, created_at, updated_at) VALUES (1, ?, 1, '{}', ?, 'delivered', 1, ?, ?, ?)",
            ((f"o{n}", f"c{n % 50_000}", stamp, stamp, stamp) for n in range(rows // 2)),
        )
        connection.executemany(
            "INSERT INTO benefits_events (shop_id, subject, at, actor, reason, from_state, to_state, version)"
            " VALUES (1, ?, ?, 'worker', 'to measure', 'redeemed', 'consumed', 4)",
            ((f"u{n}", stamp) for n in range(rows // 2)),
        )


def _no_order(_number: str) -> None:
    return None


def _transaction(number: str) -> Transaction:
    amount = Decimal("10.00")
    return Transaction(number, None, amount, amount, AT, "AUD", (Item("Shirt", 1, amount, amount),))
