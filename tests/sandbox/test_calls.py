"""The ledger of calls: everything asked and answered, never a token."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from claimable_benefits.sandbox.state.call_log import CallLog
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.world import NOON, TOKEN, World


@pytest.fixture(autouse=True)
def empty(world: World) -> None:
    """Begin without calls."""
    sandbox(world.app).calls.clear()


def record(ledger: CallLog, **given: Any) -> int:
    usual: dict[str, Any] = {"method": "POST", "path": "/api/v3/x", "query": "", "request": b"", "status": 200}
    return ledger.record(**{**usual, "at": NOON, "answer": b"", "seconds": 0.001, **given})


def test_a_call_is_written_down_with_both_its_sides(world: World) -> None:
    profile = world.profile(first_name="Mia")

    [call] = world.get("/_sandbox/calls").json["calls"]

    assert (call["method"], call["path"], call["status"]) == ("POST", "/api/v3/profiles", 201)
    assert json.loads(call["request"]) == {"first_name": "Mia"}
    assert json.loads(call["answer"])["data"]["id"] == profile
    assert (call["at"], call["faults"], call["late_for"]) == (NOON.isoformat(), [], None)
    assert abs(datetime.fromisoformat(call["real_at"]) - datetime.now(UTC)).total_seconds() < 60
    assert 0 < call["milliseconds"] < 10_000


def test_a_refused_call_is_written_down_too(world: World) -> None:
    world.get("/profiles/nobody", include="identities")
    world.call("GET", "/profiles", headers={"Authorization": "Bearer wrong"})

    calls = world.get("/_sandbox/calls").json["calls"]

    assert [(call["status"], call["query"]) for call in calls] == [(404, "include=identities"), (401, "")]


def test_the_reference_of_a_call_is_found_in_body_and_query(world: World) -> None:
    benefit = world.issue(world.define(), world.profile())
    world.redeem(benefit, external_id="POS-1")
    world.get("/redemptions", **{"filter[external_id]": "POS-1"})
    world.order(external_id="Bestellung-\u00fc")

    last = world.get("/_sandbox/calls").json["calls"][-3:]

    assert [call["reference"] for call in last] == ["POS-1", "POS-1", "Bestellung-\u00fc"]


def test_calls_are_read_on_from_where_one_stopped(world: World) -> None:
    world.profile()
    first = world.get("/_sandbox/calls").json
    world.define()
    world.profile()

    later = world.get("/_sandbox/calls", since=first["last"]).json
    profiles = world.call("GET", "/_sandbox/calls?path=*/profiles").json

    assert [call["path"] for call in later["calls"]] == ["/api/v3/benefit-definitions", "/api/v3/profiles"]
    assert len(profiles["calls"]) == 2
    assert world.get("/_sandbox/calls", since=later["last"]).json == {"calls": [], "last": later["last"]}


def test_calls_can_be_forgotten_and_their_numbers_go_on(world: World) -> None:
    world.profile()
    before = world.get("/_sandbox/calls").json["last"]

    gone = world.delete("/_sandbox/calls").status
    world.profile()

    assert (gone, [call["id"] for call in world.get("/_sandbox/calls").json["calls"]]) == (204, [before + 1])


@pytest.mark.parametrize("since", ["-1", "x", "\u0661", "9" * 30])
def test_since_is_the_number_of_a_call(world: World, since: str) -> None:
    assert world.get("/_sandbox/calls", since=since).fields == ["since"]


def test_no_token_is_ever_written_down(world: World) -> None:
    secret = {"accessToken": "s3cret-1", "client_secret": "s3cret-2", "nested": {"password": "s3cret-3"}, "note": TOKEN}
    world.post("/profiles", secret)
    world.get("/profiles", id_token="s3cret-4", page="1")
    world.get(f"/profiles/{TOKEN}")

    text = json.dumps(world.get("/_sandbox/calls").json) + repr(sandbox(world.app).calls.calls())

    assert [part for part in ("s3cret", TOKEN) if part in text] == []
    assert "page=1" in text


def test_the_ledger_is_a_ring_and_bodies_are_cut_short() -> None:
    ledger = CallLog(kept=3)
    for _ in range(5):
        record(ledger, request=b"x" * 100_000, answer=b"y" * 100_000)

    kept = ledger.calls()

    assert [call.id for call in kept] == [3, 4, 5]
    assert {(len(call.request), len(call.answer)) for call in kept} == {(16_384, 4_096)}


def test_a_secret_that_is_cut_in_two_is_hidden_all_the_same() -> None:
    ledger = CallLog()
    record(ledger, answer=b'{"pad":"' + b"x" * 4_060 + b'","token":"s3cret-that-is-long"}')

    assert b"s3cret" not in ledger.calls()[0].answer
    assert b"(hidden)" in ledger.calls()[0].answer


def test_what_the_sandbox_has_for_itself_is_not_in_the_ledger(world: World) -> None:
    for path in ("/_sandbox/health", "/_sandbox/state", "/_sandbox/clock"):
        world.get(path)

    assert world.get("/_sandbox/calls").json["calls"] == []
