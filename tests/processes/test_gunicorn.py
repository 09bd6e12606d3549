"""The embedded worker under a real gunicorn: one in each process, ended cleanly with it, whether preloaded or not."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable

import httpx
import pytest

from claimable_benefits.domain.states import DeliveryState
from tests.processes.conftest import Yard, output, until

Server = Callable[..., "Gunicorn"]


class Gunicorn:
    """A running server; it forks two processes, each with two threads."""

    def __init__(self, yard: Yard, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        bind = self.url.removeprefix("http://")
        command = ("gunicorn", "-b", bind, "-w", "2", "--threads", "2", *options, "tests.processes.shop:create_app()")
        self.process: subprocess.Popen[str] = yard.start(*command)
        until(self.is_up)

    def is_up(self) -> bool:
        try:
            return httpx.get(self.url).status_code == 404
        except httpx.TransportError:
            return False

    def place(self, number: str) -> int:
        """Place an order; gives the process that did it."""
        answer = httpx.post(f"{self.url}/orders/{number}")
        assert answer.status_code == 200, answer.text
        return int(answer.text.split()[-1])

    def stop(self) -> str:
        self.process.terminate()
        return output(self.process)


@pytest.fixture
def settings() -> dict[str, str]:
    # A worker that nobody wakes looks so seldom that the tests would not see it.
    return {"FLASK_BENEFITS_WORKER": "embedded", "FLASK_BENEFITS_WORKER_SECONDS": "600"}


@pytest.fixture(params=[(), ("--preload",)], ids=["", "preload"])
def server(request: pytest.FixtureRequest, yard: Yard) -> Gunicorn:
    return Gunicorn(yard, *request.param)


def test_each_process_delivers_what_was_ordered_from_it(yard: Yard, server: Gunicorn) -> None:
    placed: dict[int, str] = {}
    number = 0
    while len(placed) < 2:
        number += 1
        assert number < 200, "One process takes all requests."
        placed[server.place(f"A{number}")] = f"A{number}"
    numbers = [f"A{count + 1}" for count in range(number)]
    until(lambda: yard.delivered(*numbers))

    server.stop()

    assert server.process.returncode == 0
    assert {yard.arrived()[each] for each in numbers} == {1}
    assert yard.sent() == number


def test_a_server_that_is_told_to_stop_finishes_its_delivery(yard: Yard, server: Gunicorn) -> None:
    yard.omneo.faults.add("latency", path="*/transactions/*", method="POST", seconds=1.0)
    server.place("A1")
    until(yard.being_delivered)

    server.stop()

    delivery = yard.delivery("A1")
    assert (server.process.returncode, delivery.state, delivery.attempts) == (0, DeliveryState.DELIVERED, 1)
    assert yard.sent() == 1


def test_a_reload_ends_the_old_processes_without_losing_a_delivery(yard: Yard, server: Gunicorn) -> None:
    yard.omneo.faults.add("latency", path="*/transactions/*", method="POST", seconds=0.7)
    old = server.place("A1")
    until(yard.being_delivered)

    server.process.send_signal(signal.SIGHUP)
    until(lambda: not is_running(old))
    new = server.place("A2")
    until(lambda: yard.delivered("A1", "A2"))
    server.stop()

    assert new != old
    assert (yard.delivery("A1").attempts, yard.delivery("A2").attempts) == (1, 1)
    assert yard.sent() == 2


def test_a_server_without_work_stops_at_once(yard: Yard, server: Gunicorn) -> None:
    server.place("A1")
    until(lambda: yard.delivered("A1"))

    said = server.stop()

    assert server.process.returncode == 0
    assert re.search(r"WORKER TIMEOUT|SIGKILL|Traceback", said) is None


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
