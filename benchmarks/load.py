"""Load by wrk: connections that each ask again once they are answered. Debian's package is installed if need be."""

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
_PATIENCE = 10  # seconds for an answer
# Workers take connections as they come. Opened all at once and kept, most of them may end with one worker while the
# other is idle. So they are opened again after a few answers, not all at the same time: the idle worker takes those.
ANSWERS = 8
ALL = 0  # answers on one connection, for as long as the server keeps it


@dataclass(frozen=True)
class Load:
    """What one run showed; times are in seconds.

    ``requests`` were answered well, ``others`` were refused (400 and above) or not answered in time.
    """

    seconds: float
    requests: int
    others: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Return the good answers per second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Kind:
    """Clients that all ask for the same path; ``headers`` are given to them in turn."""

    path: str
    connections: int
    headers: tuple[str, ...] = ()


def run(port: int, kinds: Iterable[Kind], seconds: int, *, answers: int = ANSWERS) -> list[Load]:
    """Let all clients ask at the same time for some whole seconds; gives a load for each kind.

    A connection is closed after about so many ``answers``. Raises `SystemExit` with the remedy where
    there is no wrk.
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
    options = ("-t", "1", "-c", str(kind.connections), "-d", f"{seconds}s", "--timeout", f"{_PATIENCE}s")
    command = [wrk(), *options, "-s", str(_SCRIPT), f"http://127.0.0.1:{port}{kind.path}", "--", str(answers)]
    return subprocess.Popen([*command, *kind.headers], stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours


def _read(running: subprocess.Popen[str], seconds: int) -> Load:
    said, _ = running.communicate(timeout=seconds + 2 * _PATIENCE)
    if running.returncode:
        raise RuntimeError(f"wrk failed: {said[-500:]}")
    told = json.loads(said.strip().rpartition("\n")[2])
    return Load(
        seconds=told["seconds"],
        requests=told["answers"] - told["refused"],
        others=told["refused"] + told["late"],
        p50=told["p50"],
        p99=told["p99"],
    )


@cache
def wrk() -> str:
    """Where wrk is."""
    if shutil.which("wrk") is None:
        install("wrk")
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit(REMEDY)
    return found
