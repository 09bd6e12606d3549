"""Opening a database: which drivers, how many connections, how long to wait for a lock."""

from __future__ import annotations

import os
import sqlite3
import weakref
from typing import Any

from sqlalchemy import URL, Connection, Engine, Pool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

# A connection is taken for a transaction and no longer, so twenty serve many more threads than that. Sixteen delivering
# threads beside the web's own never wait for each other; what is beyond the twenty is closed after use.
POOL = 20
OVERFLOW = 20
CONNECT_SECONDS = 5
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
    return url.get_backend_name() == "sqlite"


def _with_driver(url: URL) -> URL:
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError(f"{url.get_backend_name()} is neither SQLite nor PostgreSQL")
    return url


def _open_sqlite(url: URL, wait: float, pool: type[Pool] | None) -> Engine:
    engine = create_engine(url, connect_args={"timeout": wait}, hide_parameters=True, **_pooled(pool))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_postgresql(url: URL, wait: float, pool: type[Pool] | None) -> Engine:
    """READ COMMITTED is enough to write: every movement is a compare-and-set on the row's version.

    Whoever comes second finds no row to change, or meets a unique index; nobody acts on what was read before.
    """
    patient = url.get_driver_name() in _PATIENT_DRIVERS and "connect_timeout" not in url.query
    engine = create_engine(
        url,
        connect_args={"connect_timeout": CONNECT_SECONDS} if patient else {},
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,  # a server that was started anew is noticed before anything is lost to it
        hide_parameters=True,
        **_pooled(pool),
    )

    def prepare(connection: Any, _record: object) -> None:
        connection.cursor().execute(f"SET lock_timeout = {int(wait * 1000)}")
        connection.commit()

    event.listen(engine, "connect", prepare)
    return engine


def _pooled(pool: type[Pool] | None) -> dict[str, Any]:
    if pool is not None:
        return {"poolclass": pool}
    return {"pool_size": POOL, "max_overflow": OVERFLOW, "pool_timeout": CONNECT_SECONDS}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 shall not begin transactions of its own; we do, below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for the lock: SQLite refuses it at once.
    writes = connection.get_execution_options().get("benefits_write", False)
    # Straight to the driver: through SQLAlchemy it would cost as much as the statement that follows.
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def _leave_connections_to_the_parent() -> None:
    for engine in _engines:
        engine.dispose(close=False)


# A server that loads the app and then forks (gunicorn --preload) would share the connections among its workers.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_connections_to_the_parent)
