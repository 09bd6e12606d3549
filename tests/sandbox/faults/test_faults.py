"""Faults over real sockets: what a client sees, and what was applied."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.server.disconnect import ConnectionCut
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import TOKEN, SandboxClient

REDEMPTIONS = "/api/v3/profiles/*/benefits/*/redemptions"


@pytest.fixture(scope="module")
def served(shared_api: SandboxClient) -> Iterator[RunningSandbox]:
    with serve_sandbox(shared_api.app) as running:
        yield running


@pytest.fixture
def running(served: RunningSandbox, api: SandboxClient) -> Iterator[RunningSandbox]:
    served.faults.seed(0)
    served.calls.clear()
    yield served
    served.faults.clear()


@pytest.fixture
def client(running: RunningSandbox) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=running.base_url, headers=headers, timeout=60, trust_env=False) as made:
        yield made


@pytest.fixture
def redemptions(api: SandboxClient) -> str:
    """Return the path at which a benefit with three uses is used."""
    benefit = api.issue(api.define(max_redemptions=3), api.profile())
    return f"/profiles/{benefit['profile_id']}/benefits/{benefit['id']}/redemptions"


def used(api: SandboxClient) -> int:
    return len(api.state()["redemptions"])


def test_latency_delays_the_answer(running: RunningSandbox, client: httpx.Client) -> None:
    running.faults.add("latency", seconds=0.2, times=1)

    started = time.monotonic()
    slow = client.get("/profiles")
    took = time.monotonic() - started

    assert (slow.status_code, took >= 0.2) == (200, True)


def test_a_drip_sends_the_whole_body_bit_by_bit(running: RunningSandbox, client: httpx.Client) -> None:
    whole = client.get("/profiles").content
    running.faults.add("drip", seconds=1, times=1)

    started = time.monotonic()
    with client.stream("GET", "/profiles") as answer:
        pieces = list(answer.iter_raw())

    assert b"".join(pieces) == whole
    assert len(pieces[0]) < len(whole)
    assert time.monotonic() - started >= 0.99


def test_a_refused_connection_is_reset_and_nothing_is_applied(
    running: RunningSandbox, api: SandboxClient, redemptions: str
) -> None:
    running.faults.add("refuse", path=REDEMPTIONS, times=1)
    head = f"POST /api/v3{redemptions} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"

    with socket.create_connection(("127.0.0.1", int(running.url.rsplit(":", 1)[1])), timeout=60) as connection:
        connection.sendall(head.encode())  # and none of the body: nobody waits for it
        with pytest.raises(ConnectionResetError):
            connection.recv(1)

    [call] = running.calls.calls(path=REDEMPTIONS)
    assert (used(api), call.status, call.faults) == (0, None, ["refuse"])


def test_a_dropped_request_is_read_and_not_applied(
    running: RunningSandbox, client: httpx.Client, api: SandboxClient, redemptions: str
) -> None:
    running.faults.add("drop", path=REDEMPTIONS, times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        client.post(redemptions, json={"external_id": "A-1"})

    assert used(api) == 0
    assert client.post(redemptions, json={}).status_code == 201


def test_apply_then_drop_applies_and_says_nothing(
    running: RunningSandbox, client: httpx.Client, api: SandboxClient, redemptions: str
) -> None:
    running.faults.add("apply_then_drop", path=REDEMPTIONS, method="post", times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        client.post(redemptions, json={"external_id": "A-1"})

    [call] = running.calls.calls(path=REDEMPTIONS)
    assert [row["external_id"] for row in api.state()["redemptions"]] == ["A-1"]
    assert (call.status, call.faults, b'"type":"redeem"' in call.answer) == (None, ["apply_then_drop"], True)


def test_a_delayed_request_is_applied_after_its_caller_gave_up(
    running: RunningSandbox, client: httpx.Client, api: SandboxClient, redemptions: str
) -> None:
    running.faults.add("drop_then_apply", path=REDEMPTIONS, seconds=0.3, times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        client.post(redemptions, json={"external_id": "A-1"})
    until = time.monotonic() + 60
    while len(running.calls.calls(path=REDEMPTIONS)) < 2 and time.monotonic() < until:
        time.sleep(0.02)

    lost, late = running.calls.calls(path=REDEMPTIONS)
    assert used(api) == 1
    assert (late.real_at - lost.real_at).total_seconds() >= 0.29
    assert (lost.status, lost.faults, lost.reference) == (None, ["drop_then_apply"], "A-1")
    assert (late.status, late.late_for, late.reference) == (201, lost.id, "A-1")


def test_a_delayed_request_can_wait_for_the_sandboxs_clock(
    running: RunningSandbox, client: httpx.Client, api: SandboxClient, redemptions: str
) -> None:
    running.faults.add("drop_then_apply", path=REDEMPTIONS, seconds=600, clock="sandbox", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(redemptions, json={})

    running.clock.move(seconds=599)
    client.get("/profiles")
    before = used(api)
    running.clock.move(seconds=1)
    client.get("/profiles")

    assert (before, used(api)) == (0, 1)


@pytest.mark.parametrize("code", [500, 502, 503])
@pytest.mark.parametrize(("when", "applied"), [("before", 0), ("after", 1)])
def test_a_status_comes_before_or_after_applying(
    running: RunningSandbox,
    client: httpx.Client,
    api: SandboxClient,
    redemptions: str,
    code: int,
    when: str,
    applied: int,
) -> None:
    running.faults.add("status", path=REDEMPTIONS, code=code, when=when, times=1)

    answer = client.post(redemptions, json={})

    assert (answer.status_code, list(answer.json()), used(api)) == (code, ["message"], applied)


def test_429_names_the_seconds_to_wait(running: RunningSandbox, client: httpx.Client) -> None:
    running.faults.add("429", retry_after=7, times=1)

    answer = client.get("/profiles")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("kind", ["401", "403"])
def test_a_token_can_stop_being_enough(running: RunningSandbox, client: httpx.Client, kind: str) -> None:
    running.faults.add(kind, times=1)

    refused, then = client.get("/profiles"), client.get("/profiles")

    assert (refused.status_code, list(refused.json()), then.status_code) == (int(kind), ["message"], 200)


@pytest.mark.parametrize(("when", "applied"), [("before", 0), ("after", 1)])
def test_html_stands_where_json_should(
    running: RunningSandbox, client: httpx.Client, api: SandboxClient, redemptions: str, when: str, applied: int
) -> None:
    running.faults.add("html", path=REDEMPTIONS, when=when, times=1)

    answer = client.post(redemptions, json={})

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (answer.text.startswith("<!doctype html>"), used(api)) == (True, applied)


def test_truncated_json_is_the_first_half(running: RunningSandbox, client: httpx.Client) -> None:
    whole = client.get("/profiles").content
    running.faults.add("truncated", times=1)

    answer = client.get("/profiles")

    assert (answer.status_code, answer.content) == (200, whole[: len(whole) // 2])


def test_wrong_types_keep_no_value_as_it_was(running: RunningSandbox, client: httpx.Client, redemptions: str) -> None:
    running.faults.add("wrong_types", times=1)

    wrong = client.get(redemptions.removesuffix("/redemptions")).json()["data"]

    assert (wrong["id"], wrong["is_expired"], wrong["claimed_at"]) == ("number 1", [False], "none")
    assert (wrong["timezone"], wrong["definition"]["tags"]) == (["Australia/Melbourne"], {})


@pytest.mark.parametrize(("change", "seen", "total"), [("grown", [1, 2, 2, 3, 4, 5], 6), ("shrunk", [1, 2, 4, 5], 4)])
def test_a_list_changes_while_one_pages(
    running: RunningSandbox, client: httpx.Client, api: SandboxClient, change: str, seen: list[int], total: int
) -> None:
    definition, profile = api.define(), api.profile()
    for _ in range(5):
        api.issue(definition, profile)
    running.faults.add("paging", path="*/benefits", method="GET", change=change)

    path = f"/profiles/{profile}/benefits?page[size]=2&page[number]="
    pages = [client.get(f"{path}{number}").json() for number in (1, 2, 3)]

    assert [row["id"] for page in pages for row in page["data"]] == seen
    assert [page["meta"]["total"] for page in pages] == [5, total, total]


def test_the_same_seed_repeats_the_same_faults(running: RunningSandbox, client: httpx.Client) -> None:
    running.faults.add("status", probability=0.5)

    runs = []
    for seed in (7, 7, 8):
        running.faults.seed(seed)
        runs.append([client.get("/profiles").status_code for _ in range(20)])

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert set(runs[0]) == {200, 500}


def test_delays_add_up_with_the_first_other_fault(running: RunningSandbox, client: httpx.Client) -> None:
    running.faults.add("latency", seconds=0.1, times=1)
    running.faults.add("latency", seconds=0.1, times=1)
    running.faults.add("403", times=1)
    running.faults.add("401", times=1)

    started = time.monotonic()
    first, second = client.get("/profiles"), client.get("/profiles")

    assert (first.status_code, second.status_code) == (403, 401)
    assert time.monotonic() - started >= 0.2


def test_a_fault_touches_its_own_routes_and_methods_only(
    running: RunningSandbox, client: httpx.Client, redemptions: str
) -> None:
    running.faults.add("status", path=REDEMPTIONS, method="POST")

    untouched = [client.post("/profiles", json={}).status_code, client.get(redemptions).status_code]

    assert (500 in untouched, client.post(redemptions, json={}).status_code) == (False, 500)


def test_the_dial_itself_is_out_of_reach_of_any_fault(running: RunningSandbox, client: httpx.Client) -> None:
    running.faults.add("drop")

    assert client.get(f"{running.url}/_sandbox/faults").json()["faults"][0]["kind"] == "drop"
    assert client.delete(f"{running.url}/_sandbox/faults").status_code == 204
    assert client.get("/profiles").status_code == 200


def test_the_dial_is_turned_over_http(api: SandboxClient) -> None:
    made = api.post("/_sandbox/faults", {"kind": "status", "code": 502, "method": "get", "times": 2, "seed": 5})
    answers = [api.get("/profiles").status for _ in range(3)]
    shown = api.get("/_sandbox/faults").json
    removed = [api.delete(f"/_sandbox/faults/{made.json['id']}").status for _ in range(2)]

    assert (made.status, made.json["method"], made.json["when"]) == (201, "GET", "before")
    assert answers == [502, 502, 200]
    assert (shown["seed"], [fault["fired"] for fault in shown["faults"]]) == (5, [2])
    assert "drop_then_apply" in shown["kinds"]
    assert removed == [204, 404]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "lightning"}, "kind"),
        ({}, "kind"),
        ({"kind": ["drop"]}, "kind"),
        ({"kind": "drop", "colour": "red"}, "colour"),
        ({"kind": "drop", "probability": 1.5}, "probability"),
        ({"kind": "drop", "times": -1}, "times"),
        ({"kind": "drop", "times": True}, "times"),
        ({"kind": "drop", "path": 7}, "path"),
        ({"kind": "status", "code": 200}, "code"),
        ({"kind": "status", "when": "during"}, "when"),
        ({"kind": "status", "when": {}}, "when"),
        ({"kind": "latency", "seconds": 1e9}, "seconds"),
        ({"kind": "drop", "seed": "x"}, "seed"),
        ({"kind": "drop", "id": 7}, "id"),
    ],
)
def test_a_wrong_fault_is_refused_with_its_field(api: SandboxClient, fields: dict[str, Any], field: str) -> None:
    refused = api.post("/_sandbox/faults", fields)

    assert (refused.status, refused.fields, api.get("/_sandbox/faults").json["faults"]) == (422, [field], [])


def test_in_this_process_a_lost_answer_is_an_exception(api: SandboxClient, redemptions: str) -> None:
    sandbox(api.app).faults.add("apply_then_drop", times=1)

    with pytest.raises(ConnectionCut):
        api.post(redemptions, {})

    assert (issubclass(ConnectionCut, ConnectionError), used(api)) == (True, 1)
    sandbox(api.app).faults.clear()


def test_two_sandboxes_have_a_dial_each() -> None:
    first, second = create_sandbox(), create_sandbox()
    sandbox(first).faults.add("drop")

    assert sandbox(second).faults.faults == []
    for app in (first, second):
        sandbox(app).store.close()
