"""Sentences that wait in the session for the next page, and are shown once."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, session

from claimable_benefits.domain.shop import Shopper

_KEY = "claimable_benefits_notices"
_LONGEST = 300  # characters: a session cookie holds four kilobytes
_MOST = 4


@dataclass(frozen=True, slots=True)
class Flash:
    """``role`` is ``status`` for good news and plain facts, ``alert`` where something did not work."""

    role: str
    text: str


def flash(shopper: Shopper, text: str, *, alert: bool = False) -> None:
    """Leave a sentence for this shopper's next page."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    waiting = [*session.get(_KEY, []), [shopper.customer_id, "alert" if alert else "status", short]]
    session[_KEY] = waiting[-_MOST:]


def take_flashes(shopper: Shopper) -> list[Flash]:
    """What waits for this shopper; what another one left in this browser is dropped unread."""
    if _KEY not in session or request.method != "GET":
        return []
    waiting = session.pop(_KEY)
    return [Flash(role, text) for customer_id, role, text in waiting if customer_id == shopper.customer_id]
