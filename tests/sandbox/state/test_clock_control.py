"""The clock stops, moves and runs on, and everything follows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import NOON, SandboxClient

CHRISTMAS = "2026-12-24T18:00:00+00:00"


def turn(api: SandboxClient, **body: object) -> tuple[str, str]:
    answer = api.put("/_sandbox/clock", body)
    assert answer.status == 200, answer.json
    return answer.json["now"], answer.json["mode"]


def test_the_clock_can_be_moved_and_runs_on_from_there(api: SandboxClient) -> None:
    moved = turn(api, now=CHRISTMAS, resume=True)
    api.clock.move(seconds=10)

    assert moved == (CHRISTMAS, "running")
    assert api.get("/_sandbox/clock").json == {"now": "2026-12-24T18:00:10+00:00", "mode": "running"}


def test_a_stopped_clock_runs_on_from_the_time_it_shows(api: SandboxClient) -> None:
    turn(api, freeze=True)
    api.clock.move(hours=5)
    stopped, resumed = api.get("/_sandbox/clock").json["now"], turn(api, resume=True)
    api.clock.move(seconds=1)

    assert (stopped, resumed) == (NOON.isoformat(), (NOON.isoformat(), "running"))
    assert api.get("/_sandbox/clock").json["now"] == (NOON + timedelta(seconds=1)).isoformat()


def test_one_request_can_move_by_seconds_and_let_run(api: SandboxClient) -> None:
    assert turn(api, freeze=True, advance_seconds=60) == ((NOON + timedelta(seconds=60)).isoformat(), "frozen")
    assert turn(api, now=CHRISTMAS, advance_seconds=-1, resume=True) == ("2026-12-24T17:59:59+00:00", "running")
    assert turn(api, run=True) == (NOON.isoformat(), "running")


def test_python_turns_the_same_clock(api: SandboxClient) -> None:
    clock = sandbox(api.app).clock_control
    steps = [
        clock.freeze(),
        clock.move(seconds=90),
        clock.move(to=datetime(2026, 12, 24, 18, 0, tzinfo=UTC)),
        clock.resume(),
    ]
    api.clock.move(seconds=5)

    assert steps[:2] == [NOON, NOON + timedelta(seconds=90)]
    assert [moment.isoformat() for moment in steps[2:]] == [CHRISTMAS] * 2
    assert (clock.now.isoformat(), clock.is_frozen) == ("2026-12-24T18:00:05+00:00", False)
    assert (clock.move(to=NOON, seconds=3), clock.is_frozen) == (NOON + timedelta(seconds=3), False)
    assert clock.follow() == NOON + timedelta(seconds=5)


def test_the_machine_refuses_times_that_no_clock_shows(api: SandboxClient) -> None:
    clock = sandbox(api.app).clock_control
    with pytest.raises(ValueError, match="time zone"):
        clock.freeze(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the fault
    with pytest.raises(ValueError, match="1950 to 2150"):
        clock.move(seconds=10**10)

    assert clock.now == NOON


def test_expiry_follows_the_clock(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile(), expires_at="2026-06-16 12:00:00")
    path = f"/profiles/{benefit['profile_id']}/benefits/{benefit['id']}"

    seen = []
    for moment in ("2026-06-16T02:00:00Z", "2026-06-16T02:00:01Z", "2026-06-16T02:00:00Z"):
        turn(api, now=moment)
        seen.append(api.get(path).data["is_expired"])

    assert seen == [False, True, False]


def test_claim_windows_follow_the_clock(api: SandboxClient) -> None:
    window = {"claim_period_start_at": "2026-07-01 00:00:00", "claim_period_end_at": "2026-07-31 00:00:00"}
    profile = api.profile()
    api.define(is_reclaimable=True, **window)

    seen = []
    for moment in ("2026-06-30T23:59:59Z", "2026-07-01T00:00:00Z", "2026-07-31T00:00:00Z", "2026-07-31T00:00:01Z"):
        turn(api, now=moment)
        seen.append((len(api.get(f"/profiles/{profile}/benefits/claimable").data), api.claim(profile).status))

    assert seen == [(0, 422), (1, 201), (1, 201), (0, 422)]


@pytest.mark.parametrize(("seconds", "status"), [(600, 201), (601, 422)])
def test_the_ten_minutes_follow_the_clock(api: SandboxClient, seconds: int, status: int) -> None:
    turn(api, freeze=True)
    redemption = api.redeem(api.issue(api.define(), api.profile())).data

    turn(api, advance_seconds=seconds)

    assert api.post(f"/redemptions/{redemption['id']}/reversal").status == status


def test_calls_are_dated_by_the_sandboxs_clock(api: SandboxClient) -> None:
    turn(api, now=CHRISTMAS)
    api.profile()

    assert api.get("/_sandbox/calls").json["calls"][-1]["at"] == CHRISTMAS
