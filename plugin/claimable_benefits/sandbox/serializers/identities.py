"""Identities as answers show them (Omneo facts 2)."""

from __future__ import annotations

import sqlite3

from claimable_benefits.sandbox.protocol.responses import Body


def serialize_identity(row: sqlite3.Row) -> Body:
    """Return an identity as answers show it."""
    return {**dict(row), "is_primary": bool(row["is_primary"]), "is_active": bool(row["is_active"])}
