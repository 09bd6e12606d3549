"""The log of calls: every request and answer, never a token."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from claimable_benefits.sandbox.state.call_log import CallLog
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import NOON, TOKEN, SandboxClient


@pytest.fixture(autouse=True)
def empty(api: SandboxClient) -> None:
    """Begin without calls."""
    sandbox(api.app).calls.clear()


def record(log: CallLog, **given: Any) -> int:
    usual: dict[str, Any] = {"method": "POST", "path": "/api/v3/x", "query": "", "request": b"", "status": 200}
    return log.record(**{**usual, "at": NOON, "answer": b"", "seconds": 0.001, **given})


def test_a_call_is_written_down_with_both_its_sides(api: SandboxClient) -> None:
    profile = api.profile(first_name="Mia")

    [call] = api.get("/_sandbox/calls").json["calls"]

    assert (call["method"], call["path"], call["status"]) == ("POST", "/api/v3/profiles", 201)
    assert json.loads(call["request"]) == {"first_name": "Mia"}
    assert json.loads(call["answer"])["data"]["id"] == profile
    assert (call["at"], call["faults"], call["late_for"]) == (NOON.isoformat(), [], None)
    assert abs(datetime.fromisoformat(call["real_at"]) - datetime.now(UTC)).total_seconds() < 60
    assert 0 < call["milliseconds"] < 10_000


def test_a_refused_call_is_written_down_too(api: SandboxClient) -> None:
    api.get("/profiles/nobody", include="identities")
    api.call("GET", "/profiles", headers={"Authorization": "Bearer wrong"})

    calls = api.get("/_sandbox/calls").json["calls"]

    assert [(call["status"], call["query"]) for call in calls] == [(404, "include=identities"), (401, "")]


def test_the_reference_of_a_call_is_found_in_body_and_query(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())
    api.redeem(benefit, external_id="POS-1")
    api.get("/redemptions", **{"filter[external_id]": "POS-1"})
    api.order(external_id="Bestellung-\u00fc")

    last = api.get("/_sandbox/calls").json["calls"][-3:]

    assert [call["reference"] for call in last] == ["POS-1", "POS-1", "Bestellung-\u00fc"]


def test_calls_are_read_on_from_where_one_stopped(api: SandboxClient) -> None:
    api.profile()
    first = api.get("/_sandbox/calls").json
    api.define()
    api.profile()

    later = api.get("/_sandbox/calls", since=first["last"]).json
    profiles = api.call("GET", "/_sandbox/calls?path=*/profiles").json

    assert [call["path"] for call in later["calls"]] == ["/api/v3/benefit-definitions", "/api/v3/profiles"]
    assert len(profiles["calls"]) == 2
    assert api.get("/_sandbox/calls", since=later["last"]).json == {"calls": [], "last": later["last"]}


def test_calls_can_be_forgotten_and_their_numbers_go_on(api: SandboxClient) -> None:
    api.profile()
    before = api.get("/_sandbox/calls").json["last"]

    gone = api.delete("/_sandbox/calls").status
    api.profile()

    assert (gone, [call["id"] for call in api.get("/_sandbox/calls").json["calls"]]) == (204, [before + 1])


@pytest.mark.parametrize("since", ["-1", "x", "\u0661", "9" * 30])
def test_since_is_the_number_of_a_call(api: SandboxClient, since: str) -> None:
    assert api.get("/_sandbox/calls", since=since).fields == ["since"]


def test_no_token_is_ever_written_down(api: SandboxClient) -> None:
    secret = {"accessToken": "s3cret-1", "client_secret": "s3cret-2", "nested": {"password": "s3cret-3"}, "note": TOKEN}
    api.post("/profiles", secret)
    api.get("/profiles", id_token="s3cret-4", page="1")
    api.get(f"/profiles/{TOKEN}")

    text = json.dumps(api.get("/_sandbox/calls").json) + repr(sandbox(api.app).calls.calls())

    assert [part for part in ("s3cret", TOKEN) if part in text] == []
    assert "page=1" in text


def test_the_ledger_is_a_ring_and_bodies_are_cut_short() -> None:
    log = CallLog(limit=3)
    for _ in range(5):
        record(log, request=b"x" * 100_000, answer=b"y" * 100_000)

    kept = log.calls()

    assert [call.id for call in kept] == [3, 4, 5]
    assert {(len(call.request), len(call.answer)) for call in kept} == {(16_384, 4_096)}


def test_a_secret_that_is_cut_in_two_is_hidden_all_the_same() -> None:
    log = CallLog()
    record(log, answer=b'{"pad":"' + b"x" * 4_060 + b'","token":"s3cret-that-is-long"}')

    assert b"s3cret" not in log.calls()[0].answer
    assert b"(hidden)" in log.calls()[0].answer


def test_what_the_sandbox_has_for_itself_is_not_in_the_ledger(api: SandboxClient) -> None:
    for path in ("/_sandbox/health", "/_sandbox/state", "/_sandbox/clock"):
        api.get(path)

    assert api.get("/_sandbox/calls").json["calls"] == []
