"""Statements that run all the time: compiled once for a kind of database, and handed to its driver from then on.

SQLAlchemy compiles a statement once, too, but looks it up, binds and wraps it anew each time, which costs several times
what SQLite needs to carry it out. Errors and transactions stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Connection, CursorResult, Dialect, Select, literal_column
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

Convert = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the driver takes, and how its rows are read.

    ``binds`` are its parameters in order, each with its way in; ``usual`` are constants; ``columns`` are those of its
    rows, each with its way out.
    """

    sql: str
    binds: tuple[tuple[str, Convert], ...]
    usual: Mapping[str, Any]
    is_positional: bool
    columns: tuple[tuple[str, Convert], ...]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        said = {**self.usual, **values}
        if self.is_positional:
            return tuple([way(said[name]) if way else said[name] for name, way in self.binds])
        return {name: way(said[name]) if way else said[name] for name, way in self.binds}

    def read(self, row: Sequence[Any]) -> dict[str, Any]:
        pairs = zip(self.columns, row, strict=True)
        return {name: way(value) if way else value for (name, way), value in pairs}


class CompiledStatement:
    """One statement whose parameters are `bindparam`s or constants; for an IN, see `among`."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Carry it out. Rows come as the driver gives them: texts and numbers are right, times are not read yet."""
        compiled = self._for(connection.dialect)
        return connection.exec_driver_sql(compiled.sql, compiled.parameters(values))

    def fetch_all(self, connection: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Carry out a SELECT, and read its rows: the values by the names of their columns.

        By the driver's own cursor, as SQLAlchemy's result looks at every column first. Raises `DBAPIError`.
        """
        compiled = self._for(connection.dialect)
        if not connection.in_transaction():
            connection.begin()  # what is read in one block shall be of one moment
        try:
            cursor = connection.connection.cursor()
            cursor.execute(compiled.sql, compiled.parameters(values))
            found = cursor.fetchall()
            cursor.close()
        except connection.dialect.loaded_dbapi.Error as error:
            base = connection.dialect.loaded_dbapi.Error
            raise DBAPIError.instance(compiled.sql, None, error, base, hide_parameters=True) from error
        return [compiled.read(row) for row in found]

    def _for(self, dialect: Dialect) -> _Compiled:
        if (compiled := self._compiled.get(dialect.driver)) is None:
            compiled = self._compiled[dialect.driver] = _compile(self._statement, dialect)
        return compiled


def among(column: Column[Any], names: Iterable[str]) -> ColumnElement[bool]:
    """Whether ``column`` has one of ``names``, which are ours: they stand in the statement as they are.

    The usual IN gets its parameters anew at each execution.
    """
    return column.in_([literal_column(f"'{name}'") for name in names])


def _compile(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect))
    names = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
    binds = tuple((name, _way_in(compiled, name, dialect)) for name in names)
    is_positional = compiled.positiontup is not None
    return _Compiled(compiled.string, binds, compiled.params, is_positional, _columns(statement, dialect))


def _columns(statement: ClauseElement, dialect: Dialect) -> tuple[tuple[str, Convert], ...]:
    if not isinstance(statement, Select):
        return ()
    return tuple((name, _way_out(column, dialect)) for name, column in statement.selected_columns.items())


def _way_out(column: ColumnElement[Any], dialect: Dialect) -> Convert:
    way: Convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
    return way


def _way_in(compiled: SQLCompiler, name: str, dialect: Dialect) -> Convert:
    way: Convert = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
    return way
