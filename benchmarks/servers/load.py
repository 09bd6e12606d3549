"""Load by wrk: each connection asks again once it is answered. Debian's package is installed where wrk is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.debian import install

REMEDY = "No wrk to make load with. Install one (Debian: apt-get install wrk) and try again."
_SCRIPT = Path(__file__).with_name("load.lua")
_TIMEOUT_SECONDS = 10  # for an answer
# Workers accept connections as they come. Where all are opened at once and kept, one worker may have most of them while
# the other is idle. So each is opened again after a few answers, not all at the same time: the idle worker accepts it.
ANSWERS = 8
ALL = 0  # answers on one connection, for as long as the server keeps it


@dataclass(frozen=True)
class Load:
    """The outcome of one run; times are in seconds.

    ``requests`` got a good answer; ``others`` got a status of 400 or above, or no answer in time. ``lacking`` good
    answers did not contain the text that their kind expects.
    """

    seconds: float
    requests: int
    others: int
    lacking: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Return the good answers per second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Kind:
    """Clients that all ask for the same path, with ``headers`` in turn; each page is to contain a text."""

    path: str
    connections: int
    headers: tuple[str, ...] = ()
    contains: str = ""


def run(port: int, kinds: Iterable[Kind], seconds: int, *, answers: int = ANSWERS) -> list[Load]:
    """Let all clients ask at the same time for some whole seconds; return a load for each kind.

    A connection is closed after about so many ``answers``. Raises `SystemExit` with the remedy where wrk is missing.
    """
    started = [_start(port, kind, seconds, answers) for kind in kinds]
    return [_read(running, seconds) for running in started]


def get(port: int, path: str, token: str, *, connections: int, seconds: int) -> Load:
    """Ask for one path with a bearer token; anything but a good answer is an error."""
    (load,) = run(port, [Kind(path, connections, (f"Authorization: Bearer {token}",))], seconds, answers=ALL)
    if load.others:
        raise RuntimeError(f"{path} was not answered {load.others} times.")
    return load


def _start(port: int, kind: Kind, seconds: int, answers: int) -> subprocess.Popen[str]:
    options = ("-t", "1", "-c", str(kind.connections), "-d", f"{seconds}s", "--timeout", f"{_TIMEOUT_SECONDS}s")
    command = [
        wrk(),
        *options,
        "-s",
        str(_SCRIPT),
        f"http://127.0.0.1:{port}{kind.path}",
        "--",
        str(answers),
        kind.contains,
    ]
    return subprocess.Popen([*command, *kind.headers], stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours


def _read(running: subprocess.Popen[str], seconds: int) -> Load:
    output, _ = running.communicate(timeout=seconds + 2 * _TIMEOUT_SECONDS)
    if running.returncode:
        raise RuntimeError(f"wrk failed: {output[-500:]}")
    seen = json.loads(output.strip().rpartition("\n")[2])
    return Load(
        seconds=seen["seconds"],
        requests=seen["answers"] - seen["refused"],
        others=seen["refused"] + seen["late"],
        lacking=seen["lacking"],
        p50=seen["p50"],
        p99=seen["p99"],
    )


@cache
def wrk() -> str:
    """Return the path of wrk."""
    if shutil.which("wrk") is None:
        install("wrk")
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit(REMEDY)
    return found
