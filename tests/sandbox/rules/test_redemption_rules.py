"""The business rules, numbered as in the Omneo facts, section 16."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import ZONE, SandboxClient


def handles(api: SandboxClient, profile: str, which: str = "claimable") -> list[str]:
    return [row["handle"] for row in api.get(f"/profiles/{profile}/benefits/{which}").data]


@pytest.mark.parametrize("field", ["name", "handle", "period"])
def test_rule_1_a_definition_needs_name_handle_and_period(api: SandboxClient, field: str) -> None:
    fields = {"name": "Gift", "handle": "gift", "period": 30}
    del fields[field]

    reply = api.post("/benefit-definitions", fields)

    assert (reply.status, reply.fields) == (422, [field])


@pytest.mark.parametrize("handle", ["two words", "ümlaut", "a/b", "", "x" * 256, 7])
def test_rule_1_a_handle_is_alpha_dash(api: SandboxClient, handle: object) -> None:
    reply = api.post("/benefit-definitions", {"name": "Gift", "handle": handle, "period": 30})

    assert (reply.status, reply.fields) == (422, ["handle"])


def test_rule_1_a_handle_is_unique_and_stays(api: SandboxClient) -> None:
    definition = api.define("gift")

    again = api.post("/benefits/definitions", {"name": "Gift", "handle": "gift", "period": 30})
    renamed = api.put(f"/benefit-definitions/{definition['id']}", {"handle": "other", "name": "New"})

    assert (again.status, again.fields) == (422, ["handle"])
    assert (renamed.data["handle"], renamed.data["name"]) == ("gift", "New")


def test_rule_2_an_absolute_period_needs_its_end(api: SandboxClient) -> None:
    fields = {"name": "Gift", "handle": "gift", "period": 1, "period_type": "absolute_date"}

    without = api.post("/benefit-definitions", fields)
    with_end = api.post("/benefit-definitions", fields | {"absolute_expiry": "2026-12-31"})

    assert (without.status, without.fields, with_end.status) == (422, ["absolute_expiry"], 201)


def test_rule_3_a_claim_period_does_not_end_before_it_starts(api: SandboxClient) -> None:
    window = {"claim_period_start_at": "2026-06-02 00:00:00", "claim_period_end_at": "2026-06-01 00:00:00"}

    reply = api.post("/benefit-definitions", {"name": "Gift", "handle": "gift", "period": 1} | window)

    assert (reply.status, reply.fields) == (422, ["claim_period_end_at"])


def test_rule_4_an_archived_definition_is_neither_claimable_nor_issuable(api: SandboxClient) -> None:
    profile, definition = api.profile(), api.define(is_archived=True)

    issued = api.post(
        "/benefits",
        {
            "benefit_definition_id": definition["id"],
            "profile_id": profile,
            "timezone": ZONE,
            "issued_at": "2026-06-15 09:00:00",
        },
    )

    assert handles(api, profile) == []
    assert api.claim(profile).status == 422
    assert (issued.status, issued.fields) == (422, ["benefit_definition_id"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("benefit_definition_id", 999),
        ("benefit_definition_id", None),
        ("benefit_definition_id", 2**70),
        ("profile_id", "nobody"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc"),
        ("issued_at", "2026-06-15T09:00:00Z"),
        ("issued_at", "yesterday"),
        ("issued_at", 7),
    ],
)
def test_rule_5_issuing_checks_what_it_is_given(api: SandboxClient, field: str, value: object) -> None:
    fields: dict[str, Any] = {"benefit_definition_id": api.define()["id"], "profile_id": api.profile()}

    reply = api.post("/benefits", fields | {"timezone": ZONE, "issued_at": "2026-06-15 09:00:00"} | {field: value})

    assert (reply.status, reply.fields) == (422, [field])


def test_rule_6_unpublished_definitions_and_past_expiries_can_be_issued(api: SandboxClient) -> None:
    definition = api.define(is_published=False, is_claimable=False)

    benefit = api.issue(definition, api.profile(), expires_at="2024-12-06")

    assert (benefit["is_expired"], benefit["expires_at"]) == (True, "2024-12-05 13:00:00")


@pytest.mark.parametrize(
    ("fields", "expires"),
    [
        ({"period": 50}, "2026-08-04 13:59:59"),
        ({"period": 2, "period_type": "weeks"}, "2026-06-29 13:59:59"),
        ({"period": 4, "period_type": "months"}, "2026-10-15 12:59:59"),  # summer time by then
        ({"period": 1, "period_type": "years"}, "2027-06-15 13:59:59"),
        ({"period": 36500, "period_type": "years"}, "9998-12-31 23:59:59"),
        ({"period": 1, "period_type": "absolute_date", "absolute_expiry": "2026-12-31"}, "2026-12-31 12:59:59"),
    ],
)
def test_rule_7_a_benefit_lasts_until_the_end_of_the_local_day_after_its_period(
    api: SandboxClient, fields: dict[str, Any], expires: str
) -> None:
    benefit = api.issue(api.define(**fields), api.profile())

    assert expires == benefit["expires_at"]


def test_rule_7_a_month_after_the_31st_is_the_last_day_of_the_shorter_month(api: SandboxClient) -> None:
    definition = api.define(period=1, period_type="months")

    benefit = api.issue(definition, api.profile(), issued_at="2026-08-31 09:00:00")

    assert benefit["expires_at"] == "2026-09-30 13:59:59"


def test_rule_8_the_external_id_of_benefits_is_not_unique_but_can_be_filtered(api: SandboxClient) -> None:
    definition, profile = api.define(), api.profile()
    for _ in range(2):
        api.issue(definition, profile, external_id="A-1")
    api.issue(definition, profile, external_id="A-2")

    found = api.get("/benefits", **{"filter[external_id]": "A-1"})

    assert [row["external_id"] for row in found.data] == ["A-1", "A-1"]


def test_rule_9_codes_are_taken_from_the_pool_until_it_is_empty(api: SandboxClient) -> None:
    definition, profile = api.define(force_allocation=True, is_reclaimable=True), api.profile()
    codes = [{"code": "A"}, {"code": "B", "valid_to": "2026-01-01 00:00:00"}, {"code": "C"}]
    api.post("/allocations/batch.json", {"definition": {"id": definition["id"]}, "allocations": codes})

    taken = [api.claim(profile) for _ in range(3)]

    assert [reply.status for reply in taken] == [201, 201, 422]
    assert [reply.data["redeem_code_online"] for reply in taken[:2]] == ["A", "C"]
    assert handles(api, profile) == []
    assert api.get(f"/allocations/{definition['id']}/count").data["redeemed"] == 2


def test_rule_10_and_21_every_change_of_a_benefit_is_an_event(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())

    api.redeem(benefit)

    kinds = [event["trigger"] for event in api.state()["events"] if event["trigger"].startswith("benefit")]
    assert kinds == ["benefit-definition.created", "benefit.created", "benefit.updated", "benefit.redeemed"]


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({}, True),
        ({"is_claimable": False}, False),
        ({"is_published": False}, False),
        ({"is_archived": True}, False),
        ({"claim_period_start_at": "2026-06-15 02:00:00"}, True),
        ({"claim_period_start_at": "2026-06-15 02:00:01"}, False),
        ({"claim_period_end_at": "2026-06-15 02:00:00"}, True),
        ({"claim_period_end_at": "2026-06-15 01:59:59"}, False),
        ({"end_at": "2026-06-15 01:59:59"}, False),
        ({"claim_condition": {"===": [{"var": "tier_handle"}, "gold"]}}, True),
        ({"claim_condition": {"===": [{"var": "tier_handle"}, "silver"]}}, False),
        ({"view_condition": {"===": [1, 2]}}, True),
        ({"max_global_redemptions": 0}, False),
        ({"force_allocation": True}, False),
    ],
)
def test_rule_11_what_makes_a_definition_claimable(api: SandboxClient, fields: dict[str, Any], listed: bool) -> None:
    profile = api.profile(tier_handle="gold")
    api.define(**fields)

    assert (["gift"] if listed else []) == handles(api, profile)
    assert (201 if listed else 422) == api.claim(profile).status


def test_rule_11_a_claimed_definition_is_claimable_again_only_if_reclaimable(api: SandboxClient) -> None:
    profile = api.profile()
    api.define("once")
    api.define("often", is_reclaimable=True)
    for handle in ("once", "often"):
        assert api.claim(profile, handle).status == 201

    assert handles(api, profile) == ["often"]


def test_rule_11_an_issued_instance_does_not_stop_a_claim(api: SandboxClient) -> None:
    profile = api.profile()
    api.issue(api.define(), profile)

    assert handles(api, profile) == ["gift"]


def test_rule_12_viewable_goes_by_the_view_condition_alone(api: SandboxClient) -> None:
    profile, never = api.profile(), {"===": [1, 2]}
    api.define("shown", claim_condition=never)
    api.define("hidden", view_condition=never)
    api.define("unpublished", is_published=False)

    assert handles(api, profile, "viewable") == ["shown"]
    assert handles(api, profile) == ["hidden"]


MIA = {"first_name": "Mia", "tier_handle": "gold", "birth_month": 11, "tags": ["member", "vip"], "gender": "female"}


@pytest.mark.parametrize(
    ("rule", "true"),
    [
        (None, True),
        ({}, True),
        ([], True),
        ({"and": [{"===": ["female", {"var": "gender"}]}]}, True),
        ({"or": [{"==": [1, 2]}, {"==": ["11", {"var": "birth_month"}]}]}, True),
        ({"!": {"in": ["vip", {"var": "tags"}]}}, False),
        ({"!!": [{"var": "gender"}]}, True),
        ({"!=": [{"var": "tier.handle"}, "gold"]}, False),
        ({"!==": [{"var": "birth_month"}, "11"]}, True),
        ({">": [{"var": "birth_month"}, 10]}, True),
        ({">=": [{"var": "birth_month"}, 12]}, False),
        ({"<": [10, {"var": "birth_month"}, 12]}, True),
        ({"<=": [{"var": "birth_month"}, 10]}, False),
        ({"<": [{"var": "nothing"}, 10]}, True),  # JSON Logic counts null as 0
        ({"===": [1, True]}, False),
        ({"in": [True, [1]]}, False),
        ({"in": ["em", {"var": "gender"}]}, True),
        ({"in": [1, "a1"]}, False),
        ({"!==": [{"var": "gender"}]}, True),
        ({"or": [False, {"!": [{"var": "gender"}]}]}, False),
        ({"if": [False, True, {"var": "tags.1"}, True, False]}, True),
        ({"missing_some": [1, ["gender", "shoe_size"]]}, False),
        ({"some": [{"var": "gender"}, True]}, False),
        ({"some": [{"var": "tags"}, {"some": [["vip"], {"all": [[1], True]}]}]}, False),  # three loops deep
        ({"some": [{"var": "tags"}, {"some": [["vip"], {"!": [False]}]}]}, True),
        ({"log": "gender"}, False),
        ({"reduce": [[1, 2], {"var": "current"}, 1]}, False),
        ({"in": ["x", ["x" * 20_000]]}, False),
        ('{"!":' * 70 + "false" + "}" * 70, False),
        ("[" * 100_000, False),
        ({"if": [{"var": "gender"}, True, False]}, True),
        ({"missing": ["gender"]}, False),
        ({"missing": ["shoe_size"]}, True),
        ({"some": [{"var": "tags"}, {"==": [{"var": ""}, "vip"]}]}, True),
        ({"all": [{"var": "tags"}, {"==": [{"var": ""}, "vip"]}]}, False),
        ({"all": [[], True]}, False),
        ({"none": [{"var": "tags"}, {"==": [{"var": ""}, "new"]}]}, True),
        ('{"===": [{"var": "gender"}, "female"]}', True),
        ({"unheard_of": [1]}, False),
        ({"a": 1, "b": 2}, False),
        ({"===": [1]}, False),
        ({">": ["x", 1]}, False),
        ([1, 2], False),
        ("not json", False),
        (7, False),
    ],
)
def test_rule_13_conditions_are_json_logic_and_false_when_they_cannot_be_read(
    api: SandboxClient, rule: object, true: bool
) -> None:
    profile = api.profile(**MIA)
    api.define(claim_condition=rule)

    assert true == (handles(api, profile) == ["gift"])


def test_rule_15_and_16_a_claim_is_made_now_and_not_twice(api: SandboxClient) -> None:
    profile = api.profile()
    api.define(period=1)

    first = api.claim(profile, external_id="C-1", meta={"from": "shop"})
    second = api.claim(profile)

    data = first.data
    assert (data["claimed_at"], data["issued_at"]) == ("2026-06-15 02:00:00", "2026-06-15 02:00:00")
    assert (data["expires_at"], data["timezone"]) == ("2026-06-16 13:59:59", ZONE)
    assert (data["external_id"], data["meta"], data["definition"]["handle"]) == ("C-1", {"from": "shop"}, "gift")
    assert (second.status, second.fields) == (422, ["definition"])


@pytest.mark.parametrize("named", ["unknown", "", None, 7, True, [], {"a": 1}])
def test_rule_15_an_unknown_definition_is_refused(api: SandboxClient, named: object) -> None:
    reply = api.post(f"/profiles/{api.profile()}/benefits/claim", {"definition": named, "timezone": ZONE})

    assert (reply.status, reply.fields) == (422, ["definition"])


def test_rule_17_the_global_limit_counts_uses_not_claims(api: SandboxClient) -> None:
    profiles = [api.profile() for _ in range(3)]
    api.define(max_global_redemptions=1)
    claimed = [api.claim(profile) for profile in profiles[:2]]

    uses = [api.redeem(reply.data).status for reply in claimed]

    assert uses == [201, 422]
    assert handles(api, profiles[2]) == []


def test_rule_18_another_profiles_benefit_is_not_there(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())

    stolen = api.redeem(benefit | {"profile_id": api.profile()})

    assert stolen.status == 404


def test_rule_18_no_more_uses_than_remain(api: SandboxClient) -> None:
    benefit = api.issue(api.define(max_redemptions=3), api.profile())
    path = f"/profiles/{benefit['profile_id']}/benefits/{benefit['id']}/redeem"

    replies = [api.post(path, {"count": count}) for count in (2, 2, 1, 1)]

    assert [reply.status for reply in replies] == [201, 422, 201, 422]
    assert replies[1].fields == ["count"]
    assert replies[2].data["items"][0]["type_attributes"]["redemptions_remaining"] == 0


def test_rule_19_an_expired_benefit_cannot_be_used(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile(), expires_at="2026-06-15 12:00:00")
    in_its_last_second = api.get(f"/benefits/{benefit['id']}").data["is_redeemable"]

    api.clock.move(seconds=1)

    assert in_its_last_second is True
    assert api.get(f"/benefits/{benefit['id']}").data["is_redeemable"] is False
    assert api.redeem(benefit).status == 422


def test_rule_20_a_benefit_of_the_future_cannot_be_used_yet(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile(), issued_at="2026-06-15 12:00:01")

    too_early = api.redeem(benefit).status
    api.clock.move(seconds=1)

    assert (too_early, api.redeem(benefit).status) == (422, 201)


def test_rule_21_a_use_moves_every_counter(api: SandboxClient) -> None:
    definition = api.define(max_redemptions=2, max_global_redemptions=5)
    benefit = api.issue(definition, api.profile())

    redemption = api.redeem(benefit).data

    after = api.get(f"/benefits/{benefit['id']}").data
    assert (redemption["type"], redemption["redeem_at"]) == ("redeem", "2026-06-15 02:00:00")
    assert (after["redemptions_remaining"], after["total_global_redemptions_remaining"]) == (1, 4)
    assert after["definition"]["total_global_redemptions"] == 1


def test_rule_23_a_repeated_external_id_is_allowed_by_default(api: SandboxClient) -> None:
    benefit = api.issue(api.define(max_redemptions=5), api.profile())

    statuses = [api.redeem(benefit, external_id="A").status for _ in range(2)]

    assert (statuses, len(api.state()["redemptions"])) == ([201, 201], 2)


def test_rule_23_a_repeated_external_id_is_rejected_on_demand(api: SandboxClient) -> None:
    api.switch(duplicate_external_id="reject")
    benefit = api.issue(api.define(max_redemptions=5), api.profile())

    first, second = (api.redeem(benefit, external_id="A") for _ in range(2))

    assert (first.status, second.status, second.fields) == (201, 422, ["external_id"])


def test_rule_23_a_repeated_external_id_is_replayed_on_demand(api: SandboxClient) -> None:
    api.switch(duplicate_external_id="replay")
    benefit = api.issue(api.define(max_redemptions=5), api.profile())

    first, second = (api.redeem(benefit, external_id="A") for _ in range(2))

    assert (first.status, second.status) == (201, 200)
    assert (first.data["id"], 1) == (second.data["id"], len(api.state()["redemptions"]))


def test_rule_24_no_maximum_means_no_end(api: SandboxClient) -> None:
    benefit = api.issue(api.define(max_redemptions=None), api.profile())

    statuses = {api.redeem(benefit).status for _ in range(20)}

    assert (statuses, api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"]) == ({201}, None)


def test_rule_25_a_reversal_within_ten_minutes_gives_the_use_back(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())
    redemption = api.redeem(benefit).data
    api.clock.move(minutes=10)

    reversal = api.post(f"/redemptions/{redemption['id']}/reversal")
    again = api.post(f"/redemptions/{redemption['id']}/reversal")

    assert (reversal.status, reversal.data["type"], again.status) == (201, "reversal", 422)
    assert again.json["errors"] == {"redemption": ["This redemption was reversed already."]}
    assert api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"] == 1


def test_rule_25_a_reversal_after_ten_minutes_is_refused(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())
    redemption = api.redeem(benefit).data
    api.clock.move(minutes=10, seconds=1)

    assert api.post(f"/redemptions/{redemption['id']}/reversal").status == 422
    assert api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"] == 0


def test_rule_26_a_return_gives_back_no_more_than_was_used(api: SandboxClient) -> None:
    benefit = api.issue(api.define(max_redemptions=3), api.profile())
    redemption = api.post(f"/profiles/{benefit['profile_id']}/benefits/{benefit['id']}/redeem", {"count": 3}).data
    api.clock.move(days=2)
    path = f"/redemptions/{redemption['id']}/benefit/return"

    replies = [api.post(path, {"count": 2}), api.post(path, {"count": 2}), api.post(path), api.post(path)]

    assert [reply.status for reply in replies] == [201, 422, 201, 422]
    assert replies[0].data["type"] == "return"
    assert api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"] == 3


def test_rule_26_a_return_after_expiry_restores_the_count_but_not_the_use(api: SandboxClient) -> None:
    benefit = api.issue(api.define(period=1), api.profile())
    redemption = api.redeem(benefit).data
    api.clock.move(days=3)

    returned = api.post(f"/redemptions/{redemption['id']}/benefit/return")

    after = api.get(f"/benefits/{benefit['id']}").data
    assert returned.status == 201
    assert (after["redemptions_remaining"], after["is_redeemable"]) == (1, False)


def test_rule_27_only_redemptions_of_type_redeem_can_be_taken_back(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())
    redemption = api.redeem(benefit).data
    reversal = api.post(f"/redemptions/{redemption['id']}/reversal").data

    statuses = [api.post(f"/redemptions/{reversal['id']}/{way}").status for way in ("reversal", "benefit/return")] + [
        api.post(f"/redemptions/{redemption['id']}/benefit/return").status
    ]

    assert statuses == [422, 422, 422]


@pytest.mark.parametrize("field", ["total", "transacted_at", "timezone", "items"])
def test_rule_28_a_transaction_needs_total_time_zone_and_items(api: SandboxClient, field: str) -> None:
    order = {"total": 1, "transacted_at": "2026-06-15 12:05:00", "timezone": ZONE, "items": None}
    del order[field]

    reply = api.post("/transactions", order)

    assert (reply.status, reply.fields) == (422, [field])


def test_rule_28_items_need_name_quantity_and_prices(api: SandboxClient) -> None:
    reply = api.order(items=[{"name": "Shirt", "quantity": "two"}])

    assert reply.status == 422
    assert reply.fields == ["items.0.price_current", "items.0.price_sell", "items.0.quantity"]


def test_rule_28_a_redemption_must_exist_and_is_linked_both_ways(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())
    redemption = api.redeem(benefit).data

    unknown = api.order(redemption_id=99)
    order = api.order(redemption_id=redemption["id"], profile_id=benefit["profile_id"], external_id="100045")

    linked = api.get(f"/redemptions/{redemption['id']}").data
    assert (unknown.status, unknown.fields) == (422, ["redemption_id"])
    assert order.data["redemption"]["id"] == redemption["id"]
    assert (linked["transaction_id"], linked["transaction"]["external_id"]) == (order.data["id"], "100045")


def test_rule_29_create_never_dedups_and_upsert_matches_external_id_then_id(api: SandboxClient) -> None:
    first, second = (api.order(external_id="1").data["id"] for _ in range(2))
    order = {"total": 5, "transacted_at": "2026-06-15 12:05:00", "timezone": ZONE, "items": None}

    by_reference = api.post("/transactions/update-create", order | {"external_id": "1", "id": second})
    by_id = api.post("/transactions/update-create", order | {"external_id": "new", "id": second})
    made = api.post("/transactions/update-create", order | {"external_id": "3"})
    queued = api.post("/transactions/queue", order | {"external_id": "4"})

    assert [by_reference.data["id"], by_id.data["id"], by_id.data["external_id"]] == [first, second, "new"]
    assert (by_reference.status, made.status) == (200, 201)
    assert (queued.status, queued.json) == (200, {"data": "OK"})
    assert api.get("/transactions").json["meta"]["total"] == 4


@pytest.mark.parametrize("field", ["is_void", "receipt_is_email"])
def test_rule_29_upsert_refuses_these_nulls(api: SandboxClient, field: str) -> None:
    order = {"total": 5, "transacted_at": "2026-06-15 12:05:00", "timezone": ZONE, "items": None}

    reply = api.post("/transactions/update-create", order | {field: None})

    assert (reply.status, reply.fields) == (422, [field])


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"profile_id": "mia@example.com", "profile_id_handle": "email"}, True),
        ({"profile_id": "1001", "profile_id_handle": "ecommerce"}, True),
        ({"profile_id": "1001"}, False),
        ({"profile_id": "1009", "profile_id_handle": "ecommerce"}, False),
        ({"profile_id": None}, True),
    ],
)
def test_rule_30_a_transaction_names_its_profile_in_three_ways(demo: SandboxClient, fields: Any, found: bool) -> None:
    reply = demo.order(**fields)

    assert ((201, []) if found else (422, ["profile_id"])) == (reply.status, reply.fields)


def test_rule_31_a_void_keeps_the_row_and_leaves_the_redemption_alone(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())
    order = api.order(redemption_id=api.redeem(benefit).data["id"]).data

    voided = api.put(f"/transactions/{order['id']}", {"is_void": True})

    assert (voided.data["is_void"], voided.data["total"]) == (True, 89.99)
    assert api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"] == 0


@pytest.mark.parametrize(("position", "status"), [("lenient", 201), ("strict", 422)])
def test_rule_32_a_redemption_linked_twice_is_a_matter_of_the_switch(
    api: SandboxClient, position: str, status: int
) -> None:
    api.switch(redemption_link=position)
    benefit = api.issue(api.define(), api.profile())
    fields = {"redemption_id": api.redeem(benefit).data["id"], "profile_id": benefit["profile_id"]}

    first, second = api.order(**fields), api.order(**fields)
    repeated = api.put(f"/transactions/{(second if status == 201 else first).data['id']}", fields)

    assert (first.status, second.status, repeated.status) == (201, status, 200)


def test_rule_32_a_strangers_redemption_is_a_matter_of_the_switch(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())
    fields = {"redemption_id": api.redeem(benefit).data["id"], "profile_id": api.profile()}

    lenient = api.order(**fields)
    api.switch(redemption_link="strict")

    assert (lenient.status, api.order(**fields).fields) == (201, ["redemption_id"])


def test_a_definition_with_instances_cannot_be_deleted(api: SandboxClient) -> None:
    definition = api.define()
    benefit = api.issue(definition, api.profile())
    path = f"/benefit-definitions/{definition['id']}"

    held = api.delete(path).status
    api.delete(f"/benefits/{benefit['id']}")

    assert (held, api.delete(path).status, api.get(path).status) == (422, 204, 404)
