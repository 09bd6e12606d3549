"""API tokens: scopes, expiry and revocation."""

from __future__ import annotations

from typing import Any

import pytest

from claimable_benefits.sandbox.tokens.scopes import REQUIRED_SCOPES, SCOPES
from tests.sandbox.client import Reply, SandboxClient

MINE = "/api/v3"


def made(api: SandboxClient, *scopes: str) -> Any:
    return api.post("/auth/api-tokens", {"name": "Shop", "scopes": list(scopes)}).json


def bearing(api: SandboxClient, token: str, method: str, path: str, body: Any = None) -> Reply:
    return api.call(method, path, body, headers={"Authorization": f"Bearer {token}"})


def test_a_token_is_shown_once_and_holds(api: SandboxClient) -> None:
    token = made(api, "read-profiles")

    verified = bearing(api, token["accessToken"], "GET", "/auth/verify")
    listed = api.get("/auth/access-tokens", type="current").json

    assert (verified.status, verified.json["status"]) == (200, 200)
    assert listed == [token["token"]]
    assert (listed[0]["scopes"], listed[0]["revoked"], listed[0]["name"]) == (["read-profiles"], False, "Shop")
    assert token["accessToken"] not in str(api.state())


def test_a_token_reaches_what_its_scopes_name_and_the_refusal_names_the_scope(api: SandboxClient) -> None:
    token = made(api, "read-profiles")["accessToken"]

    read = bearing(api, token, "GET", "/profiles")
    written = bearing(api, token, "POST", "/profiles", {})
    both = bearing(api, token, "POST", f"/profiles/{api.profile()}/benefits/claim-redeem", {})

    assert (read.status, written.status, both.status) == (200, 403, 403)
    assert written.json == {"message": "Invalid scope(s) provided. This needs create-profiles."}
    assert both.json["message"].endswith("This needs create-benefits and redeem-benefits.")


def test_a_star_is_every_scope_and_the_switch_can_ignore_them_all(api: SandboxClient) -> None:
    everything, nothing = made(api, "*")["accessToken"], made(api)["accessToken"]

    star, before = (bearing(api, token, "POST", "/profiles", {}).status for token in (everything, nothing))
    api.switch(scopes="ignored")

    assert (star, before, bearing(api, nothing, "POST", "/profiles", {}).status) == (201, 403, 201)


def test_a_revoked_token_is_unauthenticated(api: SandboxClient) -> None:
    token = made(api, "*")

    revoked = api.delete(f"/auth/api-tokens/{token['token']['id']}")

    assert revoked.status == 204
    assert bearing(api, token["accessToken"], "GET", "/profiles").status == 401
    assert api.get("/auth/access-tokens").json == []
    assert api.delete("/auth/api-tokens/unknown").status == 404


@pytest.mark.parametrize(("days", "holds"), [("1", False), ("30", True), ("365", True)])
def test_a_token_expires_by_the_sandboxes_clock(api: SandboxClient, days: str, holds: bool) -> None:
    api.switch(api_token_days=days)
    token = made(api, "*")

    api.put("/_sandbox/clock", {"advance_seconds": 24 * 3600})

    assert (200 if holds else 401) == bearing(api, token["accessToken"], "GET", "/profiles").status
    kinds = [len(api.get("/auth/access-tokens", type=kind).json) for kind in ("current", "expired")]
    assert ([1, 0] if holds else [0, 1]) == kinds


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "name"), ({"name": "a", "scopes": "x"}, "scopes"), ({"name": "a", "scopes": ["Ü"]}, "scopes")],
)
def test_a_token_needs_a_name_and_scopes_that_are_names(api: SandboxClient, body: Any, field: str) -> None:
    reply = api.post("/auth/api-tokens", body)

    assert (reply.status, reply.fields) == (422, [field])
    assert api.get("/auth/access-tokens", type="all").status == 422


def test_every_path_of_the_api_but_auth_asks_for_a_scope(api: SandboxClient) -> None:
    served = {
        (method, rule.rule)
        for rule in api.app.url_map.iter_rules()
        if rule.rule.startswith(MINE) and not rule.rule.startswith(f"{MINE}/auth/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served == set(REQUIRED_SCOPES)
    assert all(REQUIRED_SCOPES.values())


def test_no_scope_is_invented(api: SandboxClient) -> None:
    absent = {"update-benefits", "create-redemptions", "claim-benefits", "create-identities"}
    listed = [row["id"] for row in api.get("/auth/scopes").json]

    assert not absent & set(SCOPES)
    assert listed == list(SCOPES)
