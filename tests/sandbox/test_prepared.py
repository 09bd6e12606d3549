"""Prepared answers: as good as new after every write, whoever wrote, and at every moment of the state."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from werkzeug.test import Client

from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.sandbox.faults.corruption import FaultyResponse
from claimable_benefits.sandbox.faults.middleware import FaultMiddleware
from claimable_benefits.sandbox.faults.prepared import Prepared
from claimable_benefits.sandbox.state.call_log import CallLog
from claimable_benefits.sandbox.state.fault_injector import FaultInjector
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.crowd import Crowd, first_line, port_in, process
from tests.sandbox.world import NOON, TOKEN, World


@pytest.fixture
def benefit(world: World) -> Any:
    return world.issue(world.define(max_redemptions=2), world.profile())


def read(world: World, benefit: Any) -> Any:
    """Return the list of one benefit, read twice so that the second answer is a prepared one."""
    path = f"/profiles/{benefit['profile_id']}/benefits"
    first, again = world.get(path).data, world.get(path).data
    assert first == again
    return first


def test_a_list_that_nothing_changed_is_prepared_once(world: World, benefit: Any) -> None:
    box, applied = sandbox(world.app), []

    def counted(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        applied.append(environ["PATH_INFO"])
        return world.app.wsgi_app(environ, start)

    gate = FaultMiddleware(counted, FaultInjector(), CallLog(), Prepared(box.store, world.clock))
    client, headers = Client(gate, Response), {"Authorization": f"Bearer {TOKEN}"}
    path = f"/api/v3/profiles/{benefit['profile_id']}/benefits"

    answers = {client.get(path, headers=headers).data for _ in range(5)}

    assert (len(answers), applied) == (1, [path])


def test_a_write_shows_at_once(world: World, benefit: Any) -> None:
    before = read(world, benefit)
    world.redeem(benefit)
    once = read(world, benefit)
    world.redeem(benefit)

    assert [row["redemptions_remaining"] for row in (*before, *once)] == [2, 1]
    assert read(world, benefit) == []


def test_a_switch_shows_at_once(world: World, benefit: Any) -> None:
    plain = read(world, benefit)[0]["id"]
    world.switch(numbers="strings")

    assert (plain, read(world, benefit)[0]["id"]) == (1, "1")


def test_a_reset_shows_at_once(world: World, benefit: Any) -> None:
    read(world, benefit)
    world.post("/_sandbox/reset", {"seed": "empty"})

    assert world.get(f"/profiles/{benefit['profile_id']}/benefits").status == 404


def test_a_token_opens_nothing_because_another_did(world: World, benefit: Any) -> None:
    read(world, benefit)
    path = f"/profiles/{benefit['profile_id']}/benefits"

    assert world.call("GET", path, headers={"Authorization": "Bearer wrong"}).status == 401


def test_links_name_the_host_that_was_asked(world: World, benefit: Any) -> None:
    path = f"/profiles/{benefit['profile_id']}/benefits"
    firsts = [
        world.call("GET", path, headers={"Host": host}).json["links"]["first"]
        for host in ("a.test", "b.test", "a.test")
    ]

    assert [first.split("/")[2] for first in firsts] == ["a.test", "b.test", "a.test"]


@pytest.mark.parametrize("moved_by", ["its own clock", "the time machine"])
def test_an_answer_ends_with_the_second_in_which_time_changes_it(world: World, moved_by: str) -> None:
    definition, profile = world.define(), world.profile()
    benefit = world.issue(definition, profile, issued_at="2026-06-15 12:00:03", expires_at="2026-06-15 12:00:07")
    world.switch(profile_benefits="all")

    seen = []
    for _second in range(10):
        row = read(world, benefit)[0]
        seen.append((row["is_redeemable"], row["is_expired"]))
        if moved_by == "its own clock":
            world.clock.turn(seconds=1)
        else:
            sandbox(world.app).clock_control.move(seconds=1)

    assert seen == [(False, False)] * 3 + [(True, False)] * 5 + [(False, True)] * 2


def test_a_clock_that_goes_back_brings_the_old_answer_back(world: World, benefit: Any) -> None:
    world.switch(profile_benefits="all")
    world.clock.turn(days=400)
    late = read(world, benefit)[0]["is_expired"]
    world.clock.turn(days=-400)

    assert (late, read(world, benefit)[0]["is_expired"]) == (True, False)


def test_a_write_in_another_process_shows_at_once(tmp_path: Path) -> None:
    app = create_sandbox(data=tmp_path)
    client, headers = app.test_client(), {"Authorization": f"Bearer {TOKEN}"}
    with process(tmp_path) as other, Crowd([port_in(first_line(other))]) as there:
        benefit = there.issue(there.define("gift", max_redemptions=6), there.profile())
        path = f"/profiles/{benefit['profile_id']}/benefits"
        seen = []
        for _ in range(5):
            for _twice in range(2):
                answer = json.loads(client.get(f"/api/v3{path}", headers=headers).data)
            seen.append(answer["data"][0]["redemptions_remaining"])
            there.call("POST", f"{path}/{benefit['id']}/redemptions", {})
    sandbox(app).store.close()

    assert seen == [6, 5, 4, 3, 2]


def test_an_answer_made_before_a_write_is_not_kept_after_it(world: World, benefit: Any) -> None:
    box = sandbox(world.app)
    prepared = Prepared(box.store, lambda: NOON)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": f"/api/v3/profiles/{benefit['profile_id']}/benefits"}
    old = FaultyResponse("200 OK", [], b"old")

    _now, key, _none = prepared.find(environ)
    assert key is not None
    world.redeem(benefit)
    prepared.keep(key, old)
    _now, later, found = prepared.find(environ)
    assert later is not None
    prepared.keep(later, old)

    assert (found, prepared.find(environ)[2]) == (None, old)
