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
    """What the driver takes. ``binds`` are its parameters in order, each with its way in; ``usual`` are constants."""

    sql: str
    binds: tuple[tuple[str, Convert], ...]
    usual: Mapping[str, Any]
    is_positional: bool

    def parameters(self, values: Mapping[str, Any]) -> Any:
        said = {**self.usual, **values}
        if self.is_positional:
            return tuple([way(said[name]) if way else said[name] for name, way in self.binds])
        return {name: way(said[name]) if way else said[name] for name, way in self.binds}


class Prepared:
    """One statement whose parameters are `bindparam`s or constants, without IN, whose lists have no fixed length."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Carry it out. Rows come as the driver gives them: texts and numbers are right, times are not read yet."""
        dialect = connection.dialect
        if (compiled := self._compiled.get(dialect.driver)) is None:
            compiled = self._compiled[dialect.driver] = _compile(self._statement, dialect)
        return connection.exec_driver_sql(compiled.sql, compiled.parameters(values))


def _compile(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect))
    names = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
    binds = tuple((name, _way_in(compiled, name, dialect)) for name in names)
    return _Compiled(compiled.string, binds, compiled.params, is_positional=compiled.positiontup is not None)


def _way_in(compiled: SQLCompiler, name: str, dialect: Dialect) -> Convert:
    way: Convert = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
    return way
