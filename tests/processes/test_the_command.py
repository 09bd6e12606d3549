"""`flask benefits work` as a process: it shares the tables, ends cleanly when asked to, and safely when killed."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from claimable_benefits.domain.states import DeliveryState
from tests.processes.conftest import Yard, output, until

# The lease of a delivery is two minutes: a shop whose clock is ahead by three finds it ended.
LATER = {"SHOP_CLOCK_AHEAD": "180"}


def slow(yard: Yard, seconds: float, times: int | None = None) -> None:
    yard.omneo.faults.add("latency", path="*/transactions/*", method="POST", seconds=seconds, times=times)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_finishes_its_delivery(yard: Yard, number: signal.Signals) -> None:
    yard.place("A1")
    slow(yard, 1.0)
    worker = yard.worker()
    until(yard.being_delivered)

    worker.send_signal(number)
    said = output(worker)

    delivery = yard.delivery("A1")
    assert (worker.returncode, said.splitlines()[-1][:23]) == (0, "Stopped. 1 delivered, 0")
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
    assert (yard.arrived()["A1"], yard.sent()) == (1, 1)


def test_a_worker_with_nothing_to_do_stops_at_once_and_says_so(yard: Yard) -> None:
    worker = yard.worker("--threads", "3", "--seconds", "60")
    assert worker.stdout is not None
    assert worker.stdout.readline() == "Working in 3 threads. Ctrl-C stops.\n"

    worker.terminate()

    assert (output(worker), worker.returncode) == ("Stopped. There was nothing to do.\n", 0)


def test_a_second_signal_ends_a_worker_at_once(yard: Yard) -> None:
    yard.place("A1")
    slow(yard, 5.0)
    worker = yard.worker()
    until(yard.being_delivered)

    worker.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.3)
    worker.terminate()
    output(worker)

    assert worker.returncode == -signal.SIGTERM
    assert yard.delivery("A1").state is DeliveryState.DELIVERING


def test_what_a_killed_worker_held_is_taken_up_when_its_lease_ends(yard: Yard) -> None:
    yard.place("A1")
    slow(yard, 1.0, times=1)
    worker = yard.worker()
    until(yard.being_delivered)

    os.kill(worker.pid, signal.SIGKILL)
    output(worker)
    too_soon = output(yard.worker("--once"))
    later = output(yard.worker("--once", **LATER))

    assert too_soon == "There was nothing that could be finished now.\n"
    assert " 1 delivered, " in later
    assert yard.delivered("A1")
    assert yard.arrived()["A1"] == 1


def test_threads_deliver_side_by_side_and_each_order_once(yard: Yard) -> None:
    numbers = [f"A{number}" for number in range(16)]
    yard.place(*numbers)
    slow(yard, 0.2)

    said = output(yard.worker("--once", "--threads", "8"))

    assert yard.delivered(*numbers)
    assert yard.sent() == 16
    assert len(said.splitlines()) > 1
    assert {yard.arrived()[number] for number in numbers} == {1}


def test_two_processes_share_the_work_without_doing_any_twice(yard: Yard) -> None:
    numbers = [f"A{number}" for number in range(20)]
    yard.place(*numbers)
    slow(yard, 0.1)

    workers = [yard.worker("--threads", "2") for _ in range(2)]
    until(lambda: yard.delivered(*numbers))
    for worker in workers:
        worker.terminate()
    said = [output(worker) for worker in workers]

    assert yard.sent() == 20
    assert all("Stopped. " in text for text in said)


@pytest.mark.parametrize("option", [("--threads", "0"), ("--seconds", "0"), ("--threads", "many")])
def test_a_number_that_makes_no_sense_is_refused(yard: Yard, option: tuple[str, str]) -> None:
    worker = yard.worker(*option)

    said = output(worker)

    assert worker.returncode == 2
    assert f"Invalid value for '{option[0]}'" in said


def test_a_worker_that_is_told_to_stop_begins_no_further_delivery(yard: Yard) -> None:
    yard.place("A1", "A2", "A3")
    slow(yard, 0.8)
    worker = yard.worker()
    until(yard.being_delivered)

    worker.terminate()
    output(worker)

    assert sorted(yard.delivery(number).state for number in ("A1", "A2", "A3")) == ["delivered", "due", "due"]
    assert yard.sent() == 1
