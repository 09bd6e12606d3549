"""Sessions that could tear an order from its transaction are refused; those that write to the same tables are taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Delete, Engine, NullPool, Update, create_engine, event, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from claimable_benefits import SettingsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.tables import outbox
from tests.ledger.session_hooks.conftest import Base, Sale, Shop, open_shop, sale, shop_url
from tests.support.postgres import Postgres


@contextmanager
def engine_of(url: str, **options: Any) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool, **options)
    yield engine
    engine.dispose()


@contextmanager
def autocommit(shop: Shop, kind: str) -> Iterator[Any]:
    """A session or connection whose statements are each a transaction, set in each of SQLAlchemy's ways."""
    with engine_of(shop.url, isolation_level="AUTOCOMMIT") as engine:
        options = shop.engine.execution_options(isolation_level="AUTOCOMMIT")
        if kind == "engine":
            with Session(engine) as session:
                yield session
        elif kind == "scoped session":
            registry = scoped_session(sessionmaker(engine))
            yield registry
            registry.remove()
        elif kind == "options of the engine":
            with Session(options) as session:
                yield session
        elif kind == "options of the session":
            with Session(shop.engine) as session:
                session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
                yield session
        else:
            with options.connect() as connection:
                yield connection


AUTOCOMMIT = ("engine", "scoped session", "options of the engine", "options of the session", "connection")


@pytest.mark.parametrize("kind", AUTOCOMMIT)
def test_a_session_with_autocommit_is_refused_before_anything(plain: Shop, kind: str) -> None:
    with autocommit(plain, kind) as session, pytest.raises(SettingsError) as refused:
        plain.benefits.submit(sale("A1"), session=session)

    assert refused.value.key == "isolation_level"
    assert plain.seen() == ([], [])


@pytest.mark.parametrize("kind", AUTOCOMMIT)
def test_a_refund_in_a_session_with_autocommit_is_refused_too(plain: Shop, kind: str) -> None:
    plain.submit("A1")
    plain.session.commit()
    before = plain.revisions("A1")

    with autocommit(plain, kind) as session, pytest.raises(SettingsError) as refused:
        plain.benefits.refund("A1", session=session)

    assert refused.value.key == "isolation_level"
    assert plain.revisions("A1") == before


def listening(engine: Engine, *, begins: bool) -> None:
    """What SQLAlchemy documents for SQLite: the shop begins its transactions by itself. Without that, nobody does."""
    event.listen(engine, "connect", lambda connection, _record: setattr(connection, "isolation_level", None))
    if begins:
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, "session", f"sqlite:///{tmp_path / 'shop.sqlite3'}") as opened:
        yield opened


def test_a_file_whose_transactions_nobody_begins_is_refused(file: Shop) -> None:
    with engine_of(file.url) as engine:
        listening(engine, begins=False)
        with Session(engine) as session, pytest.raises(SettingsError) as refused:
            file.benefits.submit(sale("A1"), session=session)

    assert refused.value.key == "isolation_level"


def test_a_shop_that_begins_its_transactions_by_itself_is_taken(file: Shop) -> None:
    with engine_of(file.url) as engine:
        listening(engine, begins=True)
        with Session(engine) as session:
            file.submit("A1", session)
            session.rollback()
            file.submit("A2", session)
            session.commit()
        with engine.begin() as connection:
            file.submit("A3", connection)

    assert file.seen() == (["A2", "A3"], ["A2", "A3"])


class RoutingSession(Session):
    """As SQLAlchemy documents it: writes go to the leader, everything else to a reader."""

    def __init__(self, leader: Engine, reader: Engine) -> None:
        super().__init__()
        self._engines = (leader, reader)

    def get_bind(self, mapper: Any = None, *, clause: Any = None, **_options: Any) -> Engine:  # noqa: ARG002 - SQLAlchemy's own
        """Return the engine for a statement."""
        is_write = self._flushing or isinstance(clause, Update | Delete)  # as the documentation has it
        return self._engines[0 if is_write else 1]


def test_a_session_that_routes_to_a_reader_is_asked_for_the_leader(plain: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'reader.sqlite3'}"
    with engine_of(url) as reader, RoutingSession(plain.engine, reader) as session:
        plain.benefits.submit(sale("A1"), session=session)
        session.add(Sale(number="A1"))
        session.commit()
        plain.benefits.submit(sale("A2"), session=session)
        session.rollback()

    assert plain.seen() == (["A1"], ["A1"])


