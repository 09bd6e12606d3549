"""Flashes: sentences stored in the session, and shown once on the shopper's next page."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, session

from claimable_benefits.domain.shop import Shopper

_KEY = "claimable_benefits_flashes"
_LONGEST = 300  # characters: a session cookie holds four kilobytes
_MOST = 4


@dataclass(frozen=True, slots=True)
class Flash:
    """``role`` is ``status`` for what was done, ``alert`` where something did not work."""

    role: str
    text: str


def flash(shopper: Shopper, text: str, *, alert: bool = False) -> None:
    """Store a sentence for this shopper's next page."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    flashes = [*session.get(_KEY, []), [shopper.customer_id, "alert" if alert else "status", short]]
    session[_KEY] = flashes[-_MOST:]


def take_flashes(shopper: Shopper) -> list[Flash]:
    """Take this shopper's flashes out of the session; those of another shopper in this browser are dropped."""
    if _KEY not in session or request.method != "GET":
        return []
    flashes = session.pop(_KEY)
    return [Flash(role, text) for customer_id, role, text in flashes if customer_id == shopper.customer_id]
