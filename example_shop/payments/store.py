"""The payment provider's store: one row per payment, moved only by compare-and-set."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

FILE_NAME = "payments.sqlite3"
UNPAID = ("approved", "redirect", "redirect-sale")  # no money has moved; the last is captured as soon as it is approved
_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
  id TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL, currency TEXT NOT NULL,
  card TEXT NOT NULL, status TEXT NOT NULL, return_url TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refunds (
  reference TEXT PRIMARY KEY, payment_id TEXT NOT NULL REFERENCES payments, amount INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment; ``amount`` in cents, ``card`` the last four digits."""

    id: str
    reference: str
    amount: int
    currency: str
    card: str
    status: str
    return_url: str


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund; ``amount`` in cents, ``reference`` from the shop."""

    reference: str
    payment_id: str
    amount: int


class PaymentStore:
    """The payments in one SQLite file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)

    def add(self, reference: str, amount: int, currency: str, card: str, status: str, return_url: str) -> PaymentRow:
        """Store a payment; the first one for a reference stays."""
        row = (f"pay_{uuid4().hex}", reference, amount, currency, card, status, return_url)
        with self._open() as connection:
            connection.execute("INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
        return self.with_reference(reference)[0]

    def find(self, payment_id: str) -> PaymentRow | None:
        """Return the payment with that id, or None."""
        return next(iter(self._select("id", payment_id)), None)

    def with_reference(self, reference: str) -> list[PaymentRow]:
        """Return the payment for that reference, in a list."""
        return self._select("reference", reference)

    def move(self, payment_id: str, sources: Sequence[str], target: str) -> bool:
        """Move a payment from one of these statuses to another; False where it has another status."""
        step = "UPDATE payments SET status = ? WHERE id = ? AND status = ?"
        with self._open() as connection:
            return any(connection.execute(step, (target, payment_id, source)).rowcount for source in sources)

    def close(self, reference: str) -> PaymentRow:
        """Void what that reference has reserved; where it has nothing yet, what arrives later is void."""
        self.add(reference, 0, "", "", "voided", "")
        row = self.with_reference(reference)[0]
        self.move(row.id, UNPAID, "voided")
        return self.with_reference(reference)[0]

    def refund(self, payment_id: str, reference: str, amount: int) -> RefundRow | None:
        """Refund ``amount`` cents, once for each reference; None where less is left to refund."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if earlier := self._refund(connection, reference):
                return earlier
            row = self.find(payment_id)
            left = row.amount - self._refunded(connection, payment_id) if row and row.status == "captured" else 0
            if amount > left:
                return None
            connection.execute("INSERT INTO refunds VALUES (?, ?, ?)", (reference, payment_id, amount))
            if amount == left:
                connection.execute("UPDATE payments SET status = 'refunded' WHERE id = ?", (payment_id,))
            return RefundRow(reference, payment_id, amount)

    def find_refund(self, reference: str) -> RefundRow | None:
        """Return the refund with that reference, or None."""
        with self._open() as connection:
            return self._refund(connection, reference)

    def refunded(self, payment_id: str) -> int:
        """Return how much of a payment is refunded, in cents."""
        with self._open() as connection:
            return self._refunded(connection, payment_id)

    def _refund(self, connection: sqlite3.Connection, reference: str) -> RefundRow | None:
        found = connection.execute("SELECT * FROM refunds WHERE reference = ?", (reference,)).fetchone()
        return RefundRow(*found) if found else None

    def _refunded(self, connection: sqlite3.Connection, payment_id: str) -> int:
        question = "SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment_id = ?"
        total: int = connection.execute(question, (payment_id,)).fetchone()[0]
        return total

    def _select(self, column: str, value: str) -> list[PaymentRow]:
        with self._open() as connection:
            question = f"SELECT * FROM payments WHERE {column} = ?"  # noqa: S608  # the column is one of two of ours
            return [PaymentRow(*found) for found in connection.execute(question, (value,))]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
            yield connection
