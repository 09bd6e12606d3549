"""The four calls of the developer guide, as literal JSON."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.client import SandboxClient

DEFINITION = """{
"name": "First Spend Discount",
"handle": "first-spend",
"description": "10% off first purchase for new members",
"short_description": "Get 10% off your first spend with us!",
"long_description": "<p>Valid for 7 days from issue date.</p>",
"terms_conditions": "Terms and conditions apply",
"earn_instructions": "Automatically issued on signup",
"redeem_instructions_store": "Show to staff at checkout",
"redeem_instructions_online": "Apply at checkout",
"period": 7,
"max_redemptions": 1,
"is_extendable": false,
"is_reassignable": false,
"is_published": true,
"tags": ["first-spend", "new-member"]
}"""


def send(api: SandboxClient, path: str, text: str, **changes: Any) -> Any:
    reply = api.post(path, json.loads(text) | changes)

    assert reply.status == 201, reply.json
    return reply.data


def test_the_guides_four_calls_lead_from_a_definition_to_a_linked_transaction(api: SandboxClient) -> None:
    profile = api.profile(first_name="Mia")

    definition = send(api, "/benefit-definitions", DEFINITION)
    benefit = send(
        api,
        "/benefits",
        """{"benefit_definition_id": 94, "profile_id": "92a7996b-abb6-4c9c-a845-9aaf8202fab6",
            "issued_at": "2025-06-15 09:00:00", "timezone": "Australia/Melbourne"}""",
        benefit_definition_id=definition["id"],
        profile_id=profile,
        issued_at="2026-06-15 09:00:00",
    )
    redemption = send(
        api,
        f"/profiles/{profile}/benefits/{benefit['id']}/redemptions",
        '{"issued_at": "2025-06-15 14:30:00", "timezone": "Australia/Melbourne", "external_id": "POS-REDEMPTION-001"}',
    )
    transaction = send(
        api,
        "/transactions",
        """{"profile_id": "92a7996b-abb6-4c9c-a845-9aaf8202fab6", "total": 89.99, "total_original": 99.99,
            "transacted_at": "2025-06-15 14:32:00", "timezone": "Australia/Melbourne", "redemption_id": 159,
            "items": [{"name": "Linen Shirt", "quantity": 1, "price_current": 99.99, "price_sell": 89.99}]}""",
        profile_id=profile,
        redemption_id=redemption["id"],
    )

    assert definition["tags"] == ["first-spend", "new-member"]
    assert (benefit["issued_at"], benefit["expires_at"]) == ("2026-06-14 23:00:00", "2026-06-22 13:59:59")
    assert redemption["redeem_at"] == "2025-06-15 04:30:00"
    assert transaction["redemption"]["id"] == redemption["id"]
    assert (transaction["total"], transaction["transacted_at"]) == (89.99, "2025-06-15 04:32:00")
    assert api.state()["redemptions"][0]["transaction_id"] == transaction["id"]


def test_the_guides_reads_show_a_profiles_active_benefits(api: SandboxClient) -> None:
    profile = api.profile()
    benefit = api.issue(api.define(), profile)

    listed = api.get(f"/profiles/{profile}/benefits").data
    single = api.get(f"/profiles/{profile}/benefits/{benefit['id']}").data

    assert listed == [single] == [benefit]
