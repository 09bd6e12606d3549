"""Many at once, over real sockets: the last use and the last slot go to exactly one.

Each test plays twenty rounds, or as many as the environment variable SANDBOX_ROUNDS says; ``make bench-sandbox`` plays
two hundred.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import ZONE
from tests.sandbox.concurrent_clients import ONE_WINS, ConcurrentClients, processes

ROUNDS = int(os.environ.get("SANDBOX_ROUNDS", "20"))


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    app = create_sandbox()
    with serve_sandbox(app) as served:
        yield served
    sandbox(app).store.close()


@pytest.fixture(scope="module")
def threads(running: RunningSandbox) -> Iterator[ConcurrentClients]:
    with ConcurrentClients([port_of(running)]) as clients:
        yield clients


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConcurrentClients]:
    with processes(tmp_path_factory.mktemp("shared"), 3) as ports, ConcurrentClients(ports) as clients:
        yield clients


@pytest.fixture(params=["threads", "several"])
def clients(request: pytest.FixtureRequest) -> ConcurrentClients:
    """Return a clients before one process with many threads, or before three processes that share a folder."""
    found: ConcurrentClients = request.getfixturevalue(request.param)
    return found


def port_of(running: RunningSandbox) -> int:
    return int(running.url.rsplit(":", 1)[1])


def test_rule_22_sixty_four_redeems_of_a_last_use_succeed_once(clients: ConcurrentClients) -> None:
    definition, profile = clients.define(f"use-{uuid.uuid4()}"), clients.profile()
    outcomes = []
    for _ in range(ROUNDS):
        benefit = clients.issue(definition, profile)
        outcomes.append(clients.at_once(f"/profiles/{profile}/benefits/{benefit['id']}/redemptions", {}))

    assert outcomes == [ONE_WINS] * ROUNDS
    assert clients.call("GET", f"/benefit-definitions/{definition['id']}")["total_global_redemptions"] == ROUNDS


def test_rule_14_sixty_four_claims_of_one_definition_succeed_once(clients: ConcurrentClients) -> None:
    definition = clients.define(f"claim-{uuid.uuid4()}")
    body = {"definition": definition["handle"], "timezone": ZONE}
    outcomes = [clients.at_once(f"/profiles/{clients.profile()}/benefits/claim", body) for _ in range(ROUNDS)]

    assert outcomes == [ONE_WINS] * ROUNDS
    assert clients.call("GET", f"/benefit-definitions/{definition['id']}")["total_global_created"] == ROUNDS


def test_rule_14_sixty_four_claims_of_the_last_code_succeed_once(clients: ConcurrentClients) -> None:
    definition = clients.define(f"code-{uuid.uuid4()}", force_allocation=True, is_reclaimable=True)
    profile, body = clients.profile(), {"definition": definition["handle"], "timezone": ZONE}
    outcomes = []
    for _ in range(5):
        pool = {"definition": {"id": definition["id"]}, "allocations": [{"code": "LAST"}]}
        clients.call("POST", "/allocations/batch.json", pool)
        outcomes.append(clients.at_once(f"/profiles/{profile}/benefits/claim", body))

    assert outcomes == [ONE_WINS] * 5


def test_sixty_four_reversals_give_one_use_back(clients: ConcurrentClients) -> None:
    definition = clients.define(f"undo-{uuid.uuid4()}")
    body: Any = {"definition": definition["handle"], "timezone": ZONE}
    made = clients.call("POST", f"/profiles/{clients.profile()}/benefits/claim-redeem", body)

    outcome = clients.at_once(f"/redemptions/{made['id']}/reversal", None)

    assert outcome == ONE_WINS
    assert made["items"][0]["type_attributes"]["definition"]["total_global_redemptions"] == 1
    assert clients.call("GET", f"/benefit-definitions/{definition['id']}")["total_global_redemptions"] == 0


def test_a_closed_sandbox_refuses_connections_and_can_be_served_again(tmp_path: Path) -> None:
    app = create_sandbox(data=tmp_path)
    with serve_sandbox(app) as first, ConcurrentClients([port_of(first)]) as clients:
        profile = clients.profile()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(first)), timeout=5)

    with serve_sandbox(app, port_of(first)) as second, ConcurrentClients([port_of(second)]) as clients:
        found = clients.call("GET", f"/profiles/{profile}")["id"]
    sandbox(app).store.close()

    assert found == profile
