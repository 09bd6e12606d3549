"""The ledger's database: times, addresses, settings of SQLite, and small facts."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Dialect, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import StatementError

from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger import Ledger, key_values, profile_ids
from claimable_benefits.ledger.schema import VERSION_TABLE
from claimable_benefits.ledger.tables import UtcDateTime, metadata
from tests.ledger.rows import NOW, at_once, new_use, open_ledger
from tests.support.postgres import Postgres
from tests.support.waiting import LIMIT

SQLITE, POSTGRESQL = (make_url(f"{name}://").get_dialect()() for name in ("sqlite", "postgresql"))
zones = st.sampled_from(
    [UTC, ZoneInfo("Australia/Melbourne"), ZoneInfo("America/St_Johns"), ZoneInfo("Asia/Kathmandu")]
)
times = st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1), timezones=zones)  # noqa: DTZ001 - the zones follow


@settings(deadline=None)
@given(times)
@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=["sqlite", "postgresql"])
def test_aware_times_come_back_as_the_same_moment_in_utc(dialect: Dialect, at: datetime) -> None:
    column = UtcDateTime()

    back = column.process_result_value(column.process_bind_param(at, dialect), dialect)

    assert back is not None
    assert (at.astimezone(UTC), UTC) == (back, back.tzinfo)


def test_times_survive_the_file_to_the_microsecond(ledger: Ledger) -> None:
    melbourne = datetime(2026, 4, 5, 2, 30, 0, 123456, tzinfo=ZoneInfo("Australia/Melbourne"), fold=1)

    with ledger.write() as connection:
        use = new_use(connection, held_until=melbourne)

    assert (melbourne.astimezone(UTC), UTC) == (use.held_until, use.held_until.tzinfo)


def test_times_are_compared_as_moments_not_as_wall_clocks(ledger: Ledger) -> None:
    in_kiritimati = NOW.astimezone(ZoneInfo("Pacific/Kiritimati"))

    with ledger.write() as connection:
        use = new_use(connection, held_until=in_kiritimati)

    assert use.held_until == NOW


def test_a_time_without_a_zone_is_refused_rather_than_guessed(ledger: Ledger) -> None:
    naive = datetime(2026, 3, 2, 1, 0)  # noqa: DTZ001 - to be refused

    with pytest.raises(StatementError, match="has no time zone"), ledger.write() as connection:
        new_use(connection, held_until=naive)


def test_every_table_is_prefixed() -> None:
    names = [*metadata.tables, *(index.name for table in metadata.tables.values() for index in table.indexes)]

    assert [name for name in names if not str(name).removeprefix("ix_").startswith("benefits_")] == []


def test_creating_the_tables_again_keeps_what_is_in_them(ledger: Ledger) -> None:
    with ledger.write() as connection:
        new_use(connection)

    ledger.create_tables()

    with ledger.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM benefits_uses")) == 1


def test_the_shops_own_tables_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE uses (id INTEGER)"))
    ledger = open_ledger(f"sqlite:///{path}")

    names = set(inspect(engine).get_table_names())
    ledger.close()
    engine.dispose()
    assert names - set(metadata.tables) == {"uses", VERSION_TABLE}


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
def test_sqlite_is_told_to_lose_nothing(tmp_path: Path, pragma: str, value: object) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")

    with ledger.read() as connection:
        told = connection.scalar(text(f"PRAGMA {pragma}"))

    ledger.close()
    assert value == told


def test_a_reader_is_not_held_up_by_a_writer(ledger: Ledger) -> None:
    with ledger.write() as writing, ledger.read() as reading:
        new_use(writing)

        assert reading.scalar(text("SELECT count(*) FROM benefits_uses")) == 0


def test_a_block_that_raises_writes_nothing(ledger: Ledger) -> None:
    def write_and_fail() -> None:
        with ledger.write() as connection:
            new_use(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    with ledger.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM benefits_uses")) == 0


@pytest.mark.parametrize("url", ["", "no address", "oracle9://x/y", "mysql://u:p@h/d", "sqlite+nothing:///x"])
def test_an_address_that_names_no_database_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"SQLAlchemy|load plugin|neither SQLite nor PostgreSQL"):
        Ledger(url)


def test_a_folder_that_is_missing_is_said_when_the_tables_are_made(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'missing' / 'ledger.sqlite3'}")

    with pytest.raises(LedgerUnavailable, match="unable to open database file"):
        ledger.create_tables()

    ledger.close()


def knows(ledger: Ledger, url: str) -> bool:
    """Whether the ledger takes a shop's connection to ``url`` for one to its own database."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return ledger.is_same_database(connection)


