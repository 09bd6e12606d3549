"""The append-only history: every movement, with who, why, from and to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from claimable_benefits.ledger.compiled import CompiledStatement
from claimable_benefits.ledger.tables import events

_NAMES = ("subject", "at", "actor", "reason", "from_state", "to_state", "version")
# Nobody needs the number that the event gets.
_ADD = CompiledStatement(insert(events).inline().values({name: bindparam(name) for name in _NAMES}))


@dataclass(frozen=True, slots=True)
class Audit:
    """Who moves a row, why and when: said once, written with every movement."""

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
    _ADD.execute(
        connection,
        {
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
    """The movements of ``subject``, oldest first."""
    query = select(events).where(events.c.subject == subject).order_by(events.c.event_id)
    return [
        Event(row.subject, row.at, row.actor, row.reason, row.from_state, row.to_state, row.version)
        for row in connection.execute(query)
    ]
