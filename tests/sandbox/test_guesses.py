"""Every guess is a switch, and every switch changes what it says it changes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claimable_benefits.sandbox import SWITCHES
from tests.sandbox.world import ZONE, SandboxClient

HERE = Path(__file__).parent


def held(world: SandboxClient, **fields: Any) -> Any:
    return world.issue(world.define(**fields), world.profile())


def refusal_status(world: SandboxClient) -> Any:
    benefit = held(world)
    return [world.redeem(benefit).status for _ in range(2)][1]


def missing_reference(world: SandboxClient) -> Any:
    world.define()
    profile = world.profile()
    unknown = {"benefit_definition_id": 9, "profile_id": profile, "timezone": ZONE}
    return world.post("/benefits", unknown).status, world.claim(profile, "unknown").status


def claim_period_order(world: SandboxClient) -> Any:
    window = {"claim_period_start_at": "2026-06-02", "claim_period_end_at": "2026-06-01"}
    return world.post("/benefit-definitions", {"name": "A", "handle": "a", "period": 1} | window).status


def claim_period_zone(world: SandboxClient) -> Any:
    return world.define(claim_period_start_at="2026-06-01 10:00:00")["claim_period_start_at"]


def benefit_external_id(world: SandboxClient) -> Any:
    definition, profile = world.define(), world.profile()
    fields = {"benefit_definition_id": definition["id"], "profile_id": profile, "timezone": ZONE, "external_id": "A"}
    return [world.post("/benefits", fields).status for _ in range(2)][1]


def empty_pool(world: SandboxClient) -> Any:
    world.define(force_allocation=True, redeem_code_online="SHARED")
    profile = world.profile()
    listed = len(world.get(f"/profiles/{profile}/benefits/claimable").data)
    return listed, world.claim(profile).status


def malformed_condition(world: SandboxClient) -> Any:
    world.define(claim_condition={"nonsense": 1})
    return world.claim(world.profile()).status


def global_limit(world: SandboxClient) -> Any:
    world.define(max_global_redemptions=1)
    return [world.claim(world.profile()).status for _ in range(2)]


def claim_by_id(world: SandboxClient) -> Any:
    return world.claim(world.profile(), str(world.define()["id"])).status


def future_benefits(world: SandboxClient) -> Any:
    definition = world.define()
    benefit = world.issue(definition, world.profile(), issued_at="2026-07-01 09:00:00")
    listed = len(world.get(f"/profiles/{benefit['profile_id']}/redeemable_benefits").data)
    return benefit["is_redeemable"], listed, world.redeem(benefit).status


def second_reversal(world: SandboxClient) -> Any:
    path = f"/redemptions/{world.redeem(held(world)).data['id']}/reversal"
    first, second = world.post(path), world.post(path)
    return second.status, second.json.get("data") == first.data, len(world.state()["redemptions"])


def return_after_expiry(world: SandboxClient) -> Any:
    used = world.redeem(held(world, period=1)).data
    world.clock.move(days=3)
    return world.post(f"/redemptions/{used['id']}/benefit/return").status


def unresolved_profile(world: SandboxClient) -> Any:
    reply = world.order(profile_id="nobody")
    return reply.status, reply.json.get("data", {}).get("profile_id")


def void(world: SandboxClient) -> Any:
    benefit = held(world)
    order = world.order(redemption_id=world.redeem(benefit).data["id"]).data
    for _ in range(2):
        world.put(f"/transactions/{order['id']}", {"is_void": True})
    return world.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"], len(world.state()["redemptions"])


def definition_delete(world: SandboxClient) -> Any:
    benefit = held(world)
    status = world.delete(f"/benefit-definitions/{benefit['definition']['id']}").status
    return status, world.get(f"/benefits/{benefit['id']}").status


def benefit_balance(world: SandboxClient) -> Any:
    return world.get(f"/profiles/{held(world)['profile_id']}/balances").data["benefit_balance"]


OUTCOMES: list[tuple[Callable[[SandboxClient], Any], dict[str, Any]]] = [
    (refusal_status, {"422": 422, "400": 400, "403": 403, "409": 409}),
    (missing_reference, {"422": (422, 422), "404": (404, 404)}),
    (claim_period_order, {"checked": 422, "free": 201}),
    (claim_period_zone, {"utc": "2026-06-01 10:00:00", "tenant": "2026-06-01 00:00:00"}),
    (benefit_external_id, {"allow": 201, "reject": 422}),
    (empty_pool, {"refuse": (0, 422), "issue": (1, 201)}),
    (malformed_condition, {"false": 422, "true": 201}),
    (global_limit, {"uses": [201, 201], "claims": [201, 422]}),
    (claim_by_id, {"on": 201, "off": 422}),
    (future_benefits, {"refuse": (False, 0, 422), "allow": (True, 1, 201)}),
    (second_reversal, {"refuse": (422, False, 2), "replay": (200, True, 2)}),
    (return_after_expiry, {"restore": 201, "refuse": 422}),
    (unresolved_profile, {"refuse": (422, None), "anonymous": (201, None)}),
    (void, {"keep": (0, 1), "release": (1, 2)}),
    (definition_delete, {"refuse": (422, 200), "cascade": (204, 404)}),
    (benefit_balance, {"count": 1, "zero": 0}),
]


@pytest.mark.parametrize(
    ("story", "position", "outcome"),
    [(story, position, outcome) for story, outcomes in OUTCOMES for position, outcome in outcomes.items()],
    ids=lambda value: value.__name__ if callable(value) else str(value) if isinstance(value, str) else "",
)
def test_a_guess_holds_under_each_of_its_readings(
    world: SandboxClient, story: Callable[[SandboxClient], Any], position: str, outcome: Any
) -> None:
    world.switch(**{story.__name__: position})

    assert outcome == story(world)


def test_the_stories_above_know_every_reading() -> None:
    for story, outcomes in OUTCOMES:
        assert set(SWITCHES[story.__name__].values) == set(outcomes)


def test_every_switch_is_turned_by_some_test() -> None:
    told = {word for path in HERE.glob("test_*.py") for word in re.findall(r"\w+", path.read_text())}

    assert set(SWITCHES) <= told


def test_every_business_rule_has_a_test_that_names_it() -> None:
    names = [
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_rule_")
    ]
    named = {int(number) for name in names for number in re.findall(r"(?:rule|and)_(\d+)_", name)}

    assert named == set(range(1, 33))
