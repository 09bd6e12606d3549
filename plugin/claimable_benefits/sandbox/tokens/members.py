"""Whether a request has a member's own Omneo ID token (Omneo facts 12.1)."""

from __future__ import annotations

from flask import g


def mark_member() -> None:
    """Mark the current request as a member's own."""
    g.member = True


def is_member() -> bool:
    """Return whether the current request is a member's own."""
    return bool(g.get("member"))
