"""Dialects, switches, clock, state and reset: what makes the double a double."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from claimable_benefits.sandbox import SWITCHES, create_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import ORDER, ZONE, SandboxClient

GUIDE = [
    ("GET", "/benefit-definitions"),
    ("POST", "/benefit-definitions"),
    ("GET", "/benefit-definitions/1"),
    ("GET", "/identities/search?handle=ecommerce&identifier=1001"),
    ("POST", "/profiles/{p}/benefits/1/redemptions"),
    ("POST", "/profiles/{p}/benefits/1/claim"),
]
REFERENCE = [
    ("GET", "/benefits/definitions"),
    ("GET", "/benefits/definitions/handle/first-spend"),
    ("GET", "/identities/search-profile/1001"),
    ("POST", "/profiles/search-id"),
    ("POST", "/profiles/exists"),
    ("POST", "/profiles/{p}/benefits/1/redeem"),
    ("POST", "/profiles/{p}/redeem"),
    ("POST", "/profiles/{p}/benefits/claim"),
]


def mia(api: SandboxClient) -> str:
    return str(api.get("/profiles", **{"filter[email]": "mia@example.com"}).data[0]["id"])


@pytest.mark.parametrize(("dialect", "hidden"), [("both", []), ("guide", REFERENCE), ("reference", GUIDE)])
def test_a_dialect_hides_the_paths_of_the_other(
    demo: SandboxClient, dialect: str, hidden: list[tuple[str, str]]
) -> None:
    profile = mia(demo)
    demo.switch(dialect=dialect)

    absent = [
        (method, path)
        for method, path in GUIDE + REFERENCE
        if demo.call(method, path.format(p=profile), {} if method == "POST" else None).json.get("message")
        == "No such path."
    ]

    assert sorted(hidden) == sorted(absent)


def test_both_dialects_claim_and_redeem_the_same_things(demo: SandboxClient) -> None:
    profile = mia(demo)
    lounge = demo.get("/benefits/definitions/handle/vip-lounge").data

    claimed = demo.post(f"/profiles/{profile}/benefits/{lounge['id']}/claim")
    used = demo.post(f"/profiles/{profile}/benefits/{claimed.data['id']}/redeem")
    at_once = demo.post(f"/profiles/{profile}/benefits/claim-redeem", {"definition": "thank-you-10", "timezone": ZONE})

    assert (claimed.status, claimed.data["timezone"], used.status) == (201, ZONE, 201)
    assert at_once.data["items"][0]["type_attributes"]["definition"]["handle"] == "thank-you-10"
    assert at_once.data["items"][0]["type_attributes"]["redemptions_remaining"] == 0


def test_strategy_redeem_is_all_or_none_and_ties_itself_to_the_order_to_come(api: SandboxClient) -> None:
    profile = api.profile()
    first = api.issue(api.define("a"), profile)
    api.issue(api.define("b"), profile)
    path = f"/profiles/{profile}/redeem"
    wanted = {"strategies": ["benefits"], "transaction_external_id": "100045"}

    too_many = api.post(path, wanted | {"benefits": [{"id": first["id"]}, {"handle": "b", "quantity": 2}]})
    nothing = api.state()["redemptions"]
    made = api.post(path, wanted | {"benefits": [{"id": first["id"]}, {"handle": "b"}]})
    order = api.order(external_id="100045").data

    assert (too_many.status, nothing) == (422, [])
    assert (made.status, made.data["transaction_external_id"], made.data["balances"]["benefit_balance"]) == (
        201,
        "100045",
        0,
    )
    assert order["redemption"]["id"] == made.data["id"]
    found = api.get("/redemptions", **{"filter[transaction_external_id]": "100045"})
    assert [row["id"] for row in found.data] == [made.data["id"]]


@pytest.mark.parametrize(("position", "found"), [("active", 1), ("all", 3)])
def test_profile_benefits_lists_the_active_or_all(api: SandboxClient, position: str, found: int) -> None:
    api.switch(profile_benefits=position)
    definition, profile = api.define(), api.profile()
    api.issue(definition, profile)
    api.issue(definition, profile, expires_at="2026-01-01")
    api.redeem(api.issue(definition, profile))

    assert found == len(api.get(f"/profiles/{profile}/benefits").data)
    assert len(api.get(f"/profiles/{profile}/redeemable_benefits").data) == 1


def test_dates_are_utc_or_echoed(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile(), expires_at="2026-07-01 10:00:00")
    utc = (benefit["issued_at"], benefit["expires_at"])
    api.switch(dates="echo")

    echoed = api.get(f"/benefits/{benefit['id']}").data

    assert utc == ("2026-06-14 23:00:00", "2026-07-01 00:00:00")
    assert (echoed["issued_at"], echoed["expires_at"]) == ("2026-06-15 09:00:00", "2026-07-01 10:00:00")


def test_a_naive_tenant_stores_a_time_as_it_came(api: SandboxClient) -> None:
    api.switch(dates="naive", future_benefits="allow")
    profile = api.profile()
    benefit = api.issue(api.define(), profile, issued_at="2026-06-15 09:00:00", expires_at="2026-07-01")
    redemption = api.redeem(benefit, issued_at="2026-06-15 09:30:00", timezone=ZONE).data
    sale = {"profile_id": profile, "total": 5, "transacted_at": "2026-06-15 09:32:00", "timezone": ZONE, "items": []}
    item = {"name": "Shirt", "quantity": 1, "price_current": 5, "price_sell": 5}
    transaction = api.post("/transactions", {**sale, "items": [item]}).data

    assert (benefit["issued_at"], benefit["expires_at"]) == ("2026-06-15 09:00:00", "2026-07-01 00:00:00")
    assert redemption["redeem_at"] == "2026-06-15 09:30:00"
    assert transaction["transacted_at"] == "2026-06-15 09:32:00"
    assert transaction["items"][0]["transaction"]["transacted_at"] == "2026-06-15 09:32:00"
    assert benefit["created_at"] == "2026-06-15 02:00:00", "a time that Omneo makes is UTC"


def test_ids_of_definitions_are_strings_or_numbers_and_either_may_name_one(api: SandboxClient) -> None:
    profile, created = api.profile(), api.post("/benefit-definitions", {"name": "A", "handle": "a", "period": 1}).data
    as_text = api.issue(created, profile)["definition"]["id"]
    api.switch(definition_ids="numbers")

    read = api.get("/benefit-definitions/1").data["id"]
    as_number = api.issue({"id": 1}, profile)["definition"]["id"]

    assert (created["id"], as_text, read, as_number) == ("1", "1", 1, 1)


@pytest.mark.parametrize("scope", ["/redemptions", "/profiles/{p}/redemptions"])
def test_the_external_id_filter_is_honoured_or_silently_ignored(api: SandboxClient, scope: str) -> None:
    benefit = api.issue(api.define(max_redemptions=9), api.profile())
    for reference in ("A", "B"):
        api.redeem(benefit, external_id=reference)
    path, query = scope.format(p=benefit["profile_id"]), {"filter[external_id]": "B"}

    honoured = api.get(path, **query).data
    api.switch(external_id_filter="ignored")

    assert ([row["id"] for row in honoured], len(api.get(path, **query).data)) == ([2], 2)


def test_create_status_and_numbers_follow_their_switches(api: SandboxClient) -> None:
    api.switch(create_status="200", numbers="strings")

    reply = api.post("/benefit-definitions", {"name": "A", "handle": "a", "period": 7, "meta": {"percent": 10}})

    assert (reply.status, reply.data["period"], reply.data["meta"]) == (200, "7", {"percent": 10})
    assert reply.data["is_claimable"] is False


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        ("profile_id", lambda p: {"profile_id": p}),
        ("id", lambda p: {"id": p}),
        ("profile", lambda p: {"profile": {"id": p}}),
        ("list", lambda p: [{"profile_id": p}]),
    ],
)
def test_the_identity_search_answers_in_four_shapes(demo: SandboxClient, shape: str, answer: object) -> None:
    demo.switch(identity_search=shape)

    reply = demo.get("/identities/search", handle="ecommerce", identifier="1001")

    assert callable(answer)
    assert answer(mia(demo)) == reply.data


def test_update_create_can_be_absent(api: SandboxClient) -> None:
    api.switch(update_create="off")

    assert api.post("/transactions/update-create", ORDER).status == 404


def test_switches_explain_themselves_and_refuse_what_they_do_not_know(api: SandboxClient) -> None:
    listed = api.get("/_sandbox/switches").json["switches"]

    unknown = api.put("/_sandbox/switches", {"speed": "fast", "dates": "local"})

    assert [row["name"] for row in listed] == list(SWITCHES)
    assert all(row["value"] == row["default"] in row["values"] for row in listed)
    assert all(row["source"] and row["confidence"] and row["about"] for row in listed)
    assert (unknown.status, unknown.fields) == (422, ["dates", "speed"])


def test_switches_can_be_set_at_creation(tmp_path: Path) -> None:
    app = create_sandbox(data=tmp_path, switches={"dates": "echo"})
    listed = app.test_client().get("/_sandbox/switches").get_json()["switches"]
    sandbox(app).store.close()

    assert {row["name"]: row["value"] for row in listed}["dates"] == "echo"


@pytest.mark.parametrize(
    "wrong", [{"switches": {"dates": "local"}}, {"switches": {"no": "x"}}, {"seed": "full"}, {"timezone": "Mars"}]
)
def test_a_wrong_option_says_what_is_wrong(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"dates is one of|no switch|seed is|no time zone"):
        create_sandbox(**wrong)  # type: ignore[arg-type]


def test_the_clock_freezes_advances_and_runs_again(api: SandboxClient) -> None:
    frozen = api.put("/_sandbox/clock", {"now": "2026-12-24T18:00:00+11:00"}).json
    advanced = api.put("/_sandbox/clock", {"advance_seconds": 3600}).json
    running = api.put("/_sandbox/clock", {"run": True}).json
    shifted = api.put("/_sandbox/clock", {"advance_seconds": -60}).json
    api.clock.move(seconds=10)

    assert frozen == {"now": "2026-12-24T07:00:00+00:00", "mode": "frozen"}
    assert advanced == {"now": "2026-12-24T08:00:00+00:00", "mode": "frozen"}
    assert running == {"now": "2026-06-15T02:00:00+00:00", "mode": "running"}
    assert shifted == {"now": "2026-06-15T01:59:00+00:00", "mode": "running"}
    assert api.get("/_sandbox/clock").json["now"] == "2026-06-15T01:59:10+00:00"


@pytest.mark.parametrize(
    "body", [{}, {"now": "soon"}, {"now": 7}, {"advance_seconds": "x"}, {"run": 1}, {"now": "0001-01-01"}]
)
def test_the_clock_refuses_what_is_no_time(api: SandboxClient, body: dict[str, object]) -> None:
    assert api.put("/_sandbox/clock", body).status == 422


def test_the_reversal_window_follows_the_clock(api: SandboxClient) -> None:
    redemption = api.redeem(api.issue(api.define(), api.profile())).data

    api.put("/_sandbox/clock", {"advance_seconds": 601})

    assert api.post(f"/redemptions/{redemption['id']}/reversal").status == 422


def test_the_state_lays_everything_open(api: SandboxClient) -> None:
    benefit = api.issue(api.define(max_redemptions=3), api.profile())
    kept = api.redeem(benefit, external_id="A").data
    reversed_one = api.redeem(benefit, external_id="B").data
    order = api.order(redemption_id=kept["id"], meta={"shop": 1}).data
    api.post(f"/redemptions/{reversed_one['id']}/reversal")

    state = api.state()

    facts = ("external_id", "transaction_id", "type", "reversed", "returned", "live")
    assert [tuple(row[name] for name in facts) for row in state["redemptions"]] == [
        ("A", order["id"], "redeem", False, 0, 1),
        ("B", None, "redeem", True, 0, 0),
        (None, None, "reversal", False, 0, 0),
    ]
    assert state["transactions"][0]["redemption_id"] == kept["id"]
    assert state["transactions"][0]["meta"] == {"shop": 1}
    assert state["definitions"][0]["is_claimable"] is True
    assert state["benefits"][0]["used"] == 1


def test_reset_puts_a_seed_in_place_of_everything(api: SandboxClient) -> None:
    api.issue(api.define(), api.profile())

    api.post("/_sandbox/reset", {"seed": "demo"})
    people = [row["first_name"] for row in api.state()["profiles"]]
    api.post("/_sandbox/reset", {"seed": "empty"})

    assert people == ["Mia", "Leo", "Ava", "Noah", "Zoe", "Sam"]
    assert api.state()["profiles"] == api.state()["redemptions"] == []


def test_a_reset_without_a_seed_goes_back_to_the_one_it_was_started_with() -> None:
    found = []
    for seed in ("demo", "empty", "guide"):
        made = SandboxClient(seed=seed)
        made.post("/profiles", {"first_name": "Another"})
        answered = made.post("/_sandbox/reset", {}).json
        found.append((answered["seed"], len(made.state()["profiles"])))
        sandbox(made.app).store.close()

    assert found == [("demo", 6), ("empty", 0), ("guide", 1)]


def test_a_folder_keeps_its_state_until_it_is_reset(tmp_path: Path) -> None:
    def people(seed: str, reset: bool = False) -> int:
        app = create_sandbox(data=tmp_path, seed=seed, reset=reset, clock=lambda: datetime(2026, 6, 1, tzinfo=UTC))  # type: ignore[arg-type]
        count = len(app.test_client().get("/_sandbox/state").get_json()["profiles"])
        sandbox(app).store.close()
        return count

    assert [people("demo"), people("empty"), people("demo"), people("empty", True), people("demo")] == [6, 6, 6, 0, 0]


def test_the_front_page_and_the_health_check_need_no_token(api: SandboxClient) -> None:
    with api.client.get("/") as page, api.client.get("/_sandbox/health") as health:
        assert (page.status_code, health.status_code) == (200, 200)
        assert "not Omneo" in page.get_data(as_text=True)
