"""The seed ``guide``: the calls of Omneo's own guide work with the ids that it prints."""

from __future__ import annotations

from tests.sandbox.client import ZONE, SandboxClient

PROFILE = "92a7996b-abb6-4c9c-a845-9aaf8202fab6"


def test_the_guides_calls_meet_the_guides_ids_on_its_day(api: SandboxClient) -> None:
    api.post("/_sandbox/reset", {"seed": "guide"})

    definition = api.post("/benefit-definitions", {"name": "First Spend", "handle": "first-spend", "period": 7}).data
    issued = {"benefit_definition_id": 94, "profile_id": PROFILE, "issued_at": "2025-06-15 09:00:00", "timezone": ZONE}
    benefit = api.post("/benefits", issued).data
    used = {"issued_at": "2025-06-15 14:30:00", "timezone": ZONE, "external_id": "POS-REDEMPTION-001"}
    redemption = api.post(f"/profiles/{PROFILE}/benefits/{benefit['id']}/redemptions", used).data
    sale = {"profile_id": PROFILE, "total": 89.99, "transacted_at": "2025-06-15 14:32:00", "timezone": ZONE}
    transaction = api.post("/transactions", {**sale, "redemption_id": 159, "items": None}).data

    assert (definition["id"], benefit["id"], redemption["id"]) == ("94", 1201, 159)
    assert (benefit["is_redeemable"], transaction["redemption"]["id"]) == (True, 159)
    assert api.get("/_sandbox/clock").json == {"now": "2025-06-15T04:32:00+00:00", "mode": "running"}


def test_the_guides_clock_runs_on_and_its_redemption_can_be_reversed_for_ten_minutes(api: SandboxClient) -> None:
    api.post("/_sandbox/reset", {"seed": "guide"})
    benefit = api.issue(api.define(), PROFILE, issued_at="2025-06-15 09:00:00")
    redemption = api.redeem(benefit).data
    api.clock.move(minutes=9)

    reversal = api.post(f"/redemptions/{redemption['id']}/reversal", {})

    assert (api.get("/_sandbox/clock").json["now"], reversal.status) == ("2025-06-15T04:41:00+00:00", 201)
