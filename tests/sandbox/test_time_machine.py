"""The time machine: the clock stops, moves and runs on, and everything goes by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.world import NOON, World

CHRISTMAS = "2026-12-24T18:00:00+00:00"


def turn(world: World, **body: object) -> tuple[str, str]:
    answer = world.put("/_sandbox/clock", body)
    assert answer.status == 200, answer.json
    return answer.json["now"], answer.json["mode"]


def test_the_clock_can_be_moved_and_runs_on_from_there(world: World) -> None:
    moved = turn(world, now=CHRISTMAS, resume=True)
    world.clock.turn(seconds=10)

    assert moved == (CHRISTMAS, "running")
    assert world.get("/_sandbox/clock").json == {"now": "2026-12-24T18:00:10+00:00", "mode": "running"}


def test_a_stopped_clock_runs_on_from_the_time_it_shows(world: World) -> None:
    turn(world, freeze=True)
    world.clock.turn(hours=5)
    stopped, resumed = world.get("/_sandbox/clock").json["now"], turn(world, resume=True)
    world.clock.turn(seconds=1)

    assert (stopped, resumed) == (NOON.isoformat(), (NOON.isoformat(), "running"))
    assert world.get("/_sandbox/clock").json["now"] == (NOON + timedelta(seconds=1)).isoformat()


def test_one_request_can_move_by_seconds_and_let_run(world: World) -> None:
    assert turn(world, freeze=True, advance_seconds=60) == ((NOON + timedelta(seconds=60)).isoformat(), "frozen")
    assert turn(world, now=CHRISTMAS, advance_seconds=-1, resume=True) == ("2026-12-24T17:59:59+00:00", "running")
    assert turn(world, run=True) == (NOON.isoformat(), "running")


def test_python_turns_the_same_clock(world: World) -> None:
    machine = sandbox(world.app).clock_control
    steps = [
        machine.freeze(),
        machine.move(seconds=90),
        machine.move(to=datetime(2026, 12, 24, 18, 0, tzinfo=UTC)),
        machine.resume(),
    ]
    world.clock.turn(seconds=5)

    assert steps[:2] == [NOON, NOON + timedelta(seconds=90)]
    assert [moment.isoformat() for moment in steps[2:]] == [CHRISTMAS] * 2
    assert (machine.now.isoformat(), machine.is_frozen) == ("2026-12-24T18:00:05+00:00", False)
    assert (machine.move(to=NOON, seconds=3), machine.is_frozen) == (NOON + timedelta(seconds=3), False)
    assert machine.follow() == NOON + timedelta(seconds=5)


def test_the_machine_refuses_times_that_no_clock_shows(world: World) -> None:
    machine = sandbox(world.app).clock_control
    with pytest.raises(ValueError, match="time zone"):
        machine.freeze(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the fault
    with pytest.raises(ValueError, match="1950 to 2150"):
        machine.move(seconds=10**10)

    assert machine.now == NOON


def test_expiry_follows_the_clock(world: World) -> None:
    benefit = world.issue(world.define(), world.profile(), expires_at="2026-06-16 12:00:00")
    path = f"/profiles/{benefit['profile_id']}/benefits/{benefit['id']}"

    seen = []
    for moment in ("2026-06-16T02:00:00Z", "2026-06-16T02:00:01Z", "2026-06-16T02:00:00Z"):
        turn(world, now=moment)
        seen.append(world.get(path).data["is_expired"])

    assert seen == [False, True, False]


def test_claim_windows_follow_the_clock(world: World) -> None:
    window = {"claim_period_start_at": "2026-07-01 00:00:00", "claim_period_end_at": "2026-07-31 00:00:00"}
    profile = world.profile()
    world.define(is_reclaimable=True, **window)

    seen = []
    for moment in ("2026-06-30T23:59:59Z", "2026-07-01T00:00:00Z", "2026-07-31T00:00:00Z", "2026-07-31T00:00:01Z"):
        turn(world, now=moment)
        seen.append((len(world.get(f"/profiles/{profile}/benefits/claimable").data), world.claim(profile).status))

    assert seen == [(0, 422), (1, 201), (1, 201), (0, 422)]


@pytest.mark.parametrize(("seconds", "status"), [(600, 201), (601, 422)])
def test_the_ten_minutes_follow_the_clock(world: World, seconds: int, status: int) -> None:
    turn(world, freeze=True)
    redemption = world.redeem(world.issue(world.define(), world.profile())).data

    turn(world, advance_seconds=seconds)

    assert world.post(f"/redemptions/{redemption['id']}/reversal").status == status


def test_calls_are_dated_by_the_sandboxs_clock(world: World) -> None:
    turn(world, now=CHRISTMAS)
    world.profile()

    assert world.get("/_sandbox/calls").json["calls"][-1]["at"] == CHRISTMAS
