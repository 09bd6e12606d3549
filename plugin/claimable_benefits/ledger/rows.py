"""Changing a row only if it still stands where the caller saw it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Table, or_, update
from sqlalchemy.exc import IntegrityError

from claimable_benefits.errors import Overtaken

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


class Versioned(Protocol):
    """A row with a state and a version that grows by one with every change."""

    @property
    def state(self) -> Any: ...
    @property
    def version(self) -> int: ...


def compare_and_set(
    connection: Connection, table: Table, key: ColumnElement[bool], seen: Versioned, now: datetime, **changes: Any
) -> Row[Any]:
    """Change the row at ``key`` if its state and version are those that were ``seen``; gives it as it is now.

    Raises `Overtaken` where somebody was faster, or where another row has what this one would get.
    """
    same = key & (table.c.version == seen.version) & (table.c.state == seen.state)
    change = update(table).where(same).values(version=seen.version + 1, updated_at=now, **changes)
    try:
        row = connection.execute(change.returning(*table.c)).first()
    except IntegrityError as error:
        raise Overtaken("Another row has this cart, this slot or this id of Omneo's.") from error
    if row is None:
        raise Overtaken(f"This row is no longer {seen.state} in version {seen.version}.")
    return row


def due(table: Table, state: Any, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which the worker looks at a row in ``state``: due, and nobody working on it."""
    free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
    return table.c.state == state, free, or_(table.c.due_at.is_(None), table.c.due_at <= now)


def insert_for(connection: Connection) -> Callable[[Table], sqlite.Insert | postgresql.Insert]:
    """An INSERT that knows ON CONFLICT; each of the two databases has one of its own."""
    if connection.dialect.name == "sqlite":  # imported where it is in use: each of them imports all of its drivers
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert
