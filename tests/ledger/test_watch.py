"""Whether anything was committed since: noticed from every connection and process, and asked for next to nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.customer_version import CustomerVersions
from claimable_benefits.ledger.facts import remember_profile, set_value
from claimable_benefits.ledger.watch import Watch
from tests.ledger.rows import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a ledger, 100%?.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger(str(make_url("sqlite://").set(database=str(path))))
    opened.create_tables()
    yield opened
    opened.close()


@pytest.fixture
def watch(ledger: Ledger) -> Iterator[Watch]:
    watching = Watch(ledger.engine.url)
    yield watching
    watching.close()


def write(ledger: Ledger, value: str) -> None:
    with ledger.write() as connection:
        set_value(connection, "something", value, NOW)


def test_a_moment_lasts_until_the_next_commit(ledger: Ledger, watch: Watch) -> None:
    before = [watch.moment(), watch.moment()]
    write(ledger, "1")
    after = [watch.moment(), watch.moment()]

    assert before[0] == before[1] is not None
    assert after[0] == after[1] not in before


def test_what_is_rolled_back_is_no_commit(ledger: Ledger, watch: Watch) -> None:
    before = watch.moment()
    with ledger.write() as connection:
        set_value(connection, "something", "1", NOW)
        connection.rollback()

    assert watch.moment() == before


def test_a_commit_of_another_process_is_noticed(ledger: Ledger, watch: Watch, path: Path) -> None:
    before = watch.moment()
    if (child := os.fork()) == 0:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE shop (id INTEGER)")
        os._exit(0)
    os.waitpid(child, 0)

    assert watch.moment() != before


def test_a_child_has_a_connection_of_its_own(ledger: Ledger, watch: Watch) -> None:
    watch.moment()
    read, write_end = os.pipe()
    if (child := os.fork()) == 0:
        moment = watch.moment()
        write(ledger, "1")
        os.write(write_end, b"noticed" if moment and watch.moment() != moment else b"missed")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 100) == b"noticed"


def test_moments_before_and_after_a_new_connection_are_never_the_same(ledger: Ledger, watch: Watch) -> None:
    before = watch.moment()
    watch.close()

    assert watch.moment() != before


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:////nowhere/at/all.sqlite3", "postgresql+psycopg://localhost/x"]
)
def test_what_cannot_be_watched_has_no_moment(url: str) -> None:
    assert Watch(make_url(url)).moment() is None


def test_where_a_customer_stands_is_asked_again_only_after_a_commit(ledger: Ledger) -> None:
    asked: list[object] = []
    event.listen(ledger.engine, "checkout", lambda *_: asked.append(1))
    customer_versions = CustomerVersions(ledger)
    unknown = [customer_versions.of("1001") for _ in range(3)]
    questions = [len(asked)]
    with ledger.write() as connection:
        remember_profile(connection, "1001", "mia", NOW)
    asked.clear()
    known = [customer_versions.of("1001") for _ in range(3)]
    questions.append(len(asked))

    assert unknown == [None] * 3
    assert {each.profile_id for each in known if each} == {"mia"}
    assert questions == [1, 1]
