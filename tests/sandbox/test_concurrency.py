"""Many at once, over real sockets: the last use and the last slot go to exactly one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.scene import sandbox
from tests.sandbox.world import ZONE

CROWD, ROUNDS = 32, 20


def send(running: RunningSandbox, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(running.base_url + path, data, headers, method=method)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return answer.status, json.load(answer)["data"]
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    app = create_sandbox()
    with serve_sandbox(app) as served:
        yield served
    sandbox(app).store.close()


@pytest.fixture(scope="module")
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CROWD) as pool:
        yield pool


def at_once(crowd: ThreadPoolExecutor, running: RunningSandbox, path: str, body: Any) -> list[int]:
    start = Barrier(CROWD)

    def one(_number: int) -> int:
        start.wait(timeout=30)
        return send(running, "POST", path, body)[0]

    return sorted(crowd.map(one, range(CROWD)))


def define(running: RunningSandbox, handle: str, **fields: Any) -> Any:
    usual = {"name": "Gift", "handle": handle, "period": 30, "max_redemptions": 1}
    return send(running, "POST", "/benefit-definitions", usual | {"is_claimable": True, "is_published": True} | fields)[
        1
    ]


ONE_WINS = [201] + [422] * (CROWD - 1)


def test_rule_22_thirty_two_redeems_of_a_last_use_succeed_once(
    running: RunningSandbox, crowd: ThreadPoolExecutor
) -> None:
    definition, profile = define(running, "use"), send(running, "POST", "/profiles", {})[1]["id"]
    issued = {"benefit_definition_id": definition["id"], "profile_id": profile, "timezone": ZONE}
    outcomes = []
    for _ in range(ROUNDS):
        benefit = send(
            running, "POST", "/benefits", issued | {"issued_at": "2026-01-01 09:00:00", "expires_at": "2099-01-01"}
        )[1]
        outcomes.append(at_once(crowd, running, f"/profiles/{profile}/benefits/{benefit['id']}/redemptions", {}))

    assert outcomes == [ONE_WINS] * ROUNDS


def test_rule_14_thirty_two_claims_of_one_definition_succeed_once(
    running: RunningSandbox, crowd: ThreadPoolExecutor
) -> None:
    define(running, "claim")
    outcomes = []
    for _ in range(ROUNDS):
        profile = send(running, "POST", "/profiles", {})[1]["id"]
        body = {"definition": "claim", "timezone": ZONE}
        outcomes.append(at_once(crowd, running, f"/profiles/{profile}/benefits/claim", body))

    assert outcomes == [ONE_WINS] * ROUNDS


def test_rule_14_thirty_two_claims_of_the_last_code_succeed_once(
    running: RunningSandbox, crowd: ThreadPoolExecutor
) -> None:
    profile = send(running, "POST", "/profiles", {})[1]["id"]
    outcomes = []
    for number in range(ROUNDS):
        definition = define(running, f"code-{number}", force_allocation=True, is_reclaimable=True)
        pool = {"definition": {"id": definition["id"]}, "allocations": [{"code": "LAST"}]}
        with_code = urllib.request.Request(  # noqa: S310 - our own server
            f"{running.base_url}/allocations/batch.json",
            json.dumps(pool).encode(),
            {"Authorization": f"Bearer {running.token}"},
        )
        urllib.request.urlopen(with_code).close()  # noqa: S310 - our own server
        body = {"definition": definition["handle"], "timezone": ZONE}
        outcomes.append(at_once(crowd, running, f"/profiles/{profile}/benefits/claim", body))

    assert outcomes == [ONE_WINS] * ROUNDS


def test_thirty_two_reversals_give_one_use_back(running: RunningSandbox, crowd: ThreadPoolExecutor) -> None:
    define(running, "undo")
    profile = send(running, "POST", "/profiles", {})[1]["id"]
    made = send(
        running, "POST", f"/profiles/{profile}/benefits/claim-redeem", {"definition": "undo", "timezone": ZONE}
    )[1]

    outcome = at_once(crowd, running, f"/redemptions/{made['id']}/reversal", None)

    assert outcome == ONE_WINS
    assert made["items"][0]["type_attributes"]["definition"]["total_global_redemptions"] == 1
    assert send(running, "GET", "/benefit-definitions/handle/undo")[1]["total_global_redemptions"] == 0


def test_two_processes_share_a_folder_and_one_last_use(tmp_path: Path, crowd: ThreadPoolExecutor) -> None:
    app = create_sandbox(data=tmp_path)
    script = (
        "import sys; from pathlib import Path; from claimable_benefits.sandbox import *\n"
        "running = serve_sandbox(create_sandbox(data=Path(sys.argv[1])))\n"
        "print(running.base_url, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with (
        serve_sandbox(app) as here,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,  # noqa: S603 - ours
    ):
        assert other.stdout is not None
        there = other.stdout.readline().strip()
        definition, profile = define(here, "use"), send(here, "POST", "/profiles", {})[1]["id"]
        issued = {"benefit_definition_id": definition["id"], "profile_id": profile, "timezone": ZONE}
        benefit = send(
            here, "POST", "/benefits", issued | {"issued_at": "2026-01-01 09:00:00", "expires_at": "2099-01-01"}
        )[1]
        path = f"/profiles/{profile}/benefits/{benefit['id']}/redemptions"

        def one(number: int) -> int:
            base = here.base_url if number % 2 else there
            request = urllib.request.Request(base + path, b"{}", {"Authorization": f"Bearer {here.token}"})  # noqa: S310 - ours
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - ours
                    return int(answer.status)
            except urllib.error.HTTPError as refused:
                with refused:
                    return refused.code

        outcome = sorted(crowd.map(one, range(CROWD)))
    sandbox(app).store.close()

    assert outcome == ONE_WINS


def test_a_closed_sandbox_refuses_connections_and_can_be_served_again(tmp_path: Path) -> None:
    app = create_sandbox(data=tmp_path)
    with serve_sandbox(app) as first:
        port = int(first.url.rsplit(":", 1)[1])
        profile = send(first, "POST", "/profiles", {"first_name": "Mia"})[1]["id"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)

    with serve_sandbox(app, port) as second:
        found = send(second, "GET", f"/profiles/{profile}")[1]["first_name"]
    sandbox(app).store.close()

    assert found == "Mia"
