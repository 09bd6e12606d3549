"""The tables go from version to version, up and down, and no row is lost.

There is one migration yet; what a later release needs is tested with a second one of the tests' own.
"""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import ProgrammingError

from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import SettingsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.engine import begin_to_write
from claimable_benefits.ledger.outbox import lease_due
from claimable_benefits.ledger.schema import SCHEMA, VERSION_TABLE
from claimable_benefits.ledger.tables import metadata
from claimable_benefits.ledger.uses import find_use, live_uses_of, move_use, touch_use
from tests.ledger.later_schema import later_schema
from tests.ledger.rows import NOW, WHY, new_claim, new_use, open_ledger, queue
from tests.support.waiting import LIMIT

NEWEST = SCHEMA.newest
REMEDY = """
The tables that the migrations make are not those of ledger/tables.py. A change of tables.py needs the next module in
ledger/migrations/versions, with the way up and the way down, and its number in SCHEMA in ledger/schema.py.
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
def later(empty_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a later release, over the same database as ``bare``."""
    ledger = Ledger(empty_url, schema=later_schema(tmp_path))
    yield ledger
    ledger.close()


@pytest.fixture
def bare(empty_url: str) -> Iterator[Ledger]:
    """A ledger whose tables are not made yet."""
    ledger = Ledger(empty_url)
    yield ledger
    ledger.close()


@contextmanager
def whole_database(ledger: Ledger) -> Iterator[Connection]:
    """Write without being any shop's: its table may not be there."""
    with ledger.engine.connect() as connection:
        begin_to_write(connection)
        with connection.begin():
            yield connection


def migrate(ledger: Ledger, to: str) -> None:
    """Go the way of Alembic alone, step by step from nothing."""
    with whole_database(ledger) as connection:
        command.upgrade(SCHEMA.alembic_config(connection), to)


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
    with ledger.engine.connect() as connection:
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
    with whole_database(bare) as connection:
        grown = drawn(connection)
        metadata.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))

    bare.create_tables()

    with bare.read() as connection:
        assert drawn(connection) == grown, REMEDY


def test_the_versions_that_the_code_counts_are_the_migrations_there_are() -> None:
    script = ScriptDirectory(str(SCHEMA.folder))

    found = [revision.revision for revision in script.walk_revisions()]

    assert found[::-1] == list(SCHEMA.revisions), REMEDY


def fill(ledger: Ledger) -> tuple[str, list[dict[str, Any]]]:
    """Rows of every kind; gives the id of a use and every row."""
    with ledger.write() as connection:
        use = new_use(connection, order_number="A1")
        new_claim(connection)
        use = move_use(connection, use, UseState.REDEEMING, WHY, sent_at=NOW)
        use = move_use(connection, use, UseState.REDEEMED, WHY, redemption_id="159")
        queue(connection, "A1", use_id=use.use_id, redemption_id="159")
    return use.use_id, every_row(ledger)


