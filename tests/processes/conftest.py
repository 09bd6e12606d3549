"""An Omneo over a socket, a shop's database, and processes that deliver from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.processes.shop import create_app, runtime_of
from tests.support.waiting import LIMIT, wait_until

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Processes:
    """The processes of a test, and the environment of all of them."""

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


class PausableDeliveries:
    """Let a test hold the requests that deliver a transaction: a WSGI application around the sandbox's own."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._running = threading.Event()
        self._running.set()
        self._waiting = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and "/transactions/" in environ["PATH_INFO"]:
            if not self._running.is_set():
                self._waiting.set()
            self._running.wait(LIMIT)
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer

    def pause(self) -> None:
        """Hold every delivery from now on."""
        self._running.clear()

    def wait_for_one(self) -> None:
        """Return once a delivery is held."""
        assert self._waiting.wait(LIMIT), "No delivery has reached Omneo."

    def resume(self) -> None:
        """Let the deliveries go that are held, and those that follow."""
        self._running.set()


@dataclass(kw_only=True)
class Deployment(Processes):
    """A sandbox and processes that deliver to it. ``app`` is the same shop in the test's process, to place orders."""

    folder: Path
    omneo: RunningSandbox
    app: Flask
    deliveries: PausableDeliveries

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
        """Whether the ledger has recorded that they were delivered."""
        return all(self.delivery(number).state == "delivered" for number in numbers)

    def sent(self) -> int:
        """How often a transaction was sent to Omneo, successfully or not, and is answered."""
        calls = self.omneo.calls.calls(path="*/transactions/*")
        return sum(call.method == "POST" for call in calls)

    def close(self) -> None:
        self.deliveries.resume()
        super().close()
        runtime_of(self.app).close()


def output_of(process: subprocess.Popen[str]) -> str:
    """Wait until a process has ended by itself; return what it has printed."""
    output, _ = process.communicate(timeout=LIMIT)
    return output


def wait_until_signal_is_handled(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Wait until the process has taken its first stop signal: it then restores the signal's usual effect."""
    status = Path(f"/proc/{process.pid}/status")

    def is_default() -> bool:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        return not int(caught.split()[1], 16) >> (number - 1) & 1

    wait_until(is_default)


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings that a module's tests add to the environment of their shops."""
    return {}


@pytest.fixture
def deployment(tmp_path: Path, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    sandbox_app = create_sandbox(seed="demo")
    with ExitStack() as stack:
        stack.callback(sandbox(sandbox_app).store.close)
        deliveries = PausableDeliveries(sandbox_app.wsgi_app)
        sandbox_app.wsgi_app = deliveries  # type: ignore[method-assign]  # the way of Flask's documentation
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
        app = create_app()
        deployment = Deployment(folder=tmp_path, omneo=omneo, environment=environment, app=app, deliveries=deliveries)
        stack.callback(deployment.close)
        yield deployment
