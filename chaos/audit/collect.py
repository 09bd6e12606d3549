"""Read the final records of shop, ledger, Omneo and payment provider."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text

from chaos.audit.records import (
    Claimed,
    LedgerClaim,
    LedgerUse,
    Outgoing,
    Payment,
    Records,
    Redemption,
    Sale,
    ShopOrder,
)


def collect(
    database_url: str, payments: Path, state: Mapping[str, Any], shown: Mapping[str, set[str]], rules: Mapping[str, str]
) -> Records:
    """Read every record. ``state`` is what the sandbox answers, ``payments`` the provider's file."""
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return Records(
                orders=_orders(connection),
                uses=read_uses(connection),
                refunds=[(row.order_number, str(row.state).lower()) for row in _rows(connection, "refunds")],
                claims=read_claims(connection),
                claimed=[Claimed(str(row["id"]), row["external_id"]) for row in state["benefits"] if row["claimed_at"]],
                deliveries=[_outgoing(row) for row in _rows(connection, "benefits_outbox")],
                redemptions=[_redemption(row) for row in state["redemptions"] if row["type"] == "redeem"],
                sales=[_sale(row) for row in state["transactions"]],
                payments=_payments(payments),
                shown={key: frozenset(_cents(total) for total in totals) for key, totals in shown.items()},
                refundable=rules,
            )
    finally:
        engine.dispose()


def unfinished(database_url: str) -> dict[str, int]:
    """Count the rows that are not in an end state, by table and state; empty when the run has come to rest."""
    questions = {
        "use": "SELECT state, count(*) FROM benefits_uses WHERE state IN "
        "('redeeming', 'in_doubt', 'redeemed', 'rolling_back') GROUP BY state",
        "claim": "SELECT state, count(*) FROM benefits_claims WHERE state IN ('claiming', 'in_doubt') GROUP BY state",
        "delivery": "SELECT state, count(*) FROM benefits_outbox WHERE state IN ('due', 'delivering') GROUP BY state",
        "refund": "SELECT lower(CAST(state AS VARCHAR)), count(*) FROM refunds WHERE lower(CAST(state AS VARCHAR)) "
        "= 'open' GROUP BY state",
        "order": "SELECT lower(CAST(state AS VARCHAR)), count(*) FROM orders WHERE lower(CAST(state AS VARCHAR)) = "
        "'unknown' OR (lower(CAST(state AS VARCHAR)) = 'open' AND approval_url IS NULL) GROUP BY state",
    }
    to_verify = {
        "use": ("benefits_uses", "sweep_at"),
        "claim": ("benefits_claims", "sweep_at"),
        "delivery": ("benefits_outbox", "verify_at"),
    }
    for name, (table, column) in to_verify.items():
        questions[f"{name}, to verify:"] = f"SELECT '{column}', count(*) FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608 - ours
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return {
                f"{table} {state}": number
                for table, question in questions.items()
                for state, number in connection.execute(text(question))
                if number
            }
    finally:
        engine.dispose()


def history(database_url: str, subjects: Sequence[str]) -> dict[str, list[str]]:
    """Return the events of some uses and orders as sentences, oldest first."""
    lines_by_subject: dict[str, list[str]] = defaultdict(list)
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            question = text("SELECT * FROM benefits_events WHERE subject = :subject ORDER BY event_id")
            for subject in subjects:
                for row in connection.execute(question, {"subject": subject}):
                    step = f"{row.from_state or '-'} -> {row.to_state} (v{row.version})"
                    lines_by_subject[subject].append(f"{row.at} {row.actor}: {step}, {row.reason}")
        return lines_by_subject
    finally:
        engine.dispose()


def _orders(connection: Connection) -> list[ShopOrder]:
    off = text("SELECT order_number, sum(discount) FROM order_lines GROUP BY order_number")
    lines: dict[str, int] = {number: int(cents) for number, cents in connection.execute(off)}
    refunded = Counter[str]()
    for row in _rows(connection, "refunds"):
        refunded[row.order_number] += int(row.amount) if str(row.state).lower() == "done" else 0
    return [
        ShopOrder(
            number=row.number,
            state=str(row.state).lower(),
            total=int(row.total),
            checkout_id=row.checkout_id,
            use_id=row.use_id,
            discount=lines.get(row.number, 0) + int(row.shipping_discount),
            payment_id=row.payment_id,
            was_paid=row.paid_at is not None,
            refunded=refunded[row.number],
            awaits_approval=row.approval_url is not None,
        )
        for row in _rows(connection, "orders")
        if not row.is_imported
    ]


def read_uses(connection: Connection) -> list[LedgerUse]:
    """Read the uses of the ledger."""
    return [
        LedgerUse(
            use_id=row.use_id,
            reference=row.reference,
            state=row.state,
            handle=row.definition_handle,
            benefit_id=row.benefit_id,
            order_number=row.order_number,
            redemption_id=row.redemption_id,
            note=row.note,
            channel=row.channel,
            asked_at=tuple(at for at in (row.sent_at, row.rollback_sent_at) if at is not None),
        )
        for row in _rows(connection, "benefits_uses")
    ]


def read_claims(connection: Connection) -> list[LedgerClaim]:
    """Read the claims of the ledger."""
    return [
        LedgerClaim(row.claim_id, row.reference, row.state, row.definition_handle, row.benefit_id)
        for row in _rows(connection, "benefits_claims")
    ]


def _outgoing(row: Any) -> Outgoing:
    return Outgoing(
        order_number=row.order_number,
        state=row.state,
        total=_cents(json.loads(row.content)["total"]),
        redemption_id=row.redemption_id,
        note=row.note,
    )


def _redemption(row: Mapping[str, Any]) -> Redemption:
    reference = row["external_id"] or row["transaction_external_id"]
    benefit_id = str(row["items"][0]["benefit_id"]) if row["items"] else ""
    made_at = datetime.fromisoformat(row["created_at"]).replace(tzinfo=UTC)
    return Redemption(str(row["id"]), reference, benefit_id, int(row["live"]), made_at)


def _sale(row: Mapping[str, Any]) -> Sale:
    redemption_id = None if row["redemption_id"] is None else str(row["redemption_id"])
    return Sale(str(row["id"]), row["external_id"], _cents(row["total"]), redemption_id, bool(row["is_void"]))


def _payments(file: Path) -> list[Payment]:
    with closing(sqlite3.connect(file)) as connection:
        summed = "SELECT payment_id, sum(amount) FROM refunds GROUP BY payment_id"
        refunds = dict(connection.execute(summed).fetchall())
        rows = connection.execute("SELECT id, reference, amount, status FROM payments")
        return [Payment(key, reference, amount, status, refunds.get(key, 0)) for key, reference, amount, status in rows]


def _rows(connection: Connection, table: str) -> Sequence[Any]:
    if not inspect(connection).has_table(table):
        return ()
    return connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608 - the names are ours


def _cents(amount: object) -> int:
    return int((Decimal(str(amount)) * 100).to_integral_value())
