"""API tokens: scopes, expiry and revocation."""

from __future__ import annotations

from typing import Any

import pytest

from claimable_benefits.sandbox.tokens.scopes import NEEDED, SCOPES
from tests.sandbox.world import Reply, World

MINE = "/api/v3"


def made(world: World, *scopes: str) -> Any:
    return world.post("/auth/api-tokens", {"name": "Shop", "scopes": list(scopes)}).json


def bearing(world: World, token: str, method: str, path: str, body: Any = None) -> Reply:
    return world.call(method, path, body, headers={"Authorization": f"Bearer {token}"})


def test_a_token_is_shown_once_and_holds(world: World) -> None:
    token = made(world, "read-profiles")

    verified = bearing(world, token["accessToken"], "GET", "/auth/verify")
    listed = world.get("/auth/access-tokens", type="current").json

    assert (verified.status, verified.json["status"]) == (200, 200)
    assert listed == [token["token"]]
    assert (listed[0]["scopes"], listed[0]["revoked"], listed[0]["name"]) == (["read-profiles"], False, "Shop")
    assert token["accessToken"] not in str(world.state())


def test_a_token_reaches_what_its_scopes_name_and_the_refusal_names_the_scope(world: World) -> None:
    token = made(world, "read-profiles")["accessToken"]

    read = bearing(world, token, "GET", "/profiles")
    written = bearing(world, token, "POST", "/profiles", {})
    both = bearing(world, token, "POST", f"/profiles/{world.profile()}/benefits/claim-redeem", {})

    assert (read.status, written.status, both.status) == (200, 403, 403)
    assert written.json == {"message": "Invalid scope(s) provided. This needs create-profiles."}
    assert both.json["message"].endswith("This needs create-benefits and redeem-benefits.")


def test_a_star_is_every_scope_and_the_switch_can_ignore_them_all(world: World) -> None:
    everything, nothing = made(world, "*")["accessToken"], made(world)["accessToken"]

    star, before = (bearing(world, token, "POST", "/profiles", {}).status for token in (everything, nothing))
    world.switch(scopes="ignored")

    assert (star, before, bearing(world, nothing, "POST", "/profiles", {}).status) == (201, 403, 201)


def test_a_revoked_token_is_unauthenticated(world: World) -> None:
    token = made(world, "*")

    revoked = world.delete(f"/auth/api-tokens/{token['token']['id']}")

    assert revoked.status == 204
    assert bearing(world, token["accessToken"], "GET", "/profiles").status == 401
    assert world.get("/auth/access-tokens").json == []
    assert world.delete("/auth/api-tokens/unknown").status == 404


@pytest.mark.parametrize(("days", "holds"), [("1", False), ("30", True), ("365", True)])
def test_a_token_expires_by_the_sandboxes_clock(world: World, days: str, holds: bool) -> None:
    world.switch(api_token_days=days)
    token = made(world, "*")

    world.put("/_sandbox/clock", {"advance_seconds": 24 * 3600})

    assert (200 if holds else 401) == bearing(world, token["accessToken"], "GET", "/profiles").status
    kinds = [len(world.get("/auth/access-tokens", type=kind).json) for kind in ("current", "expired")]
    assert ([1, 0] if holds else [0, 1]) == kinds


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "name"), ({"name": "a", "scopes": "x"}, "scopes"), ({"name": "a", "scopes": ["Ü"]}, "scopes")],
)
def test_a_token_needs_a_name_and_scopes_that_are_names(world: World, body: Any, field: str) -> None:
    reply = world.post("/auth/api-tokens", body)

    assert (reply.status, reply.fields) == (422, [field])
    assert world.get("/auth/access-tokens", type="all").status == 422


def test_every_path_of_the_api_but_auth_asks_for_a_scope(world: World) -> None:
    served = {
        (method, rule.rule)
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith(MINE) and not rule.rule.startswith(f"{MINE}/auth/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served == set(NEEDED)
    assert all(NEEDED.values())


def test_no_scope_is_invented(world: World) -> None:
    absent = {"update-benefits", "create-redemptions", "claim-benefits", "create-identities"}
    listed = [row["id"] for row in world.get("/auth/scopes").json]

    assert not absent & set(SCOPES)
    assert listed == list(SCOPES)
