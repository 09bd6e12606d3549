"""INSERT … ON CONFLICT for both kinds of databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Insert = Callable[[Table], "sqlite.Insert | postgresql.Insert"]


def insert_for(connection: Connection) -> Insert:
    """Return the ``insert`` of the connection's database, which knows ON CONFLICT."""
    if connection.dialect.name == "sqlite":  # imported where it is in use: each of them imports all of its drivers
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert
