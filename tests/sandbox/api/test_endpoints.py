"""The smaller resources of the API, each by its answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import ORDER, SandboxClient


def test_a_location_is_kept_and_shown_where_it_is_named(api: SandboxClient) -> None:
    made = api.post("/locations", {"name": "Collins St", "external_id": "MEL-1", "type": "store"}).data
    path = f"/locations/{made['id']}"
    benefit = api.issue(api.define(), api.profile())
    used = api.post(
        f"/profiles/{benefit['profile_id']}/redeem",
        {"strategies": ["benefits"], "benefits": [{"id": benefit["id"]}], "location_id": made["id"]},
    ).data

    order = api.order(location_id=made["id"], redemption_id=used["id"]).data
    redemption = api.get(f"/redemptions/{used['id']}").data

    assert (made["is_published"], made["is_permanently_closed"]) == (True, False)
    assert used["location"] == order["location"] == redemption["location"] == made
    assert redemption["transaction"]["location"] == {"id": made["id"], "name": "Collins St", "external_id": "MEL-1"}
    assert [row["id"] for row in api.get("/transactions", **{"filter[location.name]": "Collins St"}).data] == [1]
    assert api.put(path, {"is_permanently_closed": True, "phone": "03"}).data["is_permanently_closed"] is True
    assert api.get("/locations", **{"filter[external_id]": "MEL-1"}).data[0]["phone"] == "03"
    assert (api.delete(path).status, api.get(path).status) == (204, 404)
    assert api.get(f"/transactions/{order['id']}").data["location"] is None


@pytest.mark.parametrize("fields", [{}, {"name": 7}, {"name": "x", "is_published": "y"}, {"name": "x", "meta": 1}])
def test_a_location_that_cannot_be_is_refused(api: SandboxClient, fields: Any) -> None:
    reply = api.post("/locations", fields)

    assert (reply.status, reply.fields) == (422, [list(fields)[-1] if fields else "name"])


def test_a_strategy_return_gives_back_what_it_names_or_all_that_stands(api: SandboxClient) -> None:
    profile = api.profile()
    first = api.issue(api.define("a", max_redemptions=3), profile)
    second = api.issue(api.define("b"), profile)
    used = api.post(
        f"/profiles/{profile}/redeem",
        {"strategies": ["benefits"], "benefits": [{"id": first["id"], "quantity": 3}, {"handle": "b"}]},
    ).data
    path, strategy = f"/redemptions/{used['id']}/return", {"strategies": ["benefits"]}

    some = api.post(path, strategy | {"benefits": [{"handle": "a", "quantity": 2}]})
    too_many = api.post(path, strategy | {"benefits": [{"id": first["id"], "quantity": 2}]})
    rest, again = api.post(path, strategy), api.post(path, strategy)

    assert (some.status, some.data["type"], too_many.status, rest.status, again.status) == (
        201,
        "return",
        422,
        201,
        422,
    )
    left = [api.get(f"/benefits/{benefit['id']}").data["redemptions_remaining"] for benefit in (first, second)]
    assert left == [3, 1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "strategies"),
        ({"strategies": ["rewards"]}, "strategies"),
        ({"strategies": ["benefits"], "benefits": [{"id": 99}]}, "benefits.0.id"),
        ({"strategies": ["benefits"], "benefits": [{}]}, "benefits.0.id"),
        ({"strategies": ["benefits"], "benefits": 7}, "benefits"),
    ],
)
def test_a_strategy_return_of_something_else_is_refused(api: SandboxClient, body: Any, field: str) -> None:
    used = api.redeem(api.issue(api.define(), api.profile())).data

    reply = api.post(f"/redemptions/{used['id']}/return", body)

    assert (reply.status, reply.fields) == (422, [field])


def test_what_redemptions_used_can_be_listed_by_redemption(api: SandboxClient) -> None:
    profile, definition = api.profile(), api.define(max_redemptions=2)
    used = [api.redeem(api.issue(definition, profile), external_id=name).data for name in ("A", "B")]

    by_redemption = api.get("/redemptions/items", **{"filter[redemption_id]": used[1]["id"]}).data
    by_reference = api.get("/redemptions/items", **{"filter[external_id]": "B"}).data

    assert by_redemption == by_reference
    assert by_redemption[0] == api.get(f"/redemptions/items/{by_redemption[0]['id']}").data
    facts = {name: by_redemption[0][name] for name in ("redemption_id", "redeemable_type", "redeemable_id", "count")}
    assert facts == {"redemption_id": used[1]["id"], "redeemable_type": "benefit", "redeemable_id": 2, "count": 1}
    assert api.get("/redemptions/items/99").status == 404


def test_a_batch_of_benefits_is_issued_wholly_or_not_at_all(api: SandboxClient) -> None:
    one = {"benefit_definition_id": api.define()["id"], "profile_id": api.profile(), "timezone": "UTC"}

    broken = api.post("/benefits/batch.json", {"benefits": [one, one | {"timezone": "Mars"}]})
    nothing = api.get("/benefits.count").data
    made = api.post("/benefits/batch.json", {"benefits": [one, one]})

    assert (broken.status, broken.fields, nothing["countAll"]) == (422, ["benefits.1.timezone"], 0)
    assert (made.status, list(made.json)) == (200, ["message"])
    assert api.get("/benefits.count").data == {"countAll": 2, "countRedeemed": 0}


def test_extending_gives_days_or_a_new_end_where_the_definition_allows(api: SandboxClient) -> None:
    profile = api.profile()
    benefit = api.issue(api.define(is_extendable=True), profile, expires_at="2026-01-01")
    fixed = api.issue(api.define("fixed"), profile)
    asked = {"ids": [benefit["id"]], "profile_id": profile}

    revived = api.post("/benefits/extend", asked | {"extend_date": "2026-12-31 10:00:00"}).data[0]
    longer = api.post("/benefits/extend", asked | {"extend_days": 2}).data[0]

    assert (benefit["is_expired"], revived["is_expired"], revived["extended_at"]) == (
        True,
        False,
        "2026-06-15 02:00:00",
    )
    assert (revived["expires_at"], longer["expires_at"]) == ("2026-12-30 23:00:00", "2027-01-01 23:00:00")
    assert api.post("/benefits/extend", asked | {"ids": [fixed["id"]], "extend_days": 2}).fields == ["ids"]
    assert api.post("/benefits/extend", asked).fields == ["extend_date"]


def test_a_clone_is_a_definition_of_its_own(api: SandboxClient) -> None:
    original = api.define(value=10, tags=["a"])
    api.issue(original, api.profile())

    clone = api.post(f"/benefits/definitions/{original['id']}/clone", {"handle": "copy"})

    same = ("name", "value", "tags", "period", "max_redemptions")
    assert clone.status == 201
    assert [clone.data[name] for name in same] == [original[name] for name in same]
    assert (clone.data["handle"], clone.data["total_global_created"]) == ("copy", 0)
    assert api.post(f"/benefits/definitions/{original['id']}/clone", {"handle": "copy"}).fields == ["handle"]


def test_the_lines_of_an_order_can_be_read_alone(api: SandboxClient) -> None:
    line = {"name": "Shirt", "quantity": 2, "price_current": 20, "price_sell": 15.5, "product_variant_sku": "SH-M"}
    order = api.order(items=[line], external_id="1", payments=["EFTPOS", {"payment_code": "CASH"}]).data
    path = f"/transactions/{order['id']}/items"

    items = api.get(path).data

    assert items == order["items"] == [api.get(f"{path}/{items[0]['id']}").data]
    assert {name: items[0][name] for name in line} == line
    assert (items[0]["transaction_id"], items[0]["transaction"]["external_id"]) == (order["id"], "1")
    assert [part["payment_code"] for part in order["payments"]] == ["EFTPOS", "CASH"]
    assert api.get(f"{path}/99").status == 404


def test_queues_and_batches_take_orders_in_without_showing_them(api: SandboxClient) -> None:
    first = ORDER | {"external_id": "1"}

    queued = [api.post("/transactions/queue/create", first).json for _ in range(2)]
    upserted = api.post("/transactions/queue", first | {"total": 5}).json
    batch = api.post("/transactions/batch.json", {"transactions": [first, ORDER | {"external_id": "2"}]})
    broken = api.post("/transactions/batch.json", {"transactions": [ORDER | {"external_id": "3"}, {}]})

    assert [*queued, upserted] == [{"data": "OK"}] * 3
    assert (batch.status, sorted(batch.json)) == (200, ["batch_id", "message"])
    assert (broken.status, broken.fields[0]) == (422, "transactions.1.items")
    assert [row["external_id"] for row in api.get("/transactions").data] == ["1", "1", "2"]


def test_an_order_is_told_of_again_on_demand(api: SandboxClient) -> None:
    order = api.order().data
    path = f"/transactions/{order['id']}"

    statuses = [
        api.post(f"{path}/resend").status,
        *(
            api.post(f"{path}/event-trigger", body).status
            for body in ({"event": "transaction.sync"}, {"event": "x"}, {})
        ),
    ]

    assert statuses == [200, 200, 422, 422]
    kinds = [event["trigger"] for event in api.state()["events"]]
    assert kinds == ["transaction.created", "transaction.resent", "transaction.sync"]


def test_a_profiles_orders_are_found_by_its_filters(api: SandboxClient) -> None:
    profile = api.profile()
    for number in ("1", "2"):
        api.order(profile_id=profile, external_id=number, tags=[f"tag-{number}"])
    api.order(external_id="1")
    path, query = f"/profiles/{profile}/find-transactions", {"filter[external_id]": "1"}

    assert [row["id"] for row in api.get(path, **query).data] == [1]
    assert [row["id"] for row in api.get("/transactions", **{"filter[tags.handle]": "tag-2"}).data] == [2]
