"""gunicorn with two workers on a free port, and the processor time and memory that they use."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from benchmarks import load
from benchmarks.load import Kind, Load

GTHREAD = ("-k", "gthread", "--threads", "16")
SYNC = ("-k", "sync")
_PATIENCE = 30.0


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = process

    @property
    def cpu(self) -> float:
        """The processor time of all its processes, in seconds."""
        return sum(map(_cpu, [self._process.pid, *_children(self._process.pid)]))

    def ask(self, kind: Kind, seconds: int, *, answers: int = load.ANSWERS) -> tuple[Load, float]:
        """A run of load, and microseconds of processor time for each page. Raises where a page is refused."""
        before = self.cpu
        (shown,) = load.run(self.port, [kind], seconds, answers=answers)
        if shown.others:
            raise RuntimeError(f"{shown.others} pages at {kind.path} were not answered well.")
        return shown, 1e6 * (self.cpu - before) / max(1, shown.requests)

    def stop(self) -> None:
        """End it: first politely, then by force."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in _children(self._process.pid):
                os.kill(pid, 9)
            self._process.kill()
            self._process.wait()


@contextmanager
def serving(factory: str, kind: tuple[str, ...] = GTHREAD, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Serve ``module:create_app()``; ends with the block."""
    with socket.socket() as listening, TemporaryFile() as said:
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        listening.set_inheritable(True)
        fd, port = listening.fileno(), listening.getsockname()[1]
        options = (
            "-w",
            "2",
            "-b",
            f"fd://{fd}",
            "--log-level",
            "warning",
            "--graceful-timeout",
            "1",
            "--no-control-socket",
        )
        command = [sys.executable, "-m", "gunicorn", *options, *kind, factory]
        process = subprocess.Popen(command, pass_fds=[fd], env={**os.environ, **(env or {})}, stderr=said)  # noqa: S603 - our own
        listening.close()
        server = Server(process, port)
        try:
            if not _starts(server, process):
                said.seek(0)
                raise RuntimeError(f"gunicorn did not start: {said.read()[-2000:].decode()}")
            yield server
        finally:
            server.stop()


def _starts(server: Server, process: subprocess.Popen[bytes]) -> bool:
    """Whether both workers come, and one answers."""
    until = time.monotonic() + _PATIENCE
    while len(_children(process.pid)) < 2 or not _answers(server.port):
        if process.poll() is not None or time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /is-it-there HTTP/1.0\r\n\r\n")
            return client.recv(16).startswith(b"HTTP/1.")
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in listed.read_text().split()]
    except OSError:
        return []


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