def test_the_shops_connection_is_known_by_its_file(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")

    answers = [knows(ledger, f"sqlite:///{tmp_path / name}") for name in ("ledger.sqlite3", "elsewhere.sqlite3")]

    ledger.close()
    assert answers == [True, False]


def test_the_shops_connection_is_known_by_its_server_and_name(postgres: Postgres) -> None:
    ledger = Ledger(postgres.url("ledger").replace("postgresql://", "postgres://"))

    answers = [knows(ledger, postgres.url(name).replace("://", "+psycopg://", 1)) for name in ("ledger", "template1")]

    ledger.close()
    assert answers == [True, False]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_under_each_of_its_usual_names(postgres: Postgres, scheme: str) -> None:
    ledger = Ledger(postgres.url("ledger").replace("postgresql", scheme, 1))

    with ledger.read() as connection:
        driver = connection.engine.url.drivername

    ledger.close()
    assert driver == "postgresql+psycopg"


def test_a_block_that_reads_sees_one_moment(ledger: Ledger) -> None:
    counted = text("SELECT count(*) FROM benefits_uses")

    with ledger.read() as reading:
        before = reading.scalar(counted)
        with ledger.write() as connection:
            new_use(connection)
        after = reading.scalar(counted)

    assert (before, after) == (0, 0)


@pytest.mark.timing
def test_a_parents_connections_are_not_used_by_the_processes_it_forks(ledger: Ledger) -> None:
    def count() -> int:
        with ledger.write() as connection:
            new_use(connection, benefit_id=str(uuid4()))
            return int(connection.execute(text("SELECT count(*) FROM benefits_uses")).scalar_one())

    count()
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=count) for _ in range(3)]

    for child in children:
        child.start()
    for child in children:
        child.join(LIMIT)
    codes = [child.exitcode for child in children]

    assert codes == [0, 0, 0]
    assert count() == 5


# Small facts.


def test_a_profile_is_remembered_renamed_and_forgotten(ledger: Ledger) -> None:
    known = []
    with ledger.write() as connection:
        known.append(profile_ids.known_profile(connection, "1001"))
        profile_ids.remember_profile(connection, "1001", "mia", NOW)
        known.append(profile_ids.known_profile(connection, "1001"))
        profile_ids.remember_profile(connection, "1001", "mia merged", NOW + timedelta(days=1))
        known.append(profile_ids.known_profile(connection, "1001"))
        profile_ids.forget_profile(connection, "1001")
        known.append(profile_ids.known_profile(connection, "1001"))

    assert known == [None, "mia", "mia merged", None]


def test_a_fact_is_remembered_until_the_next_one(ledger: Ledger) -> None:
    with ledger.write() as connection:
        before = key_values.get_value(connection, "dialect")
        key_values.set_value(connection, "dialect", "guide", NOW)
        key_values.set_value(connection, "dialect", "reference", NOW)
        after = key_values.get_value(connection, "dialect")

    assert (before, after) == (None, "reference")


def test_what_many_learn_at_once_is_remembered_once(ledger: Ledger) -> None:
    def learn(place: int) -> None:
        with ledger.write() as connection:
            key_values.set_value(connection, "dialect", f"one of {place}", NOW)

    at_once(16, learn)

    with ledger.read() as connection:
        assert str(key_values.get_value(connection, "dialect")).startswith("one of ")
