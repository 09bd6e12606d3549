"""Every assumption is a switch, and every switch changes what it says it changes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claimable_benefits.sandbox import SWITCHES
from tests.sandbox.client import ZONE, SandboxClient

TESTS = Path(__file__).parents[1]


def held(api: SandboxClient, **fields: Any) -> Any:
    return api.issue(api.define(**fields), api.profile())


def refusal_status(api: SandboxClient) -> Any:
    benefit = held(api)
    return [api.redeem(benefit).status for _ in range(2)][1]


def missing_reference(api: SandboxClient) -> Any:
    api.define()
    profile = api.profile()
    unknown = {"benefit_definition_id": 9, "profile_id": profile, "timezone": ZONE}
    return api.post("/benefits", unknown).status, api.claim(profile, "unknown").status


def claim_period_order(api: SandboxClient) -> Any:
    window = {"claim_period_start_at": "2026-06-02", "claim_period_end_at": "2026-06-01"}
    return api.post("/benefit-definitions", {"name": "A", "handle": "a", "period": 1} | window).status


def claim_period_zone(api: SandboxClient) -> Any:
    return api.define(claim_period_start_at="2026-06-01 10:00:00")["claim_period_start_at"]


def benefit_external_id(api: SandboxClient) -> Any:
    definition, profile = api.define(), api.profile()
    fields = {"benefit_definition_id": definition["id"], "profile_id": profile, "timezone": ZONE, "external_id": "A"}
    return [api.post("/benefits", fields).status for _ in range(2)][1]


def empty_pool(api: SandboxClient) -> Any:
    api.define(force_allocation=True, redeem_code_online="SHARED")
    profile = api.profile()
    listed = len(api.get(f"/profiles/{profile}/benefits/claimable").data)
    return listed, api.claim(profile).status


def malformed_condition(api: SandboxClient) -> Any:
    api.define(claim_condition={"nonsense": 1})
    return api.claim(api.profile()).status


def global_limit(api: SandboxClient) -> Any:
    api.define(max_global_redemptions=1)
    return [api.claim(api.profile()).status for _ in range(2)]


def claim_by_id(api: SandboxClient) -> Any:
    return api.claim(api.profile(), str(api.define()["id"])).status


def future_benefits(api: SandboxClient) -> Any:
    definition = api.define()
    benefit = api.issue(definition, api.profile(), issued_at="2026-07-01 09:00:00")
    listed = len(api.get(f"/profiles/{benefit['profile_id']}/redeemable_benefits").data)
    return benefit["is_redeemable"], listed, api.redeem(benefit).status


def second_reversal(api: SandboxClient) -> Any:
    path = f"/redemptions/{api.redeem(held(api)).data['id']}/reversal"
    first, second = api.post(path), api.post(path)
    return second.status, second.json.get("data") == first.data, len(api.state()["redemptions"])


def filter_operators(api: SandboxClient) -> Any:
    made = api.redeem(held(api)).data["created_at"]
    day, asked = made[:10], ("gte", "lt")
    filters = [{f"filter[created_at][{sign}]": at} for sign in asked for at in (day, made)]
    return [len(api.get("/redemptions", **one).data) for one in filters]


def redemption_reference(api: SandboxClient) -> Any:
    benefit = held(api)
    used = api.redeem(benefit, external_id="A-1").data
    listed = api.get(f"/profiles/{benefit['profile_id']}/redemptions").data[0]
    by_its_beginning = api.get("/redemptions", **{"filter[external_id]": "A-"}).data
    return used.get("external_id"), listed.get("external_id"), by_its_beginning


def rollback_rows(api: SandboxClient) -> Any:
    benefit = held(api)
    api.post(f"/redemptions/{api.redeem(benefit).data['id']}/reversal")
    lists = [api.get(f"{path}/redemptions").data for path in ("", f"/profiles/{benefit['profile_id']}")]
    return [[row["type"] for row in rows] for rows in lists], len(api.state()["redemptions"])


def return_after_reversal(api: SandboxClient) -> Any:
    benefit = held(api, max_redemptions=3)
    used = api.redeem(benefit).data
    api.post(f"/redemptions/{used['id']}/reversal")
    status = api.post(f"/redemptions/{used['id']}/benefit/return").status
    return status, api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"]


def return_after_expiry(api: SandboxClient) -> Any:
    used = api.redeem(held(api, period=1)).data
    api.clock.move(days=3)
    return api.post(f"/redemptions/{used['id']}/benefit/return").status


def unresolved_profile(api: SandboxClient) -> Any:
    reply = api.order(profile_id="nobody")
    return reply.status, reply.json.get("data", {}).get("profile_id")


def void(api: SandboxClient) -> Any:
    benefit = held(api)
    order = api.order(redemption_id=api.redeem(benefit).data["id"]).data
    for _ in range(2):
        api.put(f"/transactions/{order['id']}", {"is_void": True})
    return api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"], len(api.state()["redemptions"])


def definition_delete(api: SandboxClient) -> Any:
    benefit = held(api)
    status = api.delete(f"/benefit-definitions/{benefit['definition']['id']}").status
    return status, api.get(f"/benefits/{benefit['id']}").status


def benefit_balance(api: SandboxClient) -> Any:
    return api.get(f"/profiles/{held(api)['profile_id']}/balances").data["benefit_balance"]


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
    (filter_operators, {"applied": [1, 1, 0, 0], "whole": [0, 1, 0, 1], "ignored": [1, 1, 1, 1]}),
    (redemption_reference, {"hidden": (None, None, []), "shown": ("A-1", "A-1", [])}),
    (rollback_rows, {"listed": ([["redeem", "reversal"]] * 2, 2), "hidden": ([["redeem"]] * 2, 2)}),
    (return_after_reversal, {"refuse": (422, 3), "take": (201, 4)}),
    (return_after_expiry, {"restore": 201, "refuse": 422}),
    (unresolved_profile, {"refuse": (422, None), "anonymous": (201, None)}),
    (void, {"keep": (0, 1), "release": (1, 2)}),
    (definition_delete, {"refuse": (422, 200), "cascade": (204, 404)}),
    (benefit_balance, {"count": 1, "zero": 0}),
]


@pytest.mark.parametrize(
    ("scenario", "value", "outcome"),
    [(scenario, value, outcome) for scenario, outcomes in OUTCOMES for value, outcome in outcomes.items()],
    ids=lambda value: value.__name__ if callable(value) else str(value) if isinstance(value, str) else "",
)
def test_each_value_of_a_switch_has_its_effect(
    api: SandboxClient, scenario: Callable[[SandboxClient], Any], value: str, outcome: Any
) -> None:
    api.switch(**{scenario.__name__: value})

    assert outcome == scenario(api)


def test_the_table_above_has_every_value() -> None:
    for scenario, outcomes in OUTCOMES:
        assert set(SWITCHES[scenario.__name__].values) == set(outcomes)


def test_every_switch_is_set_by_some_test() -> None:
    words = {word for path in TESTS.rglob("test_*.py") for word in re.findall(r"\w+", path.read_text())}

    assert set(SWITCHES) <= words


def test_every_business_rule_has_a_test_that_names_it() -> None:
    names = [
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_rule_")
    ]
    named = {int(number) for name in names for number in re.findall(r"(?:rule|and)_(\d+)_", name)}

    assert named == set(range(1, 33))
