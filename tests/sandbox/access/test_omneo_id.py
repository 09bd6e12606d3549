"""Omneo ID: a member's own token, which reaches their own profile."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from claimable_benefits.sandbox.tokens import id_tokens
from tests.sandbox.client import TOKEN, ZONE, Reply, SandboxClient

NOON = 1_781_488_800  # 2026-06-15 02:00 UTC


def ask(api: SandboxClient, token: str, method: str, path: str, body: Any = None) -> Reply:
    sent = {"json": body} if body is not None else {}
    headers = {"Authorization": f"Bearer {token}"}
    with api.client.open(f"/id/api/v1{path}", method=method, headers=headers, **sent) as answer:
        return Reply(answer.status_code, answer.get_json(silent=True))


def token_of(api: SandboxClient, **body: Any) -> str:
    reply = ask(api, TOKEN, "POST", "/auth/token", body)
    assert reply.status == 200, reply.json
    return str(reply.data["token"])


def claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token_is_a_jwt_that_names_the_profile_and_its_end(api: SandboxClient) -> None:
    profile = api.profile(identities=[{"handle": "shop", "identifier": "1001"}])

    by_id = ask(api, TOKEN, "POST", "/auth/token", {"id": profile}).data
    by_identity = token_of(api, id="1001", id_handle="shop")
    anonymous = token_of(api)
    empty = ask(api, TOKEN, "POST", "/auth/token", {"id": ""}).data["token"]

    assert claims(empty)["pid"] == "null"
    assert claims(by_id["token"]) == {"pid": profile, "exp": by_id["exp"]} == {"pid": profile, "exp": NOON + 900}
    assert (claims(by_identity)["pid"], claims(anonymous)["pid"]) == (profile, "null")


def test_a_member_claims_redeems_and_reads_what_is_theirs(api: SandboxClient) -> None:
    mia, other = api.profile(first_name="Mia"), api.profile()
    api.define(allow_user_redeem=True)
    stranger = api.issue(api.define("other"), other)
    token = token_of(api, id=mia)

    claimable = ask(api, token, "GET", "/profiles/me/benefits/claimable").data
    claimed = ask(api, token, "POST", "/profiles/me/benefits/claim", {"definition": "gift", "timezone": ZONE}).data
    used = ask(api, token, "POST", f"/profiles/me/benefits/{claimed['id']}/redeem").data

    assert [row["handle"] for row in claimable] == ["gift", "other"]
    assert (claimed["profile_id"], used["profile_id"]) == (mia, mia)
    assert ask(api, token, "GET", f"/profiles/me/redemptions/{used['id']}").data == used
    assert ask(api, token, "GET", f"/profiles/me/redemptions/benefit/{claimed['id']}/count").data == {"count": 1}
    assert ask(api, token, "GET", f"/profiles/me/benefits/{stranger['id']}").status == 404
    assert ask(api, token, "GET", "/profiles/me").data["first_name"] == "Mia"


def test_a_member_has_identities_of_their_own_by_handle_and_by_number(api: SandboxClient) -> None:
    mia, other = api.profile(), api.profile(identities=[{"handle": "card", "identifier": "9"}])
    token = token_of(api, id=mia)
    made = ask(api, token, "POST", "/profiles/me/identities", {"handle": "card", "identifier": "1"}).data
    theirs = api.get(f"/profiles/{other}/identities").data[0]

    by_handle = ask(api, token, "GET", "/profiles/me/identities/card").data
    by_number = ask(api, token, "PUT", f"/profiles/me/identities/id/{made['id']}", {"identifier": "2"}).data
    listed = ask(api, token, "GET", "/profiles/me/identities").data
    strangers = ask(api, token, "GET", f"/profiles/me/identities/id/{theirs['id']}").status
    removed = ask(api, token, "DELETE", f"/profiles/me/identities/id/{made['id']}").status

    assert (by_handle, by_number["identifier"], listed) == (made, "2", [by_number])
    assert (made["profile_id"], strangers, removed) == (mia, 404, 204)
    assert api.get(f"/profiles/{mia}/identities/id/{made['id']}").status == 404


@pytest.mark.parametrize(
    "path",
    ["", "/benefits", "/benefits/viewable", "/redeemable_benefits", "/redemptions", "/balances", "/transactions"],
)
def test_the_lists_of_a_member_are_those_of_their_profile(demo: SandboxClient, path: str) -> None:
    mia = demo.get("/identities/search", handle="ecommerce", identifier="1001").data["profile_id"]

    mine = ask(demo, token_of(demo, id=mia), "GET", f"/profiles/me{path}")

    assert (mine.status, mine.data) == (200, demo.get(f"/profiles/{mia}{path}").data)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/profiles/{other}/benefits"),
        ("GET", "/profiles"),
        ("POST", "/redemptions/1/reversal"),
        ("POST", "/redemptions/1/benefit/return"),
        ("POST", "/profiles/me/benefits/1/redemptions"),
        ("GET", "/benefits"),
    ],
)
def test_there_is_no_way_out_of_ones_profile(api: SandboxClient, method: str, path: str) -> None:
    token, other = token_of(api, id=api.profile()), api.profile()

    assert ask(api, token, method, path.format(other=other)).status in (404, 405)


def test_a_members_token_does_not_open_the_api_nor_the_other_way_round(api: SandboxClient) -> None:
    token = token_of(api, id=api.profile())
    bearer = {"Authorization": f"Bearer {token}"}

    assert api.call("GET", "/profiles", headers=bearer).status == 401
    assert ask(api, token, "POST", "/auth/token", {}).status == 401
    assert ask(api, TOKEN, "GET", "/profiles/me").status == 401


def test_an_anonymous_token_has_no_profile_but_may_make_one(api: SandboxClient) -> None:
    token = token_of(api)

    made = ask(api, token, "POST", "/profiles", {"first_name": "Kim"})

    assert ask(api, token, "GET", "/profiles/me").status == 404
    assert (made.status, made.data["first_name"]) == (201, "Kim")


@pytest.mark.parametrize("seconds", ["60", "900", "3600"])
def test_a_token_ends_by_the_sandboxes_clock(api: SandboxClient, seconds: str) -> None:
    api.switch(id_token_seconds=seconds)
    token = token_of(api, id=api.profile())

    api.put("/_sandbox/clock", {"advance_seconds": int(seconds) - 1})
    in_its_last_second = ask(api, token, "GET", "/profiles/me").status
    api.put("/_sandbox/clock", {"advance_seconds": 1})

    assert (in_its_last_second, ask(api, token, "GET", "/profiles/me").status) == (200, 401)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "ü.ü.ü", "e30.e30.e30", "!.!.!"])
def test_a_token_that_was_not_made_here_is_unauthenticated(api: SandboxClient, token: str) -> None:
    assert ask(api, token, "GET", "/profiles/me").status == 401


def test_a_token_that_was_changed_is_unauthenticated(api: SandboxClient) -> None:
    mia, other = api.profile(), api.profile()
    header, body, seal = token_of(api, id=mia).split(".")
    changed = base64.urlsafe_b64encode(json.dumps({"pid": other, "exp": NOON + 900}).encode()).rstrip(b"=").decode()

    replies = [
        ask(api, text, "GET", "/profiles/me").status for text in (f"{header}.{changed}.{seal}", f"{header}.{body}.")
    ]
    forged = ask(api, id_tokens.sign(other, NOON + 900, b"guess"), "GET", "/profiles/me").status

    assert [*replies, forged] == [401, 401, 401]


@pytest.mark.parametrize(
    ("body", "fields"), [({"id": "nobody"}, ["id"]), ({"id": "7", "id_handle": "x"}, ["id"]), ({"id": 7}, ["id"])]
)
def test_a_token_for_nobody_known_is_refused(api: SandboxClient, body: Any, fields: list[str]) -> None:
    reply = ask(api, TOKEN, "POST", "/auth/token", body)

    assert (reply.status, reply.fields) == (422, fields)


@pytest.mark.parametrize(("position", "status"), [("enforced", 422), ("ignored", 201)])
def test_what_a_member_may_use_alone_is_a_matter_of_the_switch(api: SandboxClient, position: str, status: int) -> None:
    api.switch(allow_user_redeem=position)
    benefit = api.issue(api.define(), api.profile())
    token = token_of(api, id=benefit["profile_id"])

    by_member = ask(api, token, "POST", f"/profiles/me/benefits/{benefit['id']}/redeem").status

    assert (by_member, api.redeem(benefit).status) == (status, 201 if status == 422 else 422)
