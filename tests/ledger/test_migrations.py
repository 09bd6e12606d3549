"""The tables go from version to version, up and down, and no row is lost."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, inspect, select, text

from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import SettingsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.outbox import find_delivery, lease_due
from claimable_benefits.ledger.schema import MIGRATIONS, NEWEST, REVISIONS, VERSION_TABLE, alembic_config
from claimable_benefits.ledger.tables import metadata
from claimable_benefits.ledger.uses import find_use, move_use, touch_use
from tests.ledger.rows import NOW, WHY, new_claim, new_use, open_ledger, queue

REMEDY = """
The tables that the migrations make are not those of ledger/tables.py. Whoever changes tables.py writes the next module
into ledger/migrations/versions, with the way up and the way down, and adds its number to REVISIONS in ledger/schema.py.
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
        return
    with request.getfixturevalue("postgres").empty_database() as url:
        yield url


@pytest.fixture
def bare(empty_url: str) -> Iterator[Ledger]:
    """A ledger whose tables are not made yet."""
    ledger = Ledger(empty_url)
    yield ledger
    ledger.close()


def migrate(ledger: Ledger, to: str) -> None:
    """Go the way of Alembic alone, step by step from nothing."""
    with ledger.write() as connection:
        command.upgrade(alembic_config(connection), to)


def make_the_first_release(ledger: Ledger) -> None:
    """What the first release left behind: its tables, and no version."""
    migrate(ledger, "0001")
    with ledger.write() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))


def drawn(connection: Connection) -> dict[str, object]:
    """Every table, column, index and key as the database has it."""
    looking = inspect(connection)
    tables = sorted(name for name in looking.get_table_names() if name.startswith("benefits_"))
    return {name: _drawn_table(looking, name) for name in tables} | {"indexes": _indexes(connection)}


def _drawn_table(looking: Any, name: str) -> dict[str, object]:
    def kind(column: Any) -> str:
        # SQLite keeps a text of any length in a VARCHAR(255), and cannot change a column's type.
        shown = str(column["type"])
        return re.sub(r"VARCHAR(\(\d+\))?", "TEXT", shown) if looking.dialect.name == "sqlite" else shown

    return {
        "columns": {c["name"]: (kind(c), c["nullable"], c["default"]) for c in looking.get_columns(name)},
        "key": looking.get_pk_constraint(name)["constrained_columns"],
        "foreign": [(k["constrained_columns"], k["referred_table"]) for k in looking.get_foreign_keys(name)],
        "unique": sorted(key["column_names"] for key in looking.get_unique_constraints(name)),
    }


def _indexes(connection: Connection) -> list[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
    else:
        rows = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'benefits%'"))
    return sorted(" ".join(str(row[0]).split()) for row in rows)


def differences(ledger: Ledger) -> list[object]:
    """What Alembic would have to change for the database to be as tables.py says."""
    with ledger.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": connection.dialect.name != "sqlite"}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_the_migrations_make_the_tables_that_the_code_has(bare: Ledger) -> None:
    migrate(bare, "head")

    assert differences(bare) == [], REMEDY


def test_a_column_without_a_migration_is_noticed(bare: Ledger) -> None:
    bare.create_tables()
    with bare.write() as connection:
        connection.execute(text("ALTER TABLE benefits_uses ADD COLUMN colour INTEGER"))

    assert differences(bare)


def test_a_new_ledger_is_drawn_exactly_as_one_that_went_through_every_version(bare: Ledger) -> None:
    migrate(bare, "head")
    with bare.read() as connection:
        grown = drawn(connection)
    with bare.write() as connection:
        metadata.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))

    bare.create_tables()

    with bare.read() as connection:
        assert drawn(connection) == grown, REMEDY


def test_the_versions_that_the_code_counts_are_the_migrations_there_are() -> None:
    script = ScriptDirectory(str(MIGRATIONS))

    found = [revision.revision for revision in script.walk_revisions()]

    assert found[::-1] == list(REVISIONS), REMEDY


