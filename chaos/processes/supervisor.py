"""Start, kill, restart and stop processes by role."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_TERMINATE_SECONDS = 8.0  # seconds between SIGTERM and SIGKILL
_POLL_SECONDS = 0.1


@dataclass
class ManagedProcess:
    """One process of a role and what restarts it: ``process`` is the current one, with a process group of its own."""

    role: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes]


class Reaper:
    """Ends what this run has started, even if the run is killed."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "chaos.processes.reaper"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL
        )

    def register(self, kind: str, number: int) -> None:
        """Let it end that process group (kind group) or postmaster (kind postgres) when the run ends."""
        self._write(f"+{kind} {number}")

    def unregister(self, number: int) -> None:
        """Tell it that this one has ended."""
        self._write(f"-{number}")

    def close(self) -> None:
        """Let it end what is left, and wait for it."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(10)

    def _write(self, line: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


class Supervisor:
    """The processes of a run. A process that ends is restarted, as systemd does.

    ``unexpected_exits`` describes the processes that ended without being killed by `kill`.
    """

    def __init__(self, folder: Path, reaper: Reaper) -> None:
        self._folder = folder
        self._reaper = reaper
        self._managed: list[ManagedProcess] = []
        self._killed: set[int] = set()
        self._guard = threading.RLock()
        self._closing = threading.Event()
        self._monitor_thread = threading.Thread(target=self._monitor, name="chaos-supervisor", daemon=True)
        self.kills: Counter[str] = Counter()
        self.unexpected_exits: list[str] = []

    def start(self, role: str, command: Sequence[str], environ: Mapping[str, str] | None = None) -> ManagedProcess:
        """Start a process and restart it whenever it ends; its output goes to a log in the folder."""
        log = self._folder / f"{role.replace(' ', '-')}-{len(self._managed)}.log"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})}
        with self._guard:
            managed = ManagedProcess(role, command, environment, log, self._start(command, environment, log))
            self._managed.append(managed)
            if not self._monitor_thread.is_alive():
                self._monitor_thread.start()
        return managed

    def kill(self, role: str, which: int) -> bool:
        """Send SIGKILL to one process of a role; return False where there is none."""
        with self._guard:
            victims = self._victims(role)
            if not victims:
                return False
            pid, is_group = victims[which % len(victims)]
            with suppress(ProcessLookupError):
                if is_group:
                    self._killed.add(pid)
                    os.killpg(pid, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGKILL)
                self.kills[role] += 1
        return True

    @contextmanager
    def stopped(self, *roles: str) -> Iterator[None]:
        """Send SIGKILL to every process of some roles; they are restarted after the block, and not within it."""
        with self._guard:
            for managed in self._managed:
                if managed.role in roles:
                    self._killed.add(managed.process.pid)
                    _signal(managed.process.pid, signal.SIGKILL)
                    managed.process.wait(5)
                    self.kills[managed.role] += 1
            yield

    def close(self) -> None:
        """Send SIGTERM to every process, then SIGKILL to those that are left."""
        self._closing.set()
        if self._monitor_thread.is_alive():
            self._monitor_thread.join()
        for managed in self._managed:
            _signal(managed.process.pid, signal.SIGTERM)
        until = time.monotonic() + _TERMINATE_SECONDS
        for managed in self._managed:
            with suppress(subprocess.TimeoutExpired):
                managed.process.wait(max(0.1, until - time.monotonic()))
            _signal(managed.process.pid, signal.SIGKILL)
            managed.process.wait(5)
            self._reaper.unregister(managed.process.pid)

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
        self._reaper.register("group", process.pid)
        return process

    def _victims(self, role: str) -> list[tuple[int, bool]]:
        """The processes that could be killed: process groups by their leader, or single workers of gunicorn."""
        if role == "gunicorn worker":
            masters = [managed.process.pid for managed in self._managed if managed.role == "shop"]
            return [(child, False) for master in masters for child in children_of(master)]
        wanted = "shop" if role == "whole shop" else role
        return [(p.process.pid, True) for p in self._managed if p.role == wanted and p.process.poll() is None]

    def _monitor(self) -> None:
        while not self._closing.wait(_POLL_SECONDS):
            with self._guard:
                for managed in self._managed:
                    if managed.process.poll() is not None:
                        self._replace(managed)

    def _replace(self, managed: ManagedProcess) -> None:
        ended = managed.process.pid
        _signal(ended, signal.SIGKILL)  # what is left of its group
        self._reaper.unregister(ended)
        if ended not in self._killed:
            self.unexpected_exits.append(
                f"{managed.role} ended with {managed.process.returncode}: {last_line(managed.log)}"
            )
        managed.process = self._start(managed.command, managed.environ, managed.log)


def children_of(pid: int) -> list[int]:
    """Return the child processes of one, oldest first."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():
        return sorted(int(child) for child in listed.read_text().split())
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True).stdout.split(b"\n")
    pairs = [tuple(map(int, row.split())) for row in rows if row.strip()]
    return sorted(child for child, parent in pairs if parent == pid)


def last_line(log: Path) -> str:
    """Return the last line of a log."""
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"


def free_port() -> int:
    """Return a port of this machine that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, *, seconds: float, who: str) -> None:
    """Wait until a process listens on the port. Raises `TimeoutError`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"{who} does not listen on port {port} after {seconds:.0f} seconds.")


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
