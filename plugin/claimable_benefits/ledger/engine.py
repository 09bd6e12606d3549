"""Open a database: which drivers, how many connections, how long to wait for a lock."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from functools import partial
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, Pool, PoolProxiedConnection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

# A connection is taken for a transaction and no longer, so twenty serve many more threads than that. Sixteen delivering
# threads beside the web's own never wait for each other; what is beyond the twenty is closed after use.
POOL = 20
OVERFLOW = 20
CONNECT_SECONDS = 5
_LOOK_AGAIN = 0.02
_PATIENT_DRIVERS = ("psycopg", "psycopg2")

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def open_engine(url: str, *, wait: float, pool: type[Pool] | None = None) -> Engine:
    """Open SQLite or PostgreSQL; nothing is connected yet. ``wait`` is how many seconds to wait for a lock.

    ``postgresql://`` and ``postgres://`` use psycopg 3 where no driver is named. Raises `ValueError` for any other
    database, as the ledger needs partial unique indexes, and where the driver is not installed.
    """
    try:
        address = _with_driver(make_url(url))
        engine = _open_sqlite(address, wait, pool) if is_sqlite(address) else _open_postgresql(address, wait, pool)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ValueError(str(error)) from error
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: install flask-claimable-benefits[postgres]") from error
    _engines.add(engine)
    return engine


def is_sqlite(url: URL) -> bool:
    """Whether the address is one of SQLite's."""
    return url.get_backend_name() == "sqlite"


def _with_driver(url: URL) -> URL:
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError(f"{url.get_backend_name()} is neither SQLite nor PostgreSQL")
    return url


def _open_sqlite(url: URL, wait: float, pool: type[Pool] | None) -> Engine:
    engine = create_engine(url, connect_args={"timeout": wait}, hide_parameters=True, **_pooled(pool))
    event.listen(engine, "connect", lambda connection, _record: _prepare_sqlite(connection, wait))
    # Not a listener to "begin": with one listener, SQLAlchemy asks for others at every statement.
    engine.dialect.do_begin = _begin_sqlite  # type: ignore[method-assign, assignment]
    return engine


def begin_to_write(connection: Connection) -> None:
    """Take SQLite's lock before the transaction begins: SQLite refuses one that reads first and writes later."""
    if connection.dialect.name == "sqlite":
        _driver_of(connection.connection).execute("BEGIN IMMEDIATE")


def _open_postgresql(url: URL, wait: float, pool: type[Pool] | None) -> Engine:
    """READ COMMITTED is enough to write: every movement is a compare-and-set on the row's version.

    The second of two writers finds no row to change, or meets a unique index; neither acts on an earlier read.

    Nothing is set for the length of a session, and no statement is prepared: a pooler such as PgBouncer gives the
    server's session to another client after each transaction.
    """
    engine = create_engine(
        url,
        connect_args=_connect_args(url),
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,  # notices a restarted server before a transaction begins on a closed connection
        hide_parameters=True,
        **_pooled(pool),
    )

    # Not a listener to "begin": with one listener, SQLAlchemy asks for others at every statement.
    limit = f"SET LOCAL lock_timeout = {int(wait * 1000)}"
    engine.dialect.do_begin = partial(_limit_waiting, limit)  # type: ignore[method-assign]
    return engine


def _limit_waiting(limit: str, connection: PoolProxiedConnection) -> None:
    cursor = connection.cursor()
    cursor.execute(limit)
    cursor.close()


def open_for_single_reads(engine: Engine) -> Engine:
    """Return an engine for reads of one statement each: one with AUTOCOMMIT for PostgreSQL, ``engine`` for SQLite.

    A read is one round trip instead of four (no ping, no BEGIN, no ROLLBACK), which halves its processor time. The
    caller repeats a read that meets a connection which the server has closed.
    """
    if is_sqlite(engine.url):
        return engine
    reads = create_engine(
        engine.url,
        connect_args=_connect_args(engine.url),
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        **_pooled(None),
    )
    _engines.add(reads)
    return reads


def _connect_args(url: URL) -> dict[str, Any]:
    driver = url.get_driver_name()
    arguments: dict[str, Any] = {"prepare_threshold": None} if driver == "psycopg" else {}
    if driver in _PATIENT_DRIVERS and "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    return arguments


def _pooled(pool: type[Pool] | None) -> dict[str, Any]:
    if pool is not None:
        return {"poolclass": pool}
    return {"pool_size": POOL, "max_overflow": OVERFLOW, "pool_timeout": CONNECT_SECONDS}


def _prepare_sqlite(connection: sqlite3.Connection, wait: float) -> None:
    connection.isolation_level = None  # sqlite3 shall not begin transactions of its own; we do
    _write_ahead(connection, time.monotonic() + wait)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection, until: float) -> None:
    """Switch a new database to WAL. Of several processes that do so at once, SQLite refuses some without waiting."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_LOOK_AGAIN)
        else:
            return


def _begin_sqlite(connection: PoolProxiedConnection) -> None:
    # Straight to the driver: through SQLAlchemy it would cost as much as the statement that follows.
    if not (driver := _driver_of(connection)).in_transaction:
        driver.execute("BEGIN")


def _driver_of(connection: PoolProxiedConnection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.driver_connection)


def _drop_inherited_connections() -> None:
    for engine in _engines:
        engine.dispose(close=False)


# A server that loads the app and then forks (gunicorn --preload) would share the connections among its workers.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_inherited_connections)
