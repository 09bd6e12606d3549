"""The history of a use or an order, in words for staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from claimable_benefits.ledger.events import Event, events_of
from claimable_benefits.ledger.uses import find_use, uses_of_order
from claimable_benefits.service.context import Context

_WORDS = {
    "held": "reserved for a cart",
    "redeeming": "redeeming at Omneo",
    "in_doubt": "in doubt: sent, and no answer",
    "redeemed": "redeemed",
    "consumed": "used for good",
    "rolling_back": "being rolled back",
    "rolled_back": "rolled back",
    "released": "reservation dropped",
    "refused": "refused by Omneo",
    "manual_review": "waits for manual review",
    "due": "its transaction waits for delivery",
    "delivering": "its transaction is being delivered",
    "delivered": "its transaction is at Omneo",
    "stopped": "its transaction is stopped",
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One movement; ``at`` is aware, in UTC."""

    at: datetime
    subject: str
    what: str
    actor: str
    reason: str


def read_timeline(ctx: Context, subject: str) -> tuple[TimelineEntry, ...]:
    """Read the movements of a use (by its id), or of an order and all its uses (by its number), oldest first."""
    with ctx.ledger.read() as connection:
        use = find_use(connection, subject)
        if use is not None:
            histories = [(f"use {use.use_id} of {use.name}", events_of(connection, use.use_id))]
        else:
            histories = [(f"order {subject}", events_of(connection, f"order {subject}"))]
            histories += [
                (f"use {one.use_id} of {one.name}", events_of(connection, one.use_id))
                for one in uses_of_order(connection, subject)
            ]
    moments = [_moment(about, event) for about, events in histories for event in events]
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _moment(about: str, event: Event) -> TimelineEntry:
    same = event.from_state == event.to_state
    what = "noted" if same else _WORDS.get(event.to_state, event.to_state)
    return TimelineEntry(event.at, about, what, event.actor, event.reason)
