"""The version of a ledger's tables, and the way from one version to another.

A new ledger gets the tables as they are now, and the number of their version: it has no migrations to run. Alembic is
imported only to run a migration, as its import takes longer than everything else at an app's start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from claimable_benefits.ledger.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "benefits_alembic_version"

_log = logging.getLogger("claimable_benefits")
_LOCK = 0x62656E65666974  # "benefit": every process that changes the tables of a PostgreSQL database waits for it
# As Alembic itself makes it.
_versions = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of `tables.metadata` and the migrations that lead to them.

    ``folder`` is Alembic's; ``revisions`` are its versions, oldest first, each a module in ``folder/versions``.
    """

    folder: Path
    revisions: tuple[str, ...]

    @property
    def newest(self) -> str:
        """The version of `tables.metadata`."""
        return self.revisions[-1]

    def version_of(self, connection: Connection) -> str | None:
        """Read the version of the tables that are there; None where there are none."""
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        return connection.execute(select(_versions.c.version_num)).scalar()

    def upgrade(self, engine: Engine) -> None:
        """Create the tables, or bring those of an earlier version up to date; every row is kept.

        Any number of processes may do this at once: one does, the others wait and find it done. Raises `SettingsError`
        for tables of a newer version, which are not touched.
        """
        with engine.connect() as connection:
            if self._known_version(connection) == self.newest:
                return
        with _alone(engine) as connection:
            found = self._known_version(connection)
            if found is None:
                metadata.create_all(connection)
                _versions.create(connection, checkfirst=True)
                connection.execute(insert(_versions).values(version_num=self.newest))
            elif found != self.newest:
                _log.info("The ledger's tables go from version %s to %s.", found, self.newest)
                self._migrate(connection, lambda command, config: command.upgrade(config, self.newest))

    def downgrade(self, engine: Engine, to: str) -> None:
        """Bring the tables back to an earlier version, for an earlier version of this package; every row is kept.

        Raises `ValueError` where ``to`` is no version of the package's, or is newer than the tables, and
        `SettingsError` for tables of a newer version than the package knows.
        """
        if to not in self.revisions:
            raise ValueError(f"{to!r} is no version of the ledger; there are {', '.join(self.revisions)}.")
        with _alone(engine) as connection:
            found = self._known_version(connection)
            if found is None or self.revisions.index(found) < self.revisions.index(to):
                raise ValueError(f"The ledger is of version {found or 'none'}, which is not newer than {to}.")
            if found != to:
                self._migrate(connection, lambda command, config: command.downgrade(config, to))

    def alembic_config(self, connection: Connection) -> Config:
        """Return what Alembic needs to know, for a connection on which a transaction has begun."""
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        return config

    def _known_version(self, connection: Connection) -> str | None:
        version = self.version_of(connection)
        if version is None or version in self.revisions:
            return version
        newest = self.newest
        problem = f"names a ledger of version {version}; the newest that this release of the package knows is {newest}."
        remedy = (
            f"Upgrade flask-claimable-benefits, or run `flask benefits db downgrade {newest}` with the newer release."
        )
        raise SettingsError("BENEFITS_DATABASE_URL", problem, remedy)

    def _migrate(self, connection: Connection, do: Callable[..., None]) -> None:
        from alembic import command

        do(command, self.alembic_config(connection))


SCHEMA = Schema(Path(__file__).parent / "migrations", ("0001",))


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """One transaction that keeps other processes from changing the tables: all of it happens, or nothing."""
    with engine.connect() as connection:
        begin_to_write(connection)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sql("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            yield connection
