"""The embedded worker under a real gunicorn: one in each process, ended cleanly with it, whether preloaded or not."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess

import httpx
import pytest

from claimable_benefits.domain.states import DeliveryState
from tests.processes.conftest import Deployment, output_of
from tests.support.waiting import LIMIT, wait_until

WORKERS = 2
pytestmark = pytest.mark.timing


class Gunicorn:
    """A running server with two worker processes of two threads each."""

    def __init__(self, deployment: Deployment, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        bind = self.url.removeprefix("http://")
        command = (
            "gunicorn",
            "-b",
            bind,
            "-w",
            str(WORKERS),
            "--threads",
            "2",
            *options,
            "tests.processes.shop:create_app()",
        )
        self.process: subprocess.Popen[str] = deployment.start(*command)
        wait_until(lambda: len(self.serving_processes()) == WORKERS)

    def serving_processes(self) -> set[int]:
        """The worker processes that have answered one of a few requests."""
        found = set()
        for _ in range(8):
            try:
                found.add(int(httpx.get(f"{self.url}/process", timeout=LIMIT).text))
            except httpx.TransportError:
                break
        return found

    def place(self, number: str) -> int:
        """Place an order; return the worker process that did it."""
        answer = httpx.post(f"{self.url}/orders/{number}", timeout=LIMIT)
        assert answer.status_code == 200, answer.text
        return int(answer.text.split()[-1])

    def stop(self) -> str:
        self.process.terminate()
        return output_of(self.process)


@pytest.fixture
def settings() -> dict[str, str]:
    # The embedded worker delivers when an order wakes it; within a test it never looks by itself.
    return {"FLASK_BENEFITS_WORKER": "embedded", "FLASK_BENEFITS_WORKER_SECONDS": "600"}


@pytest.fixture(params=[(), ("--preload",)], ids=["", "preload"])
def server(request: pytest.FixtureRequest, deployment: Deployment) -> Gunicorn:
    return Gunicorn(deployment, *request.param)


def test_each_process_delivers_what_was_ordered_from_it(deployment: Deployment, server: Gunicorn) -> None:
    placed: dict[int, str] = {}
    number = 0
    while len(placed) < WORKERS:
        number += 1
        assert number < 500, "One process takes all requests."
        placed[server.place(f"A{number}")] = f"A{number}"
    numbers = [f"A{count + 1}" for count in range(number)]
    wait_until(lambda: deployment.delivered(*numbers))

    server.stop()

    assert server.process.returncode == 0
    assert {deployment.arrived()[each] for each in numbers} == {1}
    assert deployment.sent() == number


def test_a_server_that_is_told_to_stop_finishes_its_delivery(deployment: Deployment, server: Gunicorn) -> None:
    deployment.deliveries.pause()
    server.place("A1")
    deployment.deliveries.wait_for_one()

    server.process.terminate()
    deployment.deliveries.resume()
    output_of(server.process)

    delivery = deployment.delivery("A1")
    assert (server.process.returncode, delivery.state, delivery.attempts) == (0, DeliveryState.DELIVERED, 1)
    assert deployment.sent() == 1


def test_a_reload_ends_the_old_processes_without_losing_a_delivery(deployment: Deployment, server: Gunicorn) -> None:
    deployment.deliveries.pause()
    old = server.serving_processes()
    assert server.place("A1") in old
    deployment.deliveries.wait_for_one()

    server.process.send_signal(signal.SIGHUP)
    deployment.deliveries.resume()
    wait_until(lambda: not any(map(is_running, old)))  # both: the other one might still take the next order
    new = server.place("A2")
    wait_until(lambda: deployment.delivered("A1", "A2"))
    server.stop()

    assert new not in old
    assert (deployment.delivery("A1").attempts, deployment.delivery("A2").attempts) == (1, 1)
    assert deployment.sent() == 2


def test_a_server_without_work_stops_at_once(deployment: Deployment, server: Gunicorn) -> None:
    server.place("A1")
    wait_until(lambda: deployment.delivered("A1"))

    output = server.stop()

    assert server.process.returncode == 0
    assert re.search(r"WORKER TIMEOUT|SIGKILL|Traceback", output) is None


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