def fill(ledger: Ledger) -> tuple[str, list[dict[str, Any]]]:
    """Rows of every kind; gives the id of a use and everything that version 0001 has room for."""
    with ledger.write() as connection:
        use = new_use(connection, order_number="A1")
        new_claim(connection)
        use = move_use(connection, use, UseState.REDEEMING, WHY, sent_at=NOW)
        use = move_use(connection, use, UseState.REDEEMED, WHY, redemption_id="159")
        queue(connection, "A1", use_id=use.use_id, redemption_id="159")
    return use.use_id, kept(ledger)


def kept(ledger: Ledger) -> list[dict[str, Any]]:
    """Every row, without the columns that came with version 0002."""
    newer = {"rollback_id", "sweep_at", "sweeps", "verify_at"}
    with ledger.read() as connection:
        return [
            {column.name: value for column, value in zip(table.c, row, strict=True) if column.name not in newer}
            for table in metadata.sorted_tables
            for row in connection.execute(_select_what_is_there(connection, table))
        ]


def _select_what_is_there(connection: Connection, table: Table) -> Any:
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    return select(*(column if column.name in there else text("NULL") for column in table.c)).order_by(table.c[0])


def test_rows_survive_the_way_down_and_up_again(bare: Ledger) -> None:
    bare.create_tables()
    use_id, before = fill(bare)

    bare.downgrade("0001")
    down, below = bare.version(), kept(bare)
    bare.create_tables()

    assert (down, bare.version()) == ("0001", NEWEST)
    assert before == below == kept(bare)
    with bare.write() as connection:
        use = find_use(connection, use_id)
        assert use is not None
        assert (use.sweeps, use.rollback_id) == (0, None)
        assert touch_use(connection, use, NOW, rollback_id="160", sweeps=1).sweeps == 1
        assert [delivery.order_number for delivery in lease_due(connection, NOW, seconds=1, limit=5)] == ["A1"]


def test_the_way_down_is_drawn_as_the_first_release_was(bare: Ledger) -> None:
    make_the_first_release(bare)
    with bare.read() as connection:
        first = drawn(connection)

    bare.create_tables()
    bare.downgrade("0001")

    with bare.write() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        assert drawn(connection) == first


def test_a_ledger_of_the_first_release_is_known_without_a_version_and_keeps_its_rows(bare: Ledger) -> None:
    make_the_first_release(bare)
    with bare.write() as connection:
        connection.execute(text(FIRST_RELEASE_ORDER))
    before = bare.version()

    bare.create_tables()

    assert (before, bare.version()) == ("0001", NEWEST)
    assert differences(bare) == []
    with bare.read() as connection:
        delivery = find_delivery(connection, "A7")
    assert delivery is not None
    assert (delivery.state, delivery.transaction_id, delivery.verify_at) == (DeliveryState.DELIVERED, "31", None)


FIRST_RELEASE_ORDER = """
INSERT INTO benefits_outbox (order_number, revision, content, state, attempts, due_at, transaction_id, created_at,
  updated_at)
VALUES ('A7', 1, '{}', 'delivered', 1, '2026-03-02 01:00:00', '31', '2026-03-02 01:00:00', '2026-03-02 01:00:00')
"""


def test_a_worker_of_the_earlier_release_goes_on_while_the_ledger_is_newer(bare: Ledger) -> None:
    """During a deployment both releases serve one ledger: what the earlier one writes has none of the new columns."""
    bare.create_tables()

    with bare.write() as connection:
        new_use(connection)
        connection.execute(text(EARLIER_WORKERS_HOLD))
        found = find_use(connection, "of-the-earlier-release")

    assert found is not None
    assert (found.sweeps, found.sweep_at) == (0, None)


EARLIER_WORKERS_HOLD = """
INSERT INTO benefits_uses (use_id, reference, channel, customer_id, profile_id, benefit_id, definition_handle, name,
  instructions, slot, cart_id, state, version, held_until, attempts, created_at, updated_at)
SELECT 'of-the-earlier-release', 'earlier', channel, customer_id, profile_id, '8', definition_handle, name,
  instructions, slot, 'its cart', state, version, held_until, attempts, created_at, updated_at FROM benefits_uses
"""


