"""Statements that run all the time: compiled once for a kind of database, and handed to its driver from then on.

SQLAlchemy compiles a statement once, too, but looks it up, binds and wraps it anew each time, which costs several times
what SQLite needs to carry it out. Errors and transactions stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

Convert = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the driver takes. ``binds`` are its parameters in order: name, usual value, and how it is written."""

    sql: str
    binds: tuple[tuple[str, Any, Convert], ...]
    is_positional: bool

    def parameters(self, values: Mapping[str, Any]) -> Any:
        if self.is_positional:
            return tuple(
                [way(values.get(name, usual)) if way else values.get(name, usual) for name, usual, way in self.binds]
            )
        return {
            name: way(values.get(name, usual)) if way else values.get(name, usual) for name, usual, way in self.binds
        }


class Prepared:
    """One statement whose parameters are `bindparam`s or constants, without IN, whose lists have no fixed length."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Carry it out. Rows come as the driver gives them, so it is for writing and counting."""
        dialect = connection.dialect
        if (compiled := self._compiled.get(dialect.driver)) is None:
            compiled = self._compiled[dialect.driver] = _compile(self._statement, dialect)
        return connection.exec_driver_sql(compiled.sql, compiled.parameters(values))


def _compile(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect))
    names = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
    binds = tuple((name, compiled.params[name], _way_in(compiled, name, dialect)) for name in names)
    return _Compiled(compiled.string, binds, is_positional=compiled.positiontup is not None)


def _way_in(compiled: SQLCompiler, name: str, dialect: Dialect) -> Convert:
    way: Convert = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
    return way
