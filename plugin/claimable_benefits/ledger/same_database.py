"""Whether the shop's connection and the ledger reach the same tables.

The databases are asked. Their addresses do not say it: one file has many paths, one server many names, ports and
sockets, and a pooler stands in front of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from claimable_benefits.ledger.tables import outbox

# No two servers start in the same microsecond, and a copy of a database runs on a server of its own. The table is NULL
# where the name reaches none: another search_path, or tables that are not there.
_PLACE = text(
    "SELECT pg_postmaster_start_time(), (SELECT oid FROM pg_database WHERE datname = current_database()),"
    " CAST(to_regclass(CAST(:name AS text)) AS oid)"
)


class SameDatabase:
    """Compares connections of the shop's with those of one ledger's ``engine``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own: object = None

    def reaches(self, connection: Connection) -> bool:
        """Whether ``connection`` writes to the ledger's tables. A read-only copy of the database is another one."""
        if connection.dialect.name != self._engine.dialect.name:
            return False
        if connection.dialect.name == "sqlite":
            return self._is_same_file(connection)
        place = _place(connection)
        if place is None:
            return False
        if place != self._own:  # nothing is remembered yet, or the server has restarted
            self.remember()
        return place == self._own

    def remember(self) -> None:
        """Ask the ledger's server now, so that a later check needs no second connection beside the shop's."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.connect() as ours:
                self._own = _place(ours)

    def _is_same_file(self, theirs: Connection) -> bool:
        file = _file(theirs)
        with self._engine.connect() as ours:
            own = _file(ours)
        try:
            return bool(file) and Path(file).samefile(own)
        except OSError:
            return False


def _place(connection: Connection) -> object:
    """The server, the database and the outbox that the connection's statements reach; None where there is no outbox."""
    schemas = connection.get_execution_options().get("schema_translate_map") or {}
    prepare = connection.dialect.identifier_preparer
    name = f"{prepare.quote(schemas[None])}.{outbox.name}" if schemas.get(None) else outbox.name
    began, database, table = connection.execute(_PLACE, {"name": name}).one()
    return None if table is None else (began, database, table)


def _file(connection: Connection) -> str:
    """The main file of an SQLite connection, as a whole path; empty for a database in memory."""
    rows = connection.exec_driver_sql("PRAGMA database_list")
    return next((str(row[2]) for row in rows if row[1] == "main"), "")


def commits_at_once(connection: Connection) -> bool:
    """Whether each statement of ``connection`` is committed by itself, so that a rollback takes nothing back.

    Ask after the first statement: an SQLite shop may begin its transactions by itself, as SQLAlchemy documents it.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        is_off = driver.isolation_level is None or getattr(driver, "autocommit", None) is True
        return bool(is_off and not driver.in_transaction)
    is_set = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
    return is_set or getattr(driver, "autocommit", False) is True


def has_written(connection: Connection) -> bool:
    """Whether an SQLite ``connection`` has certainly written in a transaction that is still open.

    Python's sqlite3 begins a transaction with the first row that is written. Where the shop begins its transactions by
    itself, an open one may only have read, so the answer is False.
    """
    driver: Any = connection.connection.driver_connection
    return driver.isolation_level is not None and bool(driver.in_transaction)
