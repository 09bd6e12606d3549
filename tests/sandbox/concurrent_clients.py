"""Many clients at once, each with a connection that is open already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.sandbox.client import TOKEN, ZONE

SIZE = 64
ONE_WINS = [201] + [422] * (SIZE - 1)


class ConcurrentClients:
    """Sixty-four connections, spread over one sandbox process or several that share a folder."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._connections = [
            HTTPConnection("127.0.0.1", ports[number % len(ports)], timeout=60) for number in range(SIZE)
        ]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request that has to succeed, and return its data."""
        _ask(self._connections[0], method, path, body)
        status, answer = _answer(self._connections[0])
        assert status in (200, 201), answer
        return answer.get("data")

    def at_once(self, path: str, body: Any) -> list[int]:
        """Have everybody post the same before anybody reads an answer; return the statuses in order of size."""
        for connection in self._connections:
            _ask(connection, "POST", path, body)
        return sorted(_answer(connection)[0] for connection in self._connections)

    def define(self, handle: str, **fields: Any) -> Any:
        """Make a definition of one use that anybody may claim."""
        usual = {"name": "Gift", "handle": handle, "period": 30, "max_redemptions": 1}
        return self.call("POST", "/benefit-definitions", usual | {"is_claimable": True, "is_published": True} | fields)

    def profile(self) -> str:
        """Make a profile and return its id."""
        return str(self.call("POST", "/profiles", {})["id"])

    def issue(self, definition: Any, profile: str) -> Any:
        """Issue a benefit and return it."""
        fields = {"benefit_definition_id": definition["id"], "profile_id": profile, "timezone": ZONE}
        return self.call("POST", "/benefits", fields)

    def __enter__(self) -> Self:
        for connection in self._connections:
            connection.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()


def _ask(connection: HTTPConnection, method: str, path: str, body: Any) -> None:
    sent = json.dumps(body).encode() if body is not None else None
    connection.request(method, f"/api/v3{path}", sent, {"Authorization": f"Bearer {TOKEN}"})


def _answer(connection: HTTPConnection) -> tuple[int, Any]:
    with connection.getresponse() as answer:
        return answer.status, json.loads(answer.read())


@contextmanager
def process(
    folder: Path | None = None, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a sandbox of its own process, and end it."""
    command = [sys.executable, "-m", "claimable_benefits.sandbox", "--port", "0", "--seed", "empty", *options]
    command += ["--data", str(folder)] if folder else []
    environ = {**os.environ, **(environment or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as running:  # noqa: S603 - our own module
        try:
            yield running
        finally:
            running.terminate()


def first_line(running: subprocess.Popen[str]) -> str:
    """Return what a sandbox says when it listens."""
    assert running.stdout is not None
    return running.stdout.readline()


def port_in(line: str) -> int:
    """Return the port in the first line that a sandbox prints."""
    url = next(word for word in line.split() if word.startswith("http"))
    return int(url.rstrip("/").rsplit(":", 1)[1])


@contextmanager
def processes(folder: Path, number: int) -> Iterator[list[int]]:
    """Run several sandboxes over one folder and give their ports."""
    with ExitStack() as stack:
        started = [stack.enter_context(process(folder)) for _ in range(number)]
        yield [port_in(first_line(one)) for one in started]
