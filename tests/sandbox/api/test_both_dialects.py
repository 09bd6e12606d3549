"""Two clients over real sockets, each of which knows one dialect alone and finds everything it needs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import NOON, ZONE
from tests.sandbox.webhooks.receiver import receiver

PLUGIN_SCOPES = [
    *("read-identities", "read-profiles", "read-benefits", "read-benefit-definitions", "create-benefits"),
    *("redeem-benefits", "read-redemptions", "return", "create-transactions", "read-transactions"),
    *("update-transactions", "read-locations"),
]


class Walker:
    """A client with a token that insists on 2xx and returns what the envelope holds."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self.token = token

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request; None is the answer of a deletion."""
        status, read = self.ask(method, path, body, **query)
        assert 200 <= status < 300, (method, path, status, read)
        return read["data"] if isinstance(read, dict) and "data" in read else read

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Send a request and return its status and JSON."""
        parts = urlsplit(self.base_url + path)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        sent = json.dumps(body) if body is not None else None
        try:
            headers |= {"Content-Type": "application/json"} if sent else {}
            connection.request(method, parts.path + (f"?{urlencode(query)}" if query else ""), sent, headers)
            answer = connection.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    app = create_sandbox(clock=lambda: NOON)
    with serve_sandbox(app) as served:
        yield served
    sandbox(app).store.close()


@pytest.fixture
def walk(running: RunningSandbox) -> Walker:
    """A client that starts in an empty sandbox."""
    control = Walker(running.url, running.token)
    control("POST", "/_sandbox/reset", {"seed": "empty"})
    return Walker(running.base_url, running.token)


def speak(running: RunningSandbox, dialect: str) -> None:
    Walker(running.url, "")("PUT", "/_sandbox/switches", {"dialect": dialect})


DEFINITION = {
    "name": "First Spend Discount",
    "handle": "first-spend",
    "period": 7,
    "max_redemptions": 2,
    "is_published": True,
    "is_claimable": True,
    "tags": ["first-spend"],
}
PERSON = {"first_name": "Mia", "email": "mia@example.com", "identities": [{"handle": "shop", "identifier": "1001"}]}
USE = {"issued_at": "2026-06-15 12:00:00", "timezone": ZONE, "external_id": "CHECKOUT-1"}
SALE = {
    "total": 89.99,
    "total_original": 99.99,
    "transacted_at": "2026-06-15 12:01:00",
    "timezone": ZONE,
    "items": [{"name": "Linen Shirt", "quantity": 1, "price_current": 99.99, "price_sell": 89.99}],
}


def test_a_client_of_the_guide_alone_finds_its_way(running: RunningSandbox, walk: Walker) -> None:
    speak(running, "guide")
    walk("POST", "/profiles", PERSON)
    definition = walk("POST", "/benefit-definitions", DEFINITION)

    found = walk("GET", "/identities/search", handle="shop", identifier="1001")
    mine = f"/profiles/{found['profile_id']}/benefits"
    claimable = walk("GET", f"{mine}/claimable")
    claimed = walk("POST", f"{mine}/{claimable[0]['id']}/claim")
    issued = walk(
        "POST",
        "/benefits",
        {"benefit_definition_id": definition["id"], "profile_id": found["profile_id"], "timezone": ZONE}
        | {"issued_at": "2026-06-15 09:00:00"},
    )
    listed = walk("GET", mine)
    used = walk("POST", f"{mine}/{claimed['id']}/redemptions", USE)
    order = walk("POST", "/transactions", SALE | {"redemption_id": used["id"], "profile_id": found["profile_id"]})

    assert [row["id"] for row in listed] == [claimed["id"], issued["id"]]
    assert walk("GET", f"{mine}/{claimed['id']}")["redemptions_remaining"] == 1
    assert (order["redemption"]["id"], order["total"]) == (used["id"], 89.99)
    assert walk.ask("POST", f"{mine}/{claimed['id']}/redeem")[0] == 404