def every_row(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.read() as connection:
        return [
            dict(row)
            for table in metadata.sorted_tables
            for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
        ]


def colours(ledger: Ledger) -> list[str]:
    """What only version 0002 has room for."""
    with ledger.read() as connection:
        return list(connection.scalars(text("SELECT colour FROM benefits_uses ORDER BY created_at")))


def test_rows_survive_the_way_up_and_down_again(bare: Ledger, later: Ledger) -> None:
    bare.create_tables()
    use_id, before = fill(bare)

    later.create_tables()
    above, up, colour = later.version(), every_row(later), colours(later)
    later.downgrade("0001")

    assert (above, bare.version(), colour) == ("0002", "0001", ["none"])
    assert before == up == every_row(bare)
    with bare.write() as connection:
        use = find_use(connection, use_id)
        assert use is not None
        assert touch_use(connection, use, NOW, rollback_id="160", sweeps=1).sweeps == 1
        assert [delivery.order_number for delivery in lease_due(connection, NOW, seconds=1, limit=5)] == ["A1"]


def test_the_way_down_is_drawn_as_the_earlier_release_made_it(bare: Ledger, later: Ledger) -> None:
    bare.create_tables()
    with bare.read() as connection:
        first = drawn(connection)

    later.create_tables()
    with later.read() as connection:
        second = drawn(connection)
    later.downgrade("0001")

    with bare.read() as connection:
        assert drawn(connection) == first != second


def test_a_worker_of_the_earlier_release_goes_on_while_the_ledger_is_newer(bare: Ledger, later: Ledger) -> None:
    """During a deployment both releases serve one ledger: what the earlier one writes has none of the new columns."""
    bare.create_tables()
    later.create_tables()

    with bare.write() as connection:
        held = new_use(connection)

    with bare.read() as connection:
        assert live_uses_of(connection, "mia") == [held]
    assert colours(later) == ["none"]


def test_a_version_that_is_up_to_date_is_only_looked_at(bare: Ledger) -> None:
    bare.create_tables()
    with bare.write() as connection:
        # A second writer would wait for this transaction, and in vain.
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


def start(url: str, later_in: Path | None, begin: Any) -> None:
    ledger = Ledger(url, schema=later_schema(later_in) if later_in else SCHEMA)
    begin.wait(LIMIT)
    ledger.create_tables()
    with ledger.write() as connection:
        new_use(connection, benefit_id=str(multiprocessing.current_process().pid))
    ledger.close()


def start_four_at_once(url: str, later_in: Path | None) -> list[int | None]:
    """Four processes of one release; gives their exit codes."""
    spawn = multiprocessing.get_context("spawn")
    begin = spawn.Barrier(4)
    workers = [spawn.Process(target=start, args=(url, later_in, begin)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(LIMIT)
    codes = [worker.exitcode for worker in workers]
    for worker in workers:
        worker.close()
    return codes


def versions_and_uses(ledger: Ledger) -> tuple[list[str], int]:
    with ledger.read() as connection:
        versions = connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}")).all()  # noqa: S608 - ours
        return list(versions), connection.scalar(text("SELECT count(*) FROM benefits_uses")) or 0


@pytest.mark.timing
def test_workers_that_start_at_once_make_the_tables_once(bare: Ledger, empty_url: str) -> None:
    codes = start_four_at_once(empty_url, None)

    assert codes == [0, 0, 0, 0]
    assert versions_and_uses(bare) == ([NEWEST], 4)


def test_workers_of_a_later_release_that_start_at_once_change_the_tables_once(
    bare: Ledger, later: Ledger, empty_url: str, tmp_path: Path
) -> None:
    bare.create_tables()

    codes = start_four_at_once(empty_url, tmp_path)

    assert codes == [0, 0, 0, 0]
    assert versions_and_uses(later) == (["0002"], 4)
    assert colours(later) == ["none"] * 4


def test_an_upgrade_that_fails_half_way_leaves_the_ledger_as_it_was(bare: Ledger, later: Ledger) -> None:
    bare.create_tables()
    with bare.write() as connection:
        # The last step of 0002 needs this name.
        connection.execute(text("CREATE TABLE benefits_uses_colour (id INTEGER)"))
        before = drawn(connection)

    with pytest.raises(Exception, match="already"):
        later.create_tables()

    with bare.read() as connection:
        assert drawn(connection) == before
    assert bare.version() == "0001"


def test_a_ledger_of_a_newer_version_is_refused_and_not_touched(bare: Ledger, later: Ledger) -> None:
    bare.create_tables()
    later.create_tables()
    with bare.read() as connection:
        before = drawn(connection)

    with pytest.raises(SettingsError) as refused:
        bare.create_tables()
    with pytest.raises(SettingsError):
        bare.downgrade("0001")

    with bare.read() as connection:
        assert drawn(connection) == before
    assert (refused.value.key, bare.version()) == ("BENEFITS_DATABASE_URL", "0002")
    assert "version 0002" in refused.value.problem
    assert f"flask benefits db downgrade {NEWEST}" in refused.value.remedy


@pytest.mark.parametrize("to", ["0007", "head"])
def test_a_version_that_is_none_is_refused(bare: Ledger, to: str) -> None:
    bare.create_tables()

    with pytest.raises(ValueError, match="is no version"):
        bare.downgrade(to)


def test_the_way_down_does_not_lead_up(bare: Ledger, later: Ledger) -> None:
    bare.create_tables()

    with pytest.raises(ValueError, match="not newer than 0002"):
        later.downgrade("0002")


def test_there_is_no_way_down_from_the_first_version(bare: Ledger) -> None:
    migrate(bare, "0001")

    with pytest.raises(NotImplementedError), whole_database(bare) as connection:
        command.downgrade(SCHEMA.alembic_config(connection), "base")

    assert bare.version() == "0001"


def test_a_text_that_does_not_fit_keeps_the_ledger_from_going_down(postgres: Any, tmp_path: Path) -> None:
    with postgres.empty_database() as url:
        open_ledger(url).close()
        ledger = Ledger(url, schema=later_schema(tmp_path))
        ledger.create_tables()
        with ledger.write() as connection:
            new_use(connection, channel="c" * 300)

        with pytest.raises(ValueError, match="refuses to go down to version 0001: value too long"):
            ledger.downgrade("0001")
        version = ledger.version()
        ledger.close()

    assert version == "0002"


def test_a_role_that_may_not_make_tables_changes_nothing(postgres: Any) -> None:
    postgres.admin.execute("CREATE ROLE reader LOGIN")
    with postgres.empty_database() as url:
        ledger = Ledger(url.replace("postgres:@", "reader:@"))
        with pytest.raises(ProgrammingError, match="permission denied"):
            ledger.create_tables()
        version = ledger.version()
        ledger.close()
    postgres.admin.execute("DROP ROLE reader")

    assert version is None


def test_a_role_that_may_not_change_tables_uses_those_that_are_there(postgres: Any) -> None:
    postgres.admin.execute("CREATE ROLE clerk LOGIN")
    with postgres.empty_database() as url:
        owner = open_ledger(url)
        with owner.write() as connection:
            for what in ("TABLES", "SEQUENCES"):
                connection.execute(text(f"GRANT ALL ON ALL {what} IN SCHEMA public TO clerk"))
        owner.close()
        ledger = open_ledger(url.replace("postgres:@", "clerk:@"))
        with ledger.write() as connection:
            new_use(connection)
        found = versions_and_uses(ledger)
        ledger.close()
    postgres.admin.execute("DROP ROLE clerk")

    assert found == ([NEWEST], 1)
