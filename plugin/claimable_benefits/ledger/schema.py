"""The version of a ledger's tables, and the way from one version to another.

A new ledger gets the tables as they are now, and the number of their version: it has no history to go through. Alembic
is imported where there is one, and only then, as its import takes longer than everything else at an app's start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)
from sqlalchemy import text as sql

from claimable_benefits.errors import SettingsError
from claimable_benefits.ledger.engine import begin_to_write
from claimable_benefits.ledger.tables import metadata, uses

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = ("0001", "0002")  # oldest first; each is a module in migrations/versions
NEWEST = REVISIONS[-1]
VERSION_TABLE = "benefits_alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"

_log = logging.getLogger("claimable_benefits")
_LOCK = 0x62656E65666974  # "benefit": everybody who changes the tables of a PostgreSQL database waits for this number
# As Alembic itself makes it.
_versions = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def version_of(connection: Connection) -> str | None:
    """The version of the tables that are there; None where there are none.

    The first release wrote no version: its tables are known by standing there without one.
    """
    looking = inspect(connection)
    if looking.has_table(VERSION_TABLE):
        return connection.execute(select(_versions.c.version_num)).scalar()
    return REVISIONS[0] if looking.has_table(uses.name) else None


def upgrade_schema(engine: Engine) -> None:
    """Create the tables, or bring those of an earlier version up to date; every row is kept.

    Any number of processes may do this at once: one does, the others wait and find it done. Raises `SettingsError` for
    tables of a newer version, which are not touched.
    """
    with engine.connect() as connection:
        if _known(version_of(connection)) == NEWEST:
            return
    with _alone(engine) as connection:
        found = _known(version_of(connection))
        if found is None:
            metadata.create_all(connection)
            _mark(connection, NEWEST)
        elif found != NEWEST:
            _mark(connection, found)
            _log.info("The ledger's tables go from version %s to %s.", found, NEWEST)
            _alembic(connection, lambda command, config: command.upgrade(config, NEWEST))


def downgrade_schema(engine: Engine, to: str) -> None:
    """Bring the tables back to an earlier version, for an earlier version of this package; every row is kept.

    Raises `ValueError` where ``to`` is no version of the package's, or is newer than the tables.
    """
    if to not in REVISIONS:
        raise ValueError(f"{to!r} is no version of the ledger; there are {', '.join(REVISIONS)}.")
    with _alone(engine) as connection:
        found = _known(version_of(connection))
        if found is None or REVISIONS.index(found) < REVISIONS.index(to):
            raise ValueError(f"The ledger is of version {found or 'none'}, which is not newer than {to}.")
        if found != to:
            _mark(connection, found)
            _alembic(connection, lambda command, config: command.downgrade(config, to))


def alembic_config(connection: Connection) -> Config:
    """What Alembic needs to know, for a connection on which a transaction has begun."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _known(version: str | None) -> str | None:
    if version is None or version in REVISIONS:
        return version
    problem = f"names a ledger of version {version}; the newest that this release of the package knows is {NEWEST}."
    remedy = f"Upgrade flask-claimable-benefits, or run `flask benefits db downgrade {NEWEST}` with the newer release."
    raise SettingsError("BENEFITS_DATABASE_URL", problem, remedy)


def _mark(connection: Connection, version: str) -> None:
    """Write the version where none is written."""
    _versions.create(connection, checkfirst=True)
    if connection.execute(select(_versions.c.version_num)).first() is None:
        connection.execute(insert(_versions).values(version_num=version))


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """One transaction, and nobody else who changes the tables meanwhile: all of it happens, or nothing."""
    with engine.connect() as connection:
        begin_to_write(connection)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sql("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            yield connection


def _alembic(connection: Connection, do: Callable[..., None]) -> None:
    from alembic import command

    do(command, alembic_config(connection))
