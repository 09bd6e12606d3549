"""A real PgBouncer in transaction mode for the tests, or get one: ``python -m tests.support.pgbouncer``.

What the machine has comes first, then Debian's package. One that cannot be had is an error with its remedy, never a
skipped test.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.debian import install
from tests.support.postgres import watched
from tests.support.waiting import wait_until

REMEDY = "No PgBouncer for the tests. Install one (Debian: apt-get install pgbouncer)."
_SBIN = "/usr/sbin"  # not in everybody's PATH
_CONFIG = """
[databases]
* = host={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {size}
query_wait_timeout = 30
admin_users = postgres
"""


def find_pgbouncer() -> str | None:
    """The path of PgBouncer; None where there is none."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:{_SBIN}")


def get_pgbouncer() -> str:
    """The same, installed where it is missing. Raises `SystemExit` with the remedy."""
    if find_pgbouncer() is None:
        install("pgbouncer")
    if found := find_pgbouncer():
        return found
    raise SystemExit(REMEDY)


@contextmanager
def running_pgbouncer(url: str, *, size: int) -> Iterator[str]:
    """Run one in front of the server of ``url``, with ``size`` connections to it; give the same database's address.

    It runs as the owner of the server's socket, as it refuses to run as root.
    """
    program = find_pgbouncer()
    assert program is not None, REMEDY
    server, port = Path(url.partition("?host=")[2]), _free_port()
    owner = pwd.getpwuid(server.stat().st_uid).pw_name
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer"))
    folder.chmod(0o755)
    config = folder / "pgbouncer.ini"
    (folder / "users.txt").write_text('"postgres" ""\n', encoding="utf-8")
    config.write_text(_CONFIG.format(server=server, port=port, folder=folder, size=size), encoding="utf-8")
    as_owner = ["-u", owner] if os.geteuid() == 0 else []
    with (
        subprocess.Popen(  # noqa: S603 - found above
            [program, "-q", *as_owner, str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process,
        watched(process.pid, folder),
    ):
        try:
            wait_until(lambda: process.poll() is not None or _answers(port))
            assert process.poll() is None, "PgBouncer does not start."
            yield f"postgresql://postgres@127.0.0.1:{port}/{_name(url)}"
        finally:
            process.terminate()


def _name(url: str) -> str:
    """The name of the database in an address of a socket: postgresql://user:@/name?host=…"""
    return url.partition("@/")[2].partition("?")[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    print(f"The pooler of the tests is {get_pgbouncer()}")
