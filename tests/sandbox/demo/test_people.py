"""The demo's people hold what the example shop wants to show."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.client import SandboxClient

ROUTES = {"claimable": "benefits/claimable", "viewable": "benefits/viewable", "redeemable": "redeemable_benefits"}


def profile(api: SandboxClient, customer: str) -> str:
    found = api.get("/identities/search", handle="ecommerce", identifier=customer)
    return str(found.data["profile_id"])


def shown(api: SandboxClient, customer: str, which: str) -> list[str]:
    rows = api.get(f"/profiles/{profile(api, customer)}/{ROUTES[which]}").data
    return sorted(row.get("definition", row)["handle"] for row in rows)


def held(api: SandboxClient, customer: str) -> dict[str, Any]:
    api.switch(profile_benefits="all")
    rows = api.get(f"/profiles/{profile(api, customer)}/benefits").data
    return {row["definition"]["handle"]: row for row in rows}


def test_mia_has_something_of_every_kind(demo: SandboxClient) -> None:
    rows = held(demo, "1001")

    assert shown(demo, "1001", "claimable") == ["free-shipping", "prize-draw", "thank-you-10", "vip-lounge"]
    assert shown(demo, "1001", "redeemable") == ["alterations", "barista-coffee", "birthday-gift", "first-spend"]
    assert "platinum-styling" in shown(demo, "1001", "viewable")
    assert rows["alterations"]["redemptions_remaining"] == 3
    assert rows["birthday-gift"]["expires_at"] == "2026-06-15 13:59:59"
    assert (rows["welcome-gift"]["redemptions_remaining"], rows["welcome-gift"]["is_expired"]) == (0, False)
    assert (rows["summer-scarf"]["is_expired"], rows["summer-scarf"]["is_redeemable"]) == (True, False)


def test_mias_welcome_gift_belongs_to_an_old_order(demo: SandboxClient) -> None:
    order = demo.get("/transactions/external/100007").data

    used = demo.get(f"/redemptions/{order['redemption']['id']}").data
    assert used["items"][0]["type_attributes"]["definition"]["handle"] == "welcome-gift"
    assert (used["transaction_id"], order["profile"]["email"]) == (order["id"], "mia@example.com")


def test_the_others_hold_what_their_stories_need(demo: SandboxClient) -> None:
    assert held(demo, "1002")["alterations"]["redemptions_remaining"] == 1
    assert shown(demo, "1002", "claimable") == ["free-shipping", "prize-draw", "thank-you-10"]
    assert shown(demo, "1003", "redeemable") == ["first-spend"]
    assert held(demo, "1003")["welcome-gift"]["redemptions_remaining"] == 0
    assert held(demo, "1003")["summer-scarf"]["is_expired"] is True
    assert "vip-lounge" in held(demo, "1004")
    assert "vip-lounge" not in shown(demo, "1004", "claimable")
    assert len(held(demo, "1005")) >= 3


def test_nothing_is_there_for_sam_and_kim_is_unknown(demo: SandboxClient) -> None:
    kim = demo.get("/identities/search", handle="ecommerce", identifier="1007")

    assert [shown(demo, "1006", which) for which in ROUTES] == [[], [], []]
    assert held(demo, "1006") == {}
    assert kim.status == 404


@pytest.mark.parametrize("handle", ["launch-party", "spring-preview"])
def test_what_is_sold_out_or_over_cannot_be_claimed(demo: SandboxClient, handle: str) -> None:
    reply = demo.post(
        f"/profiles/{profile(demo, '1001')}/benefits/claim", {"definition": handle, "timezone": "Australia/Melbourne"}
    )

    assert reply.status == 422


def test_every_definition_is_written_for_people(demo: SandboxClient) -> None:
    rows = demo.get("/benefit-definitions").data

    assert len(rows) == 13
    for row in rows:
        assert re.search(r"<ul>.*<a href=", row["long_description"])
        assert row["short_description"]
        assert row["terms_conditions"]
        assert row["tags"]
        assert row["redeem_instructions_online"] or row["redeem_instructions_store"]


def test_the_store_only_coffee_has_no_online_way(demo: SandboxClient) -> None:
    coffee = held(demo, "1001")["barista-coffee"]

    assert (coffee["redeem_code_pos"], coffee["redeem_code_online"]) == ("COFFEE-7731", None)
    assert coffee["definition"]["redeem_instructions_online"] is None
