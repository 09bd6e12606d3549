"""Changing a row only if it still stands where the caller saw it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Column, ColumnElement, Connection, Table, bindparam, or_, update
from sqlalchemy.exc import IntegrityError

from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger.compiled import CompiledStatement

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Insert = Callable[[Table], "sqlite.Insert | postgresql.Insert"]


class Versioned(Protocol):
    """A row with a state and a version that grows by one with every change."""

    @property
    def state(self) -> Any: ...
    @property
    def version(self) -> int: ...


def compare_and_set(
    connection: Connection, table: Table, key: Column[str], seen: Versioned, now: datetime, **changes: Any
) -> dict[str, Any]:
    """Change the row whose ``key`` is that of ``seen`` if its state and version are still the same.

    Gives every value that is another one now: whoever saw this version knows the rest, so nothing is read back. Raises
    `Overtaken` where somebody was faster, or where another row has what this one would get.
    """
    expected = {"seen_key": getattr(seen, key.name), "seen_version": seen.version, "seen_state": seen.state}
    values = {"version": seen.version + 1, "updated_at": now, **changes}
    try:
        changed = _change_of(table, key, tuple(sorted(values))).execute(connection, {**expected, **values}).rowcount
    except IntegrityError as error:
        raise ConflictError("Another row has this cart, this slot or this id of Omneo's.") from error
    if changed != 1:
        raise ConflictError(f"This row is no longer {seen.state} in version {seen.version}.")
    return values


@cache
def _change_of(table: Table, key: Column[str], names: tuple[str, ...]) -> CompiledStatement:
    """The statement is the same for every movement that changes the same columns: it is built once."""
    same = (key == bindparam("seen_key")) & (table.c.version == bindparam("seen_version"))
    change = update(table).where(same & (table.c.state == bindparam("seen_state")))
    return CompiledStatement(change.values({name: bindparam(name) for name in names}))


def due(table: Table, state: Any, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which the worker looks at a row in ``state``: due, and nobody working on it."""
    free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
    return table.c.state == state, free, or_(table.c.due_at.is_(None), table.c.due_at <= now)


def insert_for(connection: Connection) -> Insert:
    """An INSERT that knows ON CONFLICT; each of the two databases has one of its own."""
    if connection.dialect.name == "sqlite":  # imported where it is in use: each of them imports all of its drivers
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert
