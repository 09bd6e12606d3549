"""An Omneo over a socket, a shop's database, and processes that work on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask

from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.processes.shop import create_app, runtime_of

ROOT = Path(__file__).parents[2]
PATIENCE = 15.0


@dataclass(kw_only=True)
class Processes:
    """Processes of ours, and the environment of all of them."""

    environment: dict[str, str]
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str, **changes: str) -> subprocess.Popen[str]:
        """Start a Python module as a process and in a group of its own, with its output in one pipe."""
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, "-u", "-m", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=os.environ | self.environment | changes,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            with process:
                process.communicate()


@dataclass(kw_only=True)
class Yard(Processes):
    """Where the processes work; ``app`` is the same shop in the test's own process, to place orders with."""

    folder: Path
    omneo: RunningSandbox
    app: Flask

    def worker(self, *options: str, **changes: str) -> subprocess.Popen[str]:
        """Start ``flask benefits work``."""
        return self.start("flask", "--app", "tests.processes.shop", "benefits", "work", *options, **changes)

    def place(self, *numbers: str) -> None:
        for number in numbers:
            assert self.app.test_client().post(f"/orders/{number}").status_code == 200

    def delivery(self, number: str) -> Delivery:
        with runtime_of(self.app).context.ledger.read() as connection:
            found = find_delivery(connection, number)
        assert found is not None
        return found

    def arrived(self) -> Counter[str]:
        """How many transactions Omneo has of each order."""
        state = self.omneo.app.test_client().get("/_sandbox/state").get_json()
        return Counter(str(row["external_id"]) for row in state["transactions"])

    def delivered(self, *numbers: str) -> bool:
        """Whether the ledger knows that they have arrived."""
        return all(self.delivery(number).state == "delivered" for number in numbers)

    def sent(self) -> int:
        """How often a transaction was sent to Omneo, successfully or not, and is answered."""
        calls = self.omneo.calls.calls(path="*/transactions/*")
        return sum(call.method == "POST" for call in calls)

    def being_delivered(self) -> bool:
        """Whether a slow delivery has reached Omneo, and waits there."""
        return any(fault.fired for fault in self.omneo.faults.faults)

    def close(self) -> None:
        super().close()
        runtime_of(self.app).close()


def until(happened: Callable[[], bool]) -> None:
    """Wait for it, but not for ever."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.03)


def output(process: subprocess.Popen[str]) -> str:
    """What a process has said, once it has ended by itself. A pool of Celery's may take half a minute for that."""
    said, _ = process.communicate(timeout=45)
    return said


@pytest.fixture
def settings() -> dict[str, str]:
    """What a module's tests add to the environment of their shops."""
    return {}


@pytest.fixture
def yard(tmp_path: Path, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    sandbox_app = create_sandbox(seed="demo")
    with ExitStack() as stack:
        stack.callback(sandbox(sandbox_app).store.close)
        omneo = stack.enter_context(serve_sandbox(sandbox_app))
        environment = {
            "FLASK_SECRET_KEY": "s",
            "FLASK_OMNEO_BASE_URL": omneo.base_url,
            "FLASK_OMNEO_TOKEN": omneo.token,
            "FLASK_BENEFITS_WORKER": "off",
            "FLASK_BENEFITS_DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
            **settings,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yard = Yard(folder=tmp_path, omneo=omneo, environment=environment, app=create_app())
        stack.callback(yard.close)
        yield yard
