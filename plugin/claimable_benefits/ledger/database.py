"""The connection to the ledger, and the two ways to use it: to read, and to write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from claimable_benefits.ledger.tables import metadata

BUSY_SECONDS = 5


class Ledger:
    """Holds, uses, claims and deliveries in one database, which should be the shop's own.

    Raises `ValueError` where ``url`` names no database that SQLAlchemy can open.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = _open(url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise ValueError(str(error)) from error

    def create_tables(self) -> None:
        """Create what is missing; tables that exist are left as they are."""
        metadata.create_all(self.engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look, without a lock."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed at the end of the block, rolled back if it raises. Never call Omneo inside."""
        with self.engine.connect().execution_options(benefits_write=True) as connection, connection.begin():
            yield connection

    def is_same_database(self, connection: Connection) -> bool:
        """Whether ``connection`` (the shop's) reaches the database that this ledger lives in."""
        return _place(connection.engine.url) == _place(self.engine.url)

    def close(self) -> None:
        self.engine.dispose()


def _place(url: URL) -> tuple[object, ...]:
    """Where a database is: its file, or its server and name."""
    if url.get_backend_name() == "sqlite" and url.database:
        return ("sqlite", Path(url.database).resolve())
    return (url.get_backend_name(), url.host, url.port, url.database)


def _open(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 shall not begin transactions of its own; we do, below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for the lock: SQLite refuses it at once.
    writes = connection.get_execution_options().get("benefits_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