def test_a_client_of_the_reference_alone_finds_its_way(running: RunningSandbox, walk: Walker) -> None:
    speak(running, "reference")
    profile = walk("POST", "/profiles", PERSON)["id"]
    made = walk("POST", "/benefits/definitions", DEFINITION)
    mine = f"/profiles/{profile}"

    assert walk("GET", "/benefits/definitions/handle/first-spend")["id"] == made["id"]
    assert walk("POST", "/profiles/search-id", {"type": "shop", "id": "1001"})["id"] == profile
    assert walk("POST", "/profiles/exists", {"type": "shop", "id": "1001"}) == {"id": profile}
    assert [row["id"] for row in walk("GET", "/identities/search-profile/1001")] == [profile]
    assert [row["handle"] for row in walk("GET", f"{mine}/benefits/viewable")] == ["first-spend"]

    claim = {"definition": "first-spend", "timezone": ZONE}
    benefit = walk("POST", f"{mine}/benefits/claim", claim)
    first = walk("POST", f"{mine}/benefits/{benefit['id']}/redeem", {"count": 1})
    walk("POST", f"/redemptions/{first['id']}/reversal")
    both = walk("POST", f"{mine}/benefits/{benefit['id']}/redeem", {"count": 2})
    walk("POST", f"/redemptions/{both['id']}/benefit/return", {"count": 1})
    strategy = {
        "strategies": ["benefits"],
        "benefits": [{"handle": "first-spend"}],
        "transaction_external_id": "100045",
    }
    tied = walk("POST", f"{mine}/redeem", strategy)
    order = walk("POST", "/transactions/update-create", SALE | {"external_id": "100045", "profile_id": profile})
    again = walk("POST", "/transactions/update-create", SALE | {"external_id": "100045", "total": 80})
    voided = walk("PUT", f"/transactions/{order['id']}", {"is_void": True})

    assert (order["redemption"]["id"], again["id"], voided["is_void"]) == (tied["id"], order["id"], True)
    assert walk("GET", "/transactions/external/100045")["total"] == 80
    assert walk("GET", f"{mine}/redemptions/benefit/{benefit['id']}/count") == {"count": 2}
    kinds = [row["type"] for row in walk("GET", f"{mine}/redemptions", has_benefit="true")]
    assert kinds == ["redeem", "reversal", "redeem", "return", "redeem"]
    assert walk("GET", f"{mine}/redeemable_benefits") == []
    assert walk.ask("GET", "/benefit-definitions")[0] == 404


def test_the_plugins_smallest_token_is_enough_for_a_sale_and_for_nothing_else(
    running: RunningSandbox, walk: Walker
) -> None:
    speak(running, "both")
    profile = walk("POST", "/profiles", PERSON)["id"]
    walk("POST", "/benefits/definitions", DEFINITION)
    token = walk("POST", "/auth/api-tokens", {"name": "Shop", "scopes": PLUGIN_SCOPES})
    shop = Walker(running.base_url, token["accessToken"])

    benefit = shop("POST", f"/profiles/{profile}/benefits/claim", {"definition": "first-spend", "timezone": ZONE})
    used = shop("POST", f"/profiles/{profile}/benefits/{benefit['id']}/redemptions", USE)
    sale = shop("POST", "/transactions/update-create", SALE | {"external_id": "1", "redemption_id": used["id"]})
    shop("POST", f"/redemptions/{used['id']}/benefit/return")

    forbidden = [
        shop.ask("POST", "/benefit-definitions", DEFINITION),
        shop.ask("POST", f"/profiles/{profile}/redeem", {}),
        shop.ask("DELETE", f"/benefits/{benefit['id']}"),
        shop.ask("DELETE", f"/transactions/{sale['id']}"),
    ]
    named = ["create-benefit-definitions", "redeem-strategy", "delete-benefits", "delete-transactions"]
    assert [(403, f"Invalid scope(s) provided. This needs {scope}.") for scope in named] == [
        (status, said["message"]) for status, said in forbidden
    ]


def test_a_member_and_a_listening_shop_hear_of_the_same_claim(running: RunningSandbox, walk: Walker) -> None:
    speak(running, "both")
    profile = walk("POST", "/profiles", PERSON)["id"]
    walk("POST", "/benefits/definitions", DEFINITION)
    omneo_id = Walker(f"{running.url}/id/api/v1", running.token)
    member = Walker(omneo_id.base_url, omneo_id("POST", "/auth/token", {"id": profile})["token"])

    with receiver() as shop:
        walk("POST", "/webhooks", {"trigger": "benefit.created", "url": shop.url, "namespace": "shop"})
        claimed = member("POST", "/profiles/me/benefits/claim", {"definition": "first-spend", "timezone": ZONE})
        arrived = shop.arrived.wait(timeout=60)
        Walker(running.url, "")("POST", "/_sandbox/webhooks/flush")

    assert arrived
    assert (shop.messages[0].event, shop.messages[0].body["id"]) == ("benefit.created", claimed["id"])
    assert [row["id"] for row in member("GET", "/profiles/me/benefits")] == [claimed["id"]]
