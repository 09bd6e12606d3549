"""A database that is locked, full, read-only or away: one error, in words, and nothing is written by halves."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.uses import find_use, touch_use
from tests.ledger.rows import NOW, new_use, open_ledger
from tests.support.postgres import Postgres
from tests.support.waiting import LIMIT

NOBODY = 65534
COUNT = text("SELECT count(*) FROM benefits_uses")


def count(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return int(connection.execute(COUNT).scalar_one())


def refused(ledger: Ledger, **values: Any) -> str:
    """What the ledger says when a use cannot be written."""
    with pytest.raises(LedgerUnavailable) as error, ledger.write() as connection:
        new_use(connection, **values)
    return str(error.value)


# SQLite.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger's file with one use in it."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    with ledger.write() as connection:
        new_use(connection)
    ledger.close()
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def file_ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{path}", wait=0.2)
    yield ledger
    ledger.close()


def test_a_lock_that_somebody_holds_for_longer_than_we_wait(file_ledger: Ledger, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    said = refused(file_ledger, slot=1)
    other.execute("COMMIT")
    other.close()
    with file_ledger.write() as connection:
        new_use(connection, slot=1)

    assert said == "The ledger cannot be used right now: database is locked."
    assert count(file_ledger) == 2


def test_a_disk_that_is_full_takes_nothing_and_loses_nothing(file_ledger: Ledger) -> None:
    def fill_the_disk(connection: Any, _record: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(file_ledger.engine, "connect", fill_the_disk)
    said = refused(file_ledger, slot=1, instructions="long " * 100_000)
    left = count(file_ledger)
    event.remove(file_ledger.engine, "connect", fill_the_disk)
    file_ledger.close()
    with file_ledger.write() as connection:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
        new_use(connection, slot=1, instructions="long " * 100_000)

    assert said == "The ledger cannot be used right now: database or disk is full."
    assert (left, count(file_ledger)) == (1, 2)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_text("No database at all, but long enough to be looked at. " * 40)
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")

    with pytest.raises(LedgerUnavailable, match="file is not a database"):
        ledger.create_tables()

    ledger.close()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="ledger"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def use_as_nobody(url: str, told: Any) -> None:
    """What a shop sees that may read its database and not write it. Root may write everything, so root steps down."""
    if os.geteuid() == 0:
        os.setuid(NOBODY)
    ledger = Ledger(url, wait=0.2)
    try:
        ledger.create_tables()
        told.put(count(ledger))
        with ledger.write() as connection:
            new_use(connection, slot=1)
    except LedgerUnavailable as error:
        told.put(str(error))
    ledger.close()
    told.close()


def told_to_nobody(url: str, answers: int) -> list[object]:
    fork = multiprocessing.get_context("fork")
    told: Any = fork.Queue()
    process = fork.Process(target=use_as_nobody, args=(url, told))
    process.start()
    said = [told.get(timeout=LIMIT) for _ in range(answers)]
    process.join(LIMIT)
    assert process.exitcode == 0
    process.close()
    told.close()
    told.join_thread()
    return said


def test_a_file_that_may_only_be_read_is_read_and_not_written(path: Path, public_folder: Path) -> None:
    copy = public_folder / "ledger.sqlite3"
    shutil.copyfile(path, copy)
    copy.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    public_folder.chmod(0o777)

    said = told_to_nobody(f"sqlite:///{copy}", 2)

    assert said == [1, "The ledger cannot be used right now: attempt to write a readonly database."]


def test_a_folder_that_may_not_be_written_holds_no_new_ledger(public_folder: Path) -> None:
    public_folder.chmod(0o555)

    said = told_to_nobody(f"sqlite:///{public_folder / 'ledger.sqlite3'}", 1)

    assert said == ["The ledger cannot be used right now: unable to open database file."]
    assert list(public_folder.iterdir()) == []


# PostgreSQL.


@pytest.fixture
def served(postgres: Postgres) -> Iterator[Ledger]:
    ledger = Ledger(postgres.empty_ledger(), wait=0.2)
    yield ledger
    ledger.close()


def test_a_server_that_goes_away_between_two_transactions_is_not_noticed(served: Ledger, postgres: Postgres) -> None:
    counted = []
    for slot in range(3):
        postgres.cut()
        with served.write() as connection:
            new_use(connection, slot=slot)
        postgres.cut()
        counted.append(count(served))

    assert counted == [1, 2, 3]


def test_a_server_that_goes_away_in_the_middle_of_a_transaction_keeps_nothing_of_it(
    served: Ledger, postgres: Postgres
) -> None:
    def cut_half_way() -> None:
        with served.write() as connection:
            new_use(connection)
            postgres.cut()
            new_use(connection, slot=1)

    with pytest.raises(LedgerUnavailable, match="The ledger cannot be used right now: "):
        cut_half_way()

    assert count(served) == 0


def test_a_server_that_goes_away_at_the_commit(served: Ledger, postgres: Postgres) -> None:
    def cut_at_the_end() -> None:
        with served.write() as connection:
            new_use(connection)
            postgres.cut()

    with pytest.raises(LedgerUnavailable, match="The ledger cannot be used right now: "):
        cut_at_the_end()

    assert count(served) == 0


def test_a_row_that_somebody_holds_for_longer_than_we_wait(served: Ledger, postgres: Postgres) -> None:
    with served.write() as connection:
        use = new_use(connection)
    other = Ledger(postgres.url("ledger"))

    with other.write() as theirs:
        touch_use(theirs, use, NOW, note="held")
        with pytest.raises(LedgerUnavailable, match="lock timeout"), served.write() as connection:
            touch_use(connection, use, NOW, note="waiting")

    with served.read() as connection:
        found = find_use(connection, use.use_id)
    other.close()
    assert found is not None
    assert found.note == "held"


def test_a_server_that_takes_no_writes(served: Ledger, postgres: Postgres) -> None:
    """What a standby says, to which the shop was led by mistake."""
    postgres.admin.execute("ALTER DATABASE ledger SET default_transaction_read_only = on")
    postgres.cut()

    said = refused(served)
    postgres.admin.execute("ALTER DATABASE ledger RESET default_transaction_read_only")
    postgres.cut()

    assert said == ("The ledger cannot be used right now: cannot execute INSERT in a read-only transaction.")
    assert count(served) == 0


def test_an_address_at_which_nobody_listens() -> None:
    ledger = Ledger("postgresql://shop:5ecret-0815@127.0.0.1:9/shop")

    with pytest.raises(LedgerUnavailable) as error:
        ledger.create_tables()

    ledger.close()
    assert "\n" not in str(error.value)
    assert "5ecret" not in f"{error.value} {error.value.__cause__}"


def test_more_threads_than_connections_are_told_so_rather_than_kept_waiting(postgres: Postgres) -> None:
    ledger = Ledger(postgres.empty_ledger())
    taken = [ledger.engine.connect() for _ in range(40)]

    with pytest.raises(LedgerUnavailable, match="every connection is busy"), ledger.read():
        pass

    for connection in taken:
        connection.close()
    ledger.close()


# Both.


def test_what_is_wrong_with_a_row_is_not_taken_for_a_failure_of_the_database(ledger: Ledger) -> None:
    row = text("INSERT INTO benefits_key_values (name, updated_at) VALUES ('x', '2026-03-02 01:00:00')")

    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(row)


def test_a_statement_that_is_wrong_is_not_either_and_does_not_show_its_values(ledger: Ledger) -> None:
    with pytest.raises(DBAPIError, match="nothing_such") as error, ledger.write() as connection:
        connection.execute(text("UPDATE benefits_uses SET nothing_such = :secret"), {"secret": "mia@example.com"})

    assert "mia@" not in f"{error.value} {error.value!r}"


class Refusing(sqlite3.Connection):
    """Refuses to switch over a few times: as SQLite does, without waiting, to some of those who do so at once."""

    refusals = 3

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if "journal_mode" in sql and self.refusals:
            self.refusals -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, *parameters)


@pytest.mark.parametrize(("wait", "opens"), [(5.0, True), (0.0, False)])
def test_a_process_that_may_not_switch_a_new_file_over_tries_again(tmp_path: Path, wait: float, opens: bool) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'new.sqlite3'}", wait=wait)
    event.listen(ledger.engine, "do_connect", lambda _dialect, _record, args, more: _refusing(args, more))
    try:
        ledger.version()  # the first read of a file without tables
        with ledger.engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    except LedgerUnavailable as error:
        mode = str(error)
    ledger.close()

    assert mode == ("wal" if opens else "The ledger cannot be used right now: database is locked.")


def _refusing(args: list[Any], more: dict[str, Any]) -> sqlite3.Connection:
    opened: sqlite3.Connection = sqlite3.connect(*args, **{**more, "factory": Refusing})
    return opened
