"""A shop's own database, SQLite and PostgreSQL, and the kinds of sessions with which shops write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy as FlaskSQLAlchemy
from flask_sqlalchemy_lite import SQLAlchemy as FlaskSQLAlchemyLite
from sqlalchemy import Engine, NullPool, String, create_engine, delete, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker

from claimable_benefits import ClaimableBenefits, Transaction
from claimable_benefits.runtime import Runtime
from claimable_benefits.service.worker.loop import WorkerThread

KINDS = ("flask-sqlalchemy", "flask-sqlalchemy-lite", "session", "scoped session")


class Base(DeclarativeBase):
    pass


class Sale(Base):
    """The shop's own order."""

    __tablename__ = "shop_sales"
    number: Mapped[str] = mapped_column(String(40), primary_key=True)


@dataclass
class Shop:
    """One shop: ``session`` is what it works with, ``another`` looks from outside."""

    app: Flask
    url: str
    benefits: ClaimableBenefits
    session: Any
    engine: Engine
    wakes: list[str] = field(default_factory=list)

    def submit(self, number: str, session: Any = None, *, total: str = "89.99") -> None:
        """Write an order and its transaction, and commit nothing."""
        session = session or self.session
        if isinstance(session, Session | scoped_session):
            session.merge(Sale(number=number))
        else:
            session.execute(text("insert into shop_sales values (:number)"), {"number": number})
        self.benefits.submit(sale(number, total), session=session)

    def seen(self) -> tuple[list[str], list[str]]:
        """The orders, and the transactions, as anybody else sees them."""
        with self.engine.connect() as another:
            sales = another.execute(text("select number from shop_sales order by 1")).scalars().all()
            queued = another.execute(text("select order_number from benefits_outbox order by 1")).scalars().all()
        return list(sales), list(queued)

    def revisions(self, number: str) -> tuple[int, str]:
        with self.engine.connect() as another:
            query = text("select revision, content from benefits_outbox where order_number = :number")
            row = another.execute(query, {"number": number}).one()
        return row.revision, row.content


def sale(number: str, total: str = "89.99") -> Transaction:
    now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    return Transaction(number, None, Decimal(total), Decimal("99.99"), now, "AUD")


def shop_url(ledger_url: str) -> str:
    """As a merchant would write it for SQLAlchemy."""
    return ledger_url.replace("postgresql://", "postgresql+psycopg://")


def make_app(folder: Path, **config: Any) -> Flask:
    app = Flask("shop", instance_path=str(folder))
    app.config.update(
        SECRET_KEY="s", OMNEO_BASE_URL="http://127.0.0.1:9/api/v3", OMNEO_TOKEN="t", BENEFITS_WORKER="off", **config
    )
    return app


class WakeRecorder(WorkerThread):
    """A worker that only notes that it is woken."""

    def __init__(self, on_wake: Callable[[], None]) -> None:
        super().__init__(lambda: False, 60)
        self._on_wake = on_wake

    def wake(self) -> None:
        self._on_wake()


@contextmanager
def open_shop(folder: Path, kind: str, url: str) -> Iterator[Shop]:
    """A shop whose session is of ``kind``, within the context of a request."""
    with ExitStack() as stack:
        app = make_app(folder, BENEFITS_DATABASE_URL=url)
        engine = create_engine(url, poolclass=NullPool)
        Base.metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(delete(Sale))
        session = stack.enter_context(_session(app, kind, url, engine))
        benefits = ClaimableBenefits()
        benefits.init_app(app)
        stack.callback(engine.dispose)
        runtime: Runtime = app.extensions["claimable_benefits"]
        stack.callback(runtime.close)
        shop = Shop(app, url, benefits, session, engine)
        _listen(app, shop)
        with app.app_context():
            yield shop
            session.close()


def _listen(app: Flask, shop: Shop) -> None:
    runtime: Runtime = app.extensions["claimable_benefits"]
    recorder = WakeRecorder(lambda: shop.wakes.append("woken"))
    app.extensions["claimable_benefits"] = replace(runtime, worker=recorder)


@contextmanager
def _session(app: Flask, kind: str, url: str, engine: Engine) -> Iterator[Any]:
    if kind == "flask-sqlalchemy":
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        older = FlaskSQLAlchemy(app)
        yield older.session
        with app.app_context():
            older.engine.dispose()
    elif kind == "flask-sqlalchemy-lite":
        app.config["SQLALCHEMY_ENGINES"] = {"default": url}
        lite = FlaskSQLAlchemyLite(app)
        with app.app_context():
            yield lite.session
            lite.engine.dispose()
    elif kind == "session":
        yield Session(engine)
    else:
        registry = scoped_session(sessionmaker(engine))
        yield registry
        registry.remove()


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, tmp_path: Path, ledger_url: str) -> Iterator[Shop]:
    """Every kind of session on every kind of database."""
    with open_shop(tmp_path, request.param, shop_url(ledger_url)) as opened:
        yield opened


@pytest.fixture
def plain(tmp_path: Path, ledger_url: str) -> Iterator[Shop]:
    """A plain session on every kind of database."""
    with open_shop(tmp_path, "session", shop_url(ledger_url)) as opened:
        yield opened