def test_a_session_with_several_databases_is_asked_for_that_of_our_table(plain: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stock.sqlite3'}"
    with engine_of(url) as stock, Session(stock, binds={Sale: plain.engine, outbox: plain.engine}) as session:
        plain.submit("A1", session)
        session.commit()

    assert plain.seen() == (["A1"], ["A1"])


def test_a_session_without_a_database_for_our_table_names_the_remedy(plain: Shop) -> None:
    with Session(binds={Base: plain.engine}) as session:
        with pytest.raises(SettingsError) as refused:
            plain.benefits.submit(sale("A1"), session=session)
        connection = session.connection(bind_arguments={"mapper": Sale})
        session.add(Sale(number="A1"))
        plain.benefits.submit(sale("A1"), session=connection)
        session.commit()

    assert 'session.connection(bind_arguments={"mapper": …})' in refused.value.remedy
    assert plain.seen() == (["A1"], ["A1"])


ADDRESSES = {
    "the whole path": "sqlite:///{file}",
    "an address within an address": "sqlite:///file:{file}?uri=true",
    "the driver named": "sqlite+pysqlite:///{file}",
    "a path from the working folder": "sqlite:///{relative}",
    "an address from the working folder": "sqlite:///file:{relative}?uri=true",
    "a symbolic link": "sqlite:///{link}",
    "a roundabout path": "sqlite:///{folder}/../{name}/shop.sqlite3",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_every_address_of_the_same_file_is_the_same_database(file: Shop, tmp_path: Path, address: str) -> None:
    real, link = tmp_path / "shop.sqlite3", tmp_path / "link.sqlite3"
    link.symlink_to(real)
    url = address.format(file=real, relative=os.path.relpath(real), link=link, folder=tmp_path, name=tmp_path.name)

    with engine_of(url) as engine, Session(engine) as session:
        file.submit("A1", session)
        session.commit()

    assert file.seen() == (["A1"], ["A1"])


@pytest.mark.parametrize(
    "address", ["sqlite:///{folder}/other.sqlite3", "sqlite://", "sqlite:///file::memory:?uri=true"]
)
def test_another_file_and_one_in_memory_are_other_databases(file: Shop, tmp_path: Path, address: str) -> None:
    refused = pytest.raises(SettingsError, match="another database")
    with engine_of(address.format(folder=tmp_path)) as engine, Session(engine) as session, refused:
        file.benefits.submit(sale("A1"), session=session)


@pytest.fixture
def served(tmp_path: Path, postgres: Postgres) -> Iterator[Shop]:
    with open_shop(tmp_path, "session", shop_url(postgres.empty_ledger())) as opened:
        yield opened


def test_a_database_with_the_same_tables_on_the_same_server_is_another_one(served: Shop, postgres: Postgres) -> None:
    with postgres.empty_database() as url:
        ledger = Ledger(url)
        ledger.create_tables()
        ledger.close()
        refused = pytest.raises(SettingsError, match="another database")
        with engine_of(shop_url(url)) as engine, Session(engine) as session, refused:
            served.benefits.submit(sale("A1"), session=session)


def test_tables_of_the_same_name_in_another_schema_are_another_database(served: Shop) -> None:
    with served.engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA tenant"))
        connection.execute(text("CREATE TABLE tenant.benefits_outbox (LIKE public.benefits_outbox INCLUDING ALL)"))
    try:
        with Session(served.engine) as session:
            served.benefits.submit(sale("A1"), session=session)  # from now on this engine is known
            session.rollback()
            session.execute(text("SET LOCAL search_path = tenant, public"))
            with pytest.raises(SettingsError, match="another database"):
                served.benefits.submit(sale("A1"), session=session)
        mapped = served.engine.execution_options(schema_translate_map={None: "tenant"})
        with Session(mapped) as session, pytest.raises(SettingsError, match="another database"):
            served.benefits.submit(sale("A1"), session=session)
    finally:
        with served.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA tenant CASCADE"))


def test_a_server_behind_another_name_is_the_same_database(served: Shop) -> None:
    """The socket's folder under another path: the addresses differ, the server is one."""
    folder = Path(str(served.engine.url.query["host"]))
    link = folder.with_name(f"{folder.name}-link")
    link.symlink_to(folder)
    url = served.url.replace(str(folder), str(link))

    with engine_of(url) as engine, Session(engine) as session:
        served.submit("A1", session)
        session.commit()
    link.unlink()

    assert served.seen() == (["A1"], ["A1"])
