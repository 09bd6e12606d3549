"""Web servers with two workers on a free port, and the processor time that they use."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from benchmarks.servers import load
from benchmarks.servers.load import Kind, Load

WORKERS = 2
THREADS = 16  # of each worker
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
Command = Callable[[str, socket.socket], list[str]]


def gunicorn(factory: str, listening: socket.socket) -> list[str]:
    """Return gunicorn's command with gthread workers; they inherit the socket."""
    bind = ("--bind", f"fd://{listening.fileno()}", "--graceful-timeout", "1", "--no-control-socket")
    workers = ("--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS))
    return [sys.executable, "-m", "gunicorn", *bind, *workers, "--log-level", "warning", f"{factory}()"]


def granian(factory: str, listening: socket.socket) -> list[str]:
    """Return granian's command; it opens the port itself, so the socket is closed here."""
    port = listening.getsockname()[1]
    listening.close()
    workers = ("--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--workers-kill-timeout", "2")
    bind = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "warning")
    return [sys.executable, "-m", "granian", *bind, *workers, "--factory", factory]


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = process

    @property
    def cpu(self) -> float:
        """Return the processor time of all its processes, in seconds."""
        return sum(map(cpu_seconds, [self._process.pid, *_children(self._process.pid)]))

    def ask(self, kind: Kind, seconds: int) -> tuple[Load, float]:
        """Run the load, and return it with the microseconds of processor time that each page took.

        Raises `RuntimeError` where a page is refused, or does not contain what the kind expects.
        """
        before = self.cpu
        (seen,) = load.run(self.port, [kind], seconds)
        if seen.others or seen.lacking:
            raise RuntimeError(f"{kind.path}: {seen.others} pages failed, {seen.lacking} lack {kind.contains!r}.")
        return seen, 1e6 * (self.cpu - before) / max(1, seen.requests)

    def stop(self) -> None:
        """Stop the server; kill it where it does not stop in time."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in _children(self._process.pid):
                os.kill(pid, 9)
            self._process.kill()
            self._process.wait()


@contextmanager
def serving(factory: str, env: Mapping[str, str] | None = None, command: Command = gunicorn) -> Iterator[Server]:
    """Serve the app that ``factory`` (``module:function``) makes, until the block ends."""
    with socket.socket() as listening, TemporaryFile() as output:
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        listening.set_inheritable(True)
        port, inherited = listening.getsockname()[1], listening.fileno()
        arguments = command(factory, listening)
        kept = [inherited] if listening.fileno() >= 0 else []
        process = subprocess.Popen(  # noqa: S603 - our own
            arguments, pass_fds=kept, env={**os.environ, **(env or {})}, stdout=output, stderr=output
        )
        listening.close()
        server = Server(process, port)
        try:
            if not _starts(server, process):
                output.seek(0)
                raise RuntimeError(f"The server did not start: {output.read()[-2000:].decode()}")
            yield server
        finally:
            server.stop()


def _starts(server: Server, process: subprocess.Popen[bytes]) -> bool:
    """Wait until all workers run and one answers; return whether they do."""
    until = time.monotonic() + _START_SECONDS
    while len(_children(process.pid)) < WORKERS or not _answers(server.port):
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


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process in seconds; 0 where the system does not tell."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the CPU clock of a process, see clock_getcpuclockid(3)
    except OSError:
        return 0.0
