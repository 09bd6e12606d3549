"""Rows with a state and a version: a row changes only if it is still as the caller read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Table,
    bindparam,
    insert,
    literal_column,
    or_,
    update,
)
from sqlalchemy import select as select_columns
from sqlalchemy.exc import IntegrityError

from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger.events import Audit, write_event
from claimable_benefits.ledger.shops import columns_of, own, run, shop_of


class Versioned(Protocol):
    """A frozen dataclass with a field for each column but the shop's id, in their order.

    ``version`` grows by one with every change.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def state(self) -> Any: ...
    @property
    def version(self) -> int: ...


Record = TypeVar("Record", bound=Versioned)
State = TypeVar("State", bound=StrEnum)


class VersionedTable(Generic[Record, State]):
    """A table whose rows move from state to state along ``moves``, and are read as ``record``.

    Every movement writes an event. ``first`` is the state of a new row; ``noun`` names a row in error sentences, and
    ``conflict`` says what a new row collides with. All times are aware.
    """

    def __init__(
        self,
        table: Table,
        key: Column[str],
        record: Callable[..., Record],
        *,
        moves: Mapping[State, frozenset[State]],
        first: State,
        noun: str,
        conflict: str,
    ) -> None:
        columns = columns_of(table)
        self.select: Select[Any] = select_columns(*columns).where(own(table))
        self._key = key
        self._record = record
        self._state_at = columns.index(table.c.state)
        self._moves = moves
        self._first = first
        self._noun = noun
        self._conflict = conflict
        # Built once: SQLAlchemy compiles a statement once for each kind of database and each set of changed columns.
        self._insert = insert(table).returning(*columns)
        same = own(table) & (key == bindparam("seen_key")) & (table.c.version == bindparam("seen_version"))
        self._update = update(table).where(same & (table.c.state == bindparam("seen_state")))
        now, most = bindparam("now", type_=table.c.due_at.type), bindparam("most", type_=Integer)
        is_free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
        is_due = or_(table.c.due_at.is_(None), table.c.due_at <= now)
        in_state = self.select.where(table.c.state == bindparam("state"))
        self._due = in_state.where(is_free, is_due).order_by(table.c.updated_at).limit(most)
        self._sweepable = self.select.where(table.c.sweep_at <= now, is_free).order_by(table.c.sweep_at).limit(most)

    def add(self, connection: Connection, audit: Audit, *, state: State | None = None, **values: Any) -> Record:
        """Write a new row with ``values`` for its columns, in its first state unless ``state`` names another.

        Raises `ConflictError` where a unique index keeps another row in its place.
        """
        begun = state or self._first
        its_shop = {"shop_id": shop_of(connection)}
        row = {**its_shop, **values, "state": begun, "version": 1, "created_at": audit.at, "updated_at": audit.at}
        try:
            added = connection.execute(self._insert, row).one()
        except IntegrityError as error:
            raise ConflictError(self._conflict) from error
        write_event(connection, values[self._key.name], audit, from_state=None, to_state=begun, version=1)
        return self._read(added)

    def move(self, connection: Connection, row: Record, to: State, audit: Audit, **changes: Any) -> Record:
        """Move ``row`` to another state and end its lease, if it is still as the caller read it.

        Raises `ConflictError` where it is not, or where another row has the cart, the slot or the id of Omneo's that
        this one would get, and `ValueError` for a movement that the table of moves does not list.
        """
        if to not in self._moves[row.state]:
            raise ValueError(f"A {self._noun} does not go from {row.state} to {to}.")
        usual = {"lease_until": None, "due_at": None, "failures": 0}
        moved = self.touch(connection, row, audit.at, **{**usual, **changes, "state": to})
        subject = getattr(row, self._key.name)
        write_event(connection, subject, audit, from_state=row.state, to_state=to, version=moved.version)
        return moved

    def touch(self, connection: Connection, row: Record, now: datetime, **changes: Any) -> Record:
        """Change columns of ``row`` without moving it: a lease, a note, when to look again.

        Nothing is read back: the caller knows the version that it changes. Raises `ConflictError` like `move`.
        """
        seen = {"seen_key": getattr(row, self._key.name), "seen_version": row.version, "seen_state": row.state}
        values = {"version": row.version + 1, "updated_at": now, **changes}
        try:
            changed = run(connection, self._update, {**seen, **values}).rowcount
        except IntegrityError as error:
            raise ConflictError("Another row has this cart, this slot or this id of Omneo's.") from error
        if changed != 1:
            raise ConflictError(f"This row is no longer {row.state} in version {row.version}.")
        return replace(row, **values)

    def find(self, connection: Connection, key: str) -> Record | None:
        """Read the row with our own id ``key``, or None."""
        return self.fetch_one(connection, self.select.where(self._key == key))

    def due(self, connection: Connection, state: State, now: datetime, *, limit: int = 50) -> list[Record]:
        """Read the rows in ``state`` that the worker looks at next: due, and not leased; the oldest first."""
        return self.fetch_all(connection, self._due, {"state": state, "now": now, "most": limit})

    def sweepable(self, connection: Connection, now: datetime, *, limit: int = 50) -> list[Record]:
        """Read the resolved rows of which late evidence is looked for again, but those that a process works on."""
        return self.fetch_all(connection, self._sweepable, {"now": now, "most": limit})

    def fetch_one(
        self, connection: Connection, query: Select[Any], values: Mapping[str, Any] | None = None
    ) -> Record | None:
        """Run a SELECT that was made from `select`, and read its first row, or None."""
        row = run(connection, query, values).first()
        return self._read(row) if row is not None else None

    def fetch_all(
        self, connection: Connection, query: Select[Any], values: Mapping[str, Any] | None = None
    ) -> list[Record]:
        """Run a SELECT that was made from `select`, and read its rows."""
        return [self._read(row) for row in run(connection, query, values)]

    def _read(self, row: Row[Any]) -> Record:
        values = list(row)  # faster than by name
        values[self._state_at] = type(self._first)(values[self._state_at])
        return self._record(*values)


def among(column: Column[Any], names: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that ``column`` is one of ``names``, which are constants of ours and stand in the SQL.

    A usual IN is expanded at each execution, which costs 50 µs of processor time.
    """
    return column.in_([literal_column(f"'{name}'") for name in names])
