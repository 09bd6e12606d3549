"""Webhooks: kept, signed, sent at least once, and to this machine alone."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import SandboxClient
from tests.sandbox.webhooks.receiver import WebhookReceiver, receiver

HOOK = {"trigger": "benefit.created", "url": "http://127.0.0.1:9/hook", "namespace": "shop"}


@pytest.fixture
def shop() -> Iterator[WebhookReceiver]:
    with receiver() as listening:
        yield listening


def hook(api: SandboxClient, url: str, trigger: str = "benefit.created", **fields: Any) -> Any:
    reply = api.post("/webhooks", HOOK | {"url": url, "trigger": trigger} | fields)
    assert reply.status == 201, reply.json
    return reply.data


def flushed(api: SandboxClient) -> Any:
    return api.post("/_sandbox/webhooks/flush").json


def test_webhooks_are_made_read_changed_listed_and_removed(api: SandboxClient) -> None:
    made = api.post("/webhooks", HOOK | {"condition": {"===": [1, 1]}, "retry_hourly": True}).data
    path = f"/webhooks/{made['id']}"

    changed = api.put(path, {"is_active": False, "namespace": "other", "queue": "high"}).data
    listed = api.get("/webhooks", **{"filter[is_active]": "0", "filter[namespace]": "shop"}).data
    removed = api.delete(path)

    assert {name: made[name] for name in HOOK} == HOOK
    assert (made["is_active"], made["queue"], made["retry_hourly"], made["retry_daily"]) == (
        True,
        "default",
        True,
        False,
    )
    assert (changed["is_active"], changed["namespace"], changed["queue"]) == (False, "shop", "high")
    assert listed == [changed]
    assert (removed.status, removed.json, api.get(path).status) == (204, None, 404)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, None) for name in HOOK),
        ("trigger", "a b"),
        ("url", "ftp://127.0.0.1/"),
        ("url", "http://"),
        ("url", "http://127.0.0.1:port/"),
        ("url", 7),
        ("queue", "slow"),
        ("is_active", "yes"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused(api: SandboxClient, field: str, value: object) -> None:
    reply = api.post("/webhooks", HOOK | {field: value})

    assert (reply.status, reply.fields) == (422, [field])


def test_an_event_arrives_signed_over_its_raw_body(api: SandboxClient, shop: WebhookReceiver) -> None:
    hook(api, shop.url)
    benefit = api.issue(api.define(), api.profile(first_name="Mia", tags=["vip"]))

    counted = flushed(api)

    [message] = shop.messages
    assert (message.path, message.event) == ("/hook?shop=1", "benefit.created")
    assert message.seal == hmac.new(b"sandbox-secret", message.raw, hashlib.sha256).hexdigest()
    assert (message.body["id"], message.body["benefit"]["redemptions_remaining"]) == (benefit["id"], 1)
    assert message.body["profile"]["flattened_tags"] == ["vip"]
    assert counted == {"delivered": 1, "failed": 0, "recorded": 0}


def test_an_event_arrives_by_itself(api: SandboxClient, shop: WebhookReceiver) -> None:
    hook(api, shop.url)
    api.issue(api.define(), api.profile())

    assert shop.arrived.wait(timeout=60)
    flushed(api)  # so that nothing is on its way when the next test begins
    assert len(shop.messages) == 1


def test_a_delivery_is_repeated_until_it_is_taken(api: SandboxClient, shop: WebhookReceiver) -> None:
    shop.statuses = [500, 302, 404]
    hook(api, shop.url)
    api.issue(api.define(), api.profile())

    flushed(api)

    [delivery] = api.state()["webhook_deliveries"]
    assert (delivery["state"], delivery["attempts"], delivery["status"], len(shop.messages)) == ("delivered", 4, 200, 4)


def test_a_delivery_is_given_up_after_five_attempts(api: SandboxClient) -> None:
    with receiver() as gone:
        url = gone.url
    hook(api, url)
    api.issue(api.define(), api.profile())

    counted = flushed(api)

    [delivery] = api.state()["webhook_deliveries"]
    assert (counted["failed"], delivery["state"], delivery["attempts"], delivery["status"]) == (1, "failed", 5, None)
    assert "ConnectionRefusedError" in delivery["error"]


@pytest.mark.parametrize("url", ["http://example.com/hook", "https://10.0.0.7/", "http://localhost.example.com/"])
def test_what_leads_beyond_this_machine_is_recorded_and_not_sent(api: SandboxClient, url: str) -> None:
    hook(api, url)
    api.issue(api.define(), api.profile())

    assert flushed(api) == {"delivered": 0, "failed": 0, "recorded": 1}
    assert [row["attempts"] for row in api.state()["webhook_deliveries"]] == [0]


@pytest.mark.parametrize(
    "fields",
    [
        {"is_active": False},
        {"condition": {"==": [{"var": "profile.first_name"}, "Leo"]}},
        {"trigger": "profiles.create"},
    ],
)
def test_a_webhook_that_does_not_want_an_event_does_not_get_it(
    api: SandboxClient, shop: WebhookReceiver, fields: Any
) -> None:
    hook(api, shop.url, **fields)
    hook(api, shop.url, condition={"==": [{"var": "profile.first_name"}, "Mia"]})

    api.issue(api.define(), api.profile(first_name="Mia"))

    assert (flushed(api)["delivered"], len(shop.messages)) == (1, 1)


def test_a_refused_change_sends_nothing(api: SandboxClient, shop: WebhookReceiver) -> None:
    benefit = api.issue(api.define(), api.profile())
    hook(api, shop.url, "benefit.updated")

    statuses = [api.redeem(benefit).status for _ in range(2)]

    assert (statuses, flushed(api)["delivered"]) == ([201, 422], 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("both", ["benefit.created", "benefit.issued", "benefit.redeemed", "benefit.updated"]),
        ("reference", ["benefit.created", "benefit.updated"]),
        ("guide", ["benefit.issued", "benefit.redeemed", "benefit.updated"]),
    ],
)
def test_events_bear_the_names_of_both_sources_or_of_one(
    api: SandboxClient, shop: WebhookReceiver, value: str, expected: list[str]
) -> None:
    api.switch(event_names=value)
    for trigger in ("benefit.created", "benefit.issued", "benefit.redeemed", "benefit.updated"):
        hook(api, shop.url, trigger)

    api.redeem(api.issue(api.define(), api.profile()))
    flushed(api)

    assert expected == sorted(message.event for message in shop.messages)


def test_deliveries_can_come_twice(api: SandboxClient, shop: WebhookReceiver) -> None:
    api.switch(webhook_delivery="twice")
    hook(api, shop.url)
    api.issue(api.define(), api.profile())

    flushed(api)

    first, second = shop.messages
    assert first.raw == second.raw


def test_deliveries_can_come_newest_first(api: SandboxClient, shop: WebhookReceiver) -> None:
    api.switch(webhook_delivery="reversed")
    hook(api, shop.url)
    benefits = {"benefit_definition_id": api.define()["id"], "profile_id": api.profile(), "timezone": "UTC"}
    api.post("/benefits/batch.json", {"benefits": [benefits, benefits, benefits]})

    flushed(api)

    assert [message.body["id"] for message in shop.messages] == [3, 2, 1]


@pytest.mark.parametrize("change", ["definition", "profile", "identity", "transaction", "deleted"])
def test_every_kind_of_event_can_be_told(api: SandboxClient, shop: WebhookReceiver, change: str) -> None:
    profile = api.profile()
    benefit = api.issue(api.define(), profile)
    triggers = {"definition": "benefit-definition.created", "deleted": "benefit.deleted"}
    hook(api, shop.url, triggers.get(change, f"{change}.created"))

    if change == "definition":
        api.define("second")
    elif change == "deleted":
        api.delete(f"/benefits/{benefit['id']}")
    elif change == "transaction":
        api.order(profile_id=profile)
    else:
        api.profile(identities=[{"handle": "shop", "identifier": "1"}])

    assert flushed(api)["delivered"] == 1
    assert shop.messages[0].body["event"] == triggers.get(change, f"{change}.created")


def test_what_was_due_when_it_stopped_is_sent_when_it_starts_again(tmp_path: Path, shop: WebhookReceiver) -> None:
    before = SandboxClient(data=tmp_path)
    hook(before, shop.url)
    before.issue(before.define(), before.profile())
    flushed(before)
    sandbox(before.app).store.close()
    shop.arrived.clear()
    with closing(sqlite3.connect(tmp_path / "sandbox.sqlite3", isolation_level=None)) as db:
        db.execute("UPDATE webhook_deliveries SET state = 'due'")  # as if it had stopped before it got the answer

    after = SandboxClient(data=tmp_path)
    arrived = shop.arrived.wait(timeout=60)
    flushed(after)
    sandbox(after.app).store.close()

    assert (arrived, len(shop.messages)) == (True, 2)


def test_the_secret_is_a_choice(shop: WebhookReceiver) -> None:
    own = SandboxClient(webhook_secret="between-us")
    hook(own, shop.url)
    own.issue(own.define(), own.profile())
    flushed(own)
    sandbox(own.app).store.close()

    assert shop.messages[0].seal == hmac.new(b"between-us", shop.messages[0].raw, hashlib.sha256).hexdigest()
