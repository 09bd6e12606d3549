"""The shop's database through SQLAlchemy (SQLite or PostgreSQL): a session per app context, and two column types."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from sqlite3 import Connection
from typing import Any

from flask import Flask, current_app, g
from sqlalchemy import DateTime, Dialect, Engine, Integer, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

_KEY = "shop_database"
_WAIT_SECONDS = 10  # the shop's threads and the extension's worker write to the same file, one at a time
# Several processes may start at once, and each finds that tables are missing: a database lock lets one create them.
_CREATE_LOCK = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(20261125)"}


class Cents(TypeDecorator[Decimal]):
    """An amount in major units with two digits, stored as whole cents, because SQLite has no decimals."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002  # SQLAlchemy passes it
        """Return the amount in cents."""
        return None if value is None else int(value.scaleb(2))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002  # SQLAlchemy passes it
        """Return the amount in major units."""
        return None if value is None else Decimal(value).scaleb(-2)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy passes it
        """Return the time as the database stores it: UTC, without a zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy passes it
        """Return the time with its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The root of the shop's tables."""

    type_annotation_map = {Decimal: Cents, datetime: UtcDateTime}  # noqa: RUF012  # SQLAlchemy reads a plain dict here


class Database:
    """The engine of each app, and the session of each app context.

    The engine's address is in ``SQLALCHEMY_ENGINES["default"]``, where the extension reads it too.
    """

    def init_app(self, app: Flask) -> None:
        """Open the database, and create the tables that are missing."""
        engine = _open(app.config["SQLALCHEMY_ENGINES"]["default"])
        _create_tables(engine)
        app.extensions[_KEY] = engine
        app.teardown_appcontext(_close_session)

    def engine_of(self, app: Flask) -> Engine:
        """Return the engine of ``app``."""
        engine: Engine = app.extensions[_KEY]
        return engine

    @property
    def session(self) -> Session:
        """The session of this app context; when the context ends, it rolls back what is not committed and closes."""
        if _KEY not in g:
            # Committed rows stay readable without a new transaction, so none is open during a call to another service.
            setattr(g, _KEY, Session(self.engine_of(current_app), expire_on_commit=False))
        session: Session = getattr(g, _KEY)
        return session


def _open(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)  # a restarted server has closed our connections
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS})
    event.listen(engine, "connect", _prepare)
    return engine


def _create_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(_CREATE_LOCK[engine.dialect.name])
        Base.metadata.create_all(connection)


def _prepare(connection: Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
    connection.execute("PRAGMA foreign_keys = ON")


def _close_session(_error: BaseException | None) -> None:
    session: Session | None = g.pop(_KEY, None)
    if session is not None:
        session.close()
