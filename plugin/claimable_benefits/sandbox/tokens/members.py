"""Whether a request is a member's own, come in with an Omneo ID token (Omneo facts 12.1)."""

from __future__ import annotations

from flask import g


def admit_member() -> None:
    """Note that the current request is a member's own."""
    g.member = True


def is_member() -> bool:
    """Say whether the current request is a member's own."""
    return bool(g.get("member"))