def test_a_version_that_is_up_to_date_is_only_looked_at(bare: Ledger) -> None:
    bare.create_tables()
    with bare.write() as connection:
        # Whoever had to change something would wait for this transaction, and in vain.
        connection.execute(text("SELECT 1"))
        bare.create_tables()

    assert bare.version() == NEWEST


def test_a_start_with_a_ledger_that_is_up_to_date_does_not_import_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    start = f"""
import sys
from claimable_benefits.ledger import Ledger
for _ in range(2):
    ledger = Ledger({url!r})
    ledger.create_tables()
    ledger.close()
print("alembic" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout == "False\n"


def start(url: str, begin: Any) -> None:
    ledger = Ledger(url)
    begin.wait(30)
    ledger.create_tables()
    with ledger.write() as connection:
        new_use(connection, benefit_id=str(multiprocessing.current_process().pid))
    ledger.close()


@pytest.mark.parametrize("first", [None, "0001"], ids=["empty", "of the first release"])
def test_workers_that_start_at_once_make_the_tables_once(bare: Ledger, empty_url: str, first: str | None) -> None:
    if first:
        make_the_first_release(bare)
    spawn = multiprocessing.get_context("spawn")
    begin = spawn.Barrier(4)
    workers = [spawn.Process(target=start, args=(empty_url, begin)) for _ in range(4)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    codes = [worker.exitcode for worker in workers]
    for worker in workers:
        worker.close()

    with bare.read() as connection:
        versions = connection.scalars(text("SELECT version_num FROM benefits_alembic_version")).all()
        uses = connection.scalar(text("SELECT count(*) FROM benefits_uses"))
    assert codes == [0, 0, 0, 0]
    assert (versions, uses) == ([NEWEST], 4)


def test_an_upgrade_that_fails_half_way_leaves_the_ledger_as_it_was(bare: Ledger) -> None:
    make_the_first_release(bare)
    with bare.write() as connection:
        # The last step but one of 0002 stumbles over this name.
        connection.execute(text("CREATE TABLE benefits_outbox_verify (id INTEGER)"))
        before = drawn(connection)

    with pytest.raises(Exception, match="already"):
        bare.create_tables()

    with bare.read() as connection:
        assert drawn(connection) == before
    assert bare.version() == "0001"


def test_a_ledger_of_a_newer_version_is_refused_and_not_touched(bare: Ledger) -> None:
    bare.create_tables()
    with bare.write() as connection:
        connection.execute(text("UPDATE benefits_alembic_version SET version_num = '0009'"))
        before = drawn(connection)

    with pytest.raises(SettingsError) as refused:
        bare.create_tables()
    with pytest.raises(SettingsError):
        bare.downgrade("0001")

    with bare.read() as connection:
        assert drawn(connection) == before
    assert (refused.value.key, bare.version()) == ("BENEFITS_DATABASE_URL", "0009")
    assert "version 0009" in refused.value.problem
    assert f"flask benefits db downgrade {NEWEST}" in refused.value.remedy


@pytest.mark.parametrize(("to", "problem"), [("0007", "is no version"), ("head", "is no version")])
def test_a_version_that_is_none_is_refused(bare: Ledger, to: str, problem: str) -> None:
    bare.create_tables()

    with pytest.raises(ValueError, match=problem):
        bare.downgrade(to)


def test_the_way_down_does_not_lead_up(bare: Ledger) -> None:
    bare.create_tables()
    bare.downgrade("0001")

    with pytest.raises(ValueError, match="not newer than 0002"):
        bare.downgrade("0002")


def test_there_is_no_way_down_from_the_first_version(bare: Ledger) -> None:
    migrate(bare, "0001")

    with pytest.raises(NotImplementedError), bare.write() as connection:
        command.downgrade(alembic_config(connection), "base")

    assert bare.version() == "0001"


def test_an_order_number_that_does_not_fit_keeps_the_ledger_from_going_down(postgres: Any) -> None:
    with postgres.empty_database() as url:
        ledger = open_ledger(url)
        with ledger.write() as connection:
            queue(connection, "A" * 300)

        with pytest.raises(Exception, match="too long"):
            ledger.downgrade("0001")
        version = ledger.version()
        ledger.close()

    assert version == NEWEST
