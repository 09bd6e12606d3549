"""Processes by role: started, killed on purpose, started again by themselves, and stopped for good."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_GRACE = 8.0  # seconds between SIGTERM and SIGKILL
_TICK = 0.1


@dataclass
class Post:
    """A role that somebody fills: ``process`` is the one who does so now, with a process group of its own."""

    role: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes]


class Watchdog:
    """Clears up after us, even if we are killed."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "chaos.watchdog"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL
        )

    def watch(self, kind: str, number: int) -> None:
        """From now on it ends that process group (kind group) or postmaster (kind postgres) when we are gone."""
        self._say(f"+{kind} {number}")

    def forget(self, number: int) -> None:
        """That one has ended."""
        self._say(f"-{number}")

    def close(self) -> None:
        """Let it clear up what is left, and end."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(10)

    def _say(self, line: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


class Staff:
    """Everybody who works in a run. Whoever is gone is replaced, as systemd would."""

    def __init__(self, folder: Path, watchdog: Watchdog) -> None:
        self._folder = folder
        self._watchdog = watchdog
        self._posts: list[Post] = []
        self._expected: set[int] = set()
        self._guard = threading.RLock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="chaos-keeper", daemon=True)
        self.kills: Counter[str] = Counter()
        self.deaths: list[str] = []  # of those whom nobody killed

    def hire(self, role: str, command: Sequence[str], environ: Mapping[str, str] | None = None) -> Post:
        """Start a process and keep it running; its output goes to a log in the folder."""
        log = self._folder / f"{role.replace(' ', '-')}-{len(self._posts)}.log"
        surroundings = {**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})}
        with self._guard:
            post = Post(role, command, surroundings, log, self._start(command, surroundings, log))
            self._posts.append(post)
            if not self._keeper.is_alive():
                self._keeper.start()
        return post

    def kill(self, role: str, which: int) -> bool:
        """SIGKILL one process of a role; False where there is none."""
        with self._guard:
            victims = self._victims(role)
            if not victims:
                return False
            pid, is_group = victims[which % len(victims)]
            with suppress(ProcessLookupError):
                if is_group:
                    self._expected.add(pid)
                    os.killpg(pid, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGKILL)
                self.kills[role] += 1
        return True

    def close(self) -> None:
        """Ask everybody to stop, then make them."""
        self._closing.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for post in self._posts:
            _signal(post.process.pid, signal.SIGTERM)
        until = time.monotonic() + _GRACE
        for post in self._posts:
            with suppress(subprocess.TimeoutExpired):
                post.process.wait(max(0.1, until - time.monotonic()))
            _signal(post.process.pid, signal.SIGKILL)
            post.process.wait(5)
            self._watchdog.forget(post.process.pid)

    def _start(self, command: Sequence[str], environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=environ,
                start_new_session=True,
            )
        self._watchdog.watch("group", process.pid)
        return process

    def _victims(self, role: str) -> list[tuple[int, bool]]:
        """Who could be killed: process groups by their leader, or single workers of gunicorn."""
        if role == "gunicorn worker":
            masters = [post.process.pid for post in self._posts if post.role == "shop"]
            return [(child, False) for master in masters for child in children_of(master)]
        wanted = "shop" if role == "whole shop" else role
        return [(p.process.pid, True) for p in self._posts if p.role == wanted and p.process.poll() is None]

    def _keep(self) -> None:
        while not self._closing.wait(_TICK):
            with self._guard:
                for post in self._posts:
                    if post.process.poll() is not None:
                        self._replace(post)

    def _replace(self, post: Post) -> None:
        gone = post.process.pid
        _signal(gone, signal.SIGKILL)  # what it leaves behind of its group
        self._watchdog.forget(gone)
        if gone not in self._expected:
            self.deaths.append(f"{post.role} ended with {post.process.returncode}: {last_words(post.log)}")
        post.process = self._start(post.command, post.environ, post.log)


def children_of(pid: int) -> list[int]:
    """The child processes of one, oldest first."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():
        return sorted(int(child) for child in listed.read_text().split())
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True).stdout.split(b"\n")
    pairs = [tuple(map(int, row.split())) for row in rows if row.strip()]
    return sorted(child for child, parent in pairs if parent == pid)


def last_words(log: Path) -> str:
    """The last line of a log."""
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, *, seconds: float, who: str) -> None:
    """Wait until somebody listens. Raises `TimeoutError`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_TICK)
    raise TimeoutError(f"{who} does not listen on port {port} after {seconds:.0f} seconds.")


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
