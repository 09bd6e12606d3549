"""`flask benefits work` as a process: it shares the tables, stops cleanly on a signal, and safely when killed."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from claimable_benefits.domain.states import DeliveryState
from tests.processes.conftest import Deployment, output_of, wait_until_signal_is_handled
from tests.support.waiting import wait_until

# The lease of a delivery lasts two minutes: for a shop whose clock is ahead by three it has expired.
LATER = {"SHOP_CLOCK_AHEAD": "180"}


pytestmark = pytest.mark.timing


def slow(deployment: Deployment, seconds: float) -> None:
    deployment.omneo.faults.add("latency", path="*/transactions/*", method="POST", seconds=seconds)


def ready(worker: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Wait until a worker handles signals; it says so in its first line."""
    assert worker.stdout is not None
    assert worker.stdout.readline().startswith("Working in ")
    return worker


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_finishes_its_delivery(deployment: Deployment, number: signal.Signals) -> None:
    deployment.place("A1")
    deployment.deliveries.pause()
    worker = deployment.worker()
    deployment.deliveries.wait_for_one()

    worker.send_signal(number)
    wait_until_signal_is_handled(worker, number)
    deployment.deliveries.resume()
    output = output_of(worker)

    delivery = deployment.delivery("A1")
    assert (worker.returncode, output.splitlines()[-1][:23]) == (0, "Stopped. 1 delivered, 0")
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
    assert (deployment.arrived()["A1"], deployment.sent()) == (1, 1)


def test_a_worker_with_nothing_to_do_stops_at_once_and_says_so(deployment: Deployment) -> None:
    worker = deployment.worker("--threads", "3", "--seconds", "60")
    assert worker.stdout is not None
    assert worker.stdout.readline() == "Working in 3 threads. Ctrl-C stops.\n"

    worker.terminate()

    assert (output_of(worker), worker.returncode) == ("Stopped. There was nothing to do.\n", 0)


def test_a_second_signal_ends_a_worker_at_once(deployment: Deployment) -> None:
    deployment.place("A1")
    deployment.deliveries.pause()
    worker = deployment.worker()
    deployment.deliveries.wait_for_one()

    worker.terminate()
    wait_until_signal_is_handled(worker, signal.SIGTERM)
    assert worker.poll() is None
    worker.terminate()
    output_of(worker)

    assert worker.returncode == -signal.SIGTERM
    assert deployment.delivery("A1").state is DeliveryState.DELIVERING


def test_the_delivery_of_a_killed_worker_is_retried_when_its_lease_expires(deployment: Deployment) -> None:
    deployment.place("A1")
    deployment.deliveries.pause()
    worker = deployment.worker()
    deployment.deliveries.wait_for_one()

    os.kill(worker.pid, signal.SIGKILL)
    output_of(worker)
    deployment.deliveries.resume()
    too_soon = output_of(deployment.worker("--once"))
    later = output_of(deployment.worker("--once", **LATER))

    assert too_soon == "There was nothing that could be finished now.\n"
    assert " 1 delivered, " in later
    assert deployment.delivered("A1")
    assert deployment.arrived()["A1"] == 1


def test_threads_deliver_concurrently_and_each_order_once(deployment: Deployment) -> None:
    numbers = [f"A{number}" for number in range(16)]
    deployment.place(*numbers)
    slow(deployment, 0.2)

    output = output_of(deployment.worker("--once", "--threads", "8"))

    assert deployment.delivered(*numbers)
    assert deployment.sent() == 16
    assert len(output.splitlines()) > 1
    assert {deployment.arrived()[number] for number in numbers} == {1}


def test_two_processes_share_the_work_without_doing_any_twice(deployment: Deployment) -> None:
    numbers = [f"A{number}" for number in range(20)]
    slow(deployment, 0.1)
    workers = [ready(deployment.worker("--threads", "2", "--seconds", "0.3")) for _ in range(2)]

    deployment.place(*numbers)
    wait_until(lambda: deployment.delivered(*numbers))
    for worker in workers:
        worker.terminate()
    output = [output_of(worker) for worker in workers]

    assert deployment.sent() == 20
    assert all("Stopped. " in text for text in output)


@pytest.mark.parametrize("option", [("--threads", "0"), ("--seconds", "0"), ("--threads", "many")])
def test_an_invalid_number_is_refused(deployment: Deployment, option: tuple[str, str]) -> None:
    worker = deployment.worker(*option)

    output = output_of(worker)

    assert worker.returncode == 2
    assert f"Invalid value for '{option[0]}'" in output


def test_a_worker_that_is_told_to_stop_begins_no_further_delivery(deployment: Deployment) -> None:
    deployment.place("A1", "A2", "A3")
    deployment.deliveries.pause()
    worker = deployment.worker()
    deployment.deliveries.wait_for_one()

    worker.terminate()
    wait_until_signal_is_handled(worker, signal.SIGTERM)
    deployment.deliveries.resume()
    output_of(worker)

    assert sorted(deployment.delivery(number).state for number in ("A1", "A2", "A3")) == ["delivered", "due", "due"]
    assert deployment.sent() == 1
