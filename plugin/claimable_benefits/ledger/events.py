"""The append-only history: every movement, with who, why, from and to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from claimable_benefits.ledger.shops import own, run, shop_of
from claimable_benefits.ledger.tables import events

_ADD = insert(events).inline()  # the event's number is not read back


@dataclass(frozen=True, slots=True)
class Audit:
    """Who moves a row, why and when (aware); written with every movement."""

    actor: str  # "shopper 1001", "worker", "staff anna"
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One movement of one use, claim or delivery."""

    subject: str
    at: datetime
    actor: str
    reason: str
    from_state: str | None
    to_state: str
    version: int


def write_event(
    connection: Connection, subject: str, audit: Audit, *, from_state: str | None, to_state: str, version: int
) -> None:
    """Write one movement of ``subject`` (a use_id, a claim_id, or "order NUMBER") in the caller's transaction."""
    connection.execute(
        _ADD,
        {
            "shop_id": shop_of(connection),
            "subject": subject,
            "at": audit.at,
            "actor": audit.actor,
            "reason": audit.reason,
            "from_state": from_state,
            "to_state": to_state,
            "version": version,
        },
    )


def events_of(connection: Connection, subject: str) -> list[Event]:
    """Read the movements of ``subject``, oldest first."""
    query = select(events).where(own(events), events.c.subject == subject).order_by(events.c.event_id)
    return [
        Event(row.subject, row.at, row.actor, row.reason, row.from_state, row.to_state, row.version)
        for row in run(connection, query)
    ]
