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
from tests.sandbox.receivers import Receiver, receiver
from tests.sandbox.world import World

HOOK = {"trigger": "benefit.created", "url": "http://127.0.0.1:9/hook", "namespace": "shop"}


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


def hook(world: World, url: str, trigger: str = "benefit.created", **fields: Any) -> Any:
    reply = world.post("/webhooks", HOOK | {"url": url, "trigger": trigger} | fields)
    assert reply.status == 201, reply.json
    return reply.data


def flushed(world: World) -> Any:
    return world.post("/_sandbox/webhooks/flush").json


def test_webhooks_are_made_read_changed_listed_and_removed(world: World) -> None:
    made = world.post("/webhooks", HOOK | {"condition": {"===": [1, 1]}, "retry_hourly": True}).data
    path = f"/webhooks/{made['id']}"

    changed = world.put(path, {"is_active": False, "namespace": "other", "queue": "high"}).data
    listed = world.get("/webhooks", **{"filter[is_active]": "0", "filter[namespace]": "shop"}).data
    removed = world.delete(path)

    assert {name: made[name] for name in HOOK} == HOOK
    assert (made["is_active"], made["queue"], made["retry_hourly"], made["retry_daily"]) == (
        True,
        "default",
        True,
        False,
    )
    assert (changed["is_active"], changed["namespace"], changed["queue"]) == (False, "shop", "high")
    assert listed == [changed]
    assert (removed.status, removed.json, world.get(path).status) == (204, None, 404)


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
def test_a_webhook_that_cannot_be_is_refused(world: World, field: str, value: object) -> None:
    reply = world.post("/webhooks", HOOK | {field: value})

    assert (reply.status, reply.fields) == (422, [field])


def test_an_event_arrives_signed_over_its_raw_body(world: World, shop: Receiver) -> None:
    hook(world, shop.url)
    benefit = world.issue(world.define(), world.profile(first_name="Mia", tags=["vip"]))

    counted = flushed(world)

    [heard] = shop.heard
    assert (heard.path, heard.event) == ("/hook?shop=1", "benefit.created")
    assert heard.seal == hmac.new(b"sandbox-secret", heard.raw, hashlib.sha256).hexdigest()
    assert (heard.body["id"], heard.body["benefit"]["redemptions_remaining"]) == (benefit["id"], 1)
    assert heard.body["profile"]["flattened_tags"] == ["vip"]
    assert counted == {"delivered": 1, "failed": 0, "recorded": 0}


def test_an_event_arrives_by_itself(world: World, shop: Receiver) -> None:
    hook(world, shop.url)
    world.issue(world.define(), world.profile())

    assert shop.arrived.wait(timeout=10)
    flushed(world)  # so that nothing is on its way when the next test begins
    assert len(shop.heard) == 1


def test_a_delivery_is_repeated_until_it_is_taken(world: World, shop: Receiver) -> None:
    shop.statuses = [500, 302, 404]
    hook(world, shop.url)
    world.issue(world.define(), world.profile())

    flushed(world)

    [delivery] = world.state()["webhook_deliveries"]
    assert (delivery["state"], delivery["attempts"], delivery["status"], len(shop.heard)) == ("delivered", 4, 200, 4)


def test_a_delivery_is_given_up_after_five_attempts(world: World) -> None:
    with receiver() as gone:
        url = gone.url
    hook(world, url)
    world.issue(world.define(), world.profile())

    counted = flushed(world)

    [delivery] = world.state()["webhook_deliveries"]
    assert (counted["failed"], delivery["state"], delivery["attempts"], delivery["status"]) == (1, "failed", 5, None)
    assert "ConnectionRefusedError" in delivery["error"]


@pytest.mark.parametrize("url", ["http://example.com/hook", "https://10.0.0.7/", "http://localhost.example.com/"])
def test_what_leads_beyond_this_machine_is_recorded_and_not_sent(world: World, url: str) -> None:
    hook(world, url)
    world.issue(world.define(), world.profile())

    assert flushed(world) == {"delivered": 0, "failed": 0, "recorded": 1}
    assert [row["attempts"] for row in world.state()["webhook_deliveries"]] == [0]


@pytest.mark.parametrize(
    "fields",
    [
        {"is_active": False},
        {"condition": {"==": [{"var": "profile.first_name"}, "Leo"]}},
        {"trigger": "profiles.create"},
    ],
)
def test_a_webhook_that_does_not_want_an_event_does_not_get_it(world: World, shop: Receiver, fields: Any) -> None:
    hook(world, shop.url, **fields)
    hook(world, shop.url, condition={"==": [{"var": "profile.first_name"}, "Mia"]})

    world.issue(world.define(), world.profile(first_name="Mia"))

    assert (flushed(world)["delivered"], len(shop.heard)) == (1, 1)


def test_a_refused_change_sends_nothing(world: World, shop: Receiver) -> None:
    benefit = world.issue(world.define(), world.profile())
    hook(world, shop.url, "benefit.updated")

    statuses = [world.redeem(benefit).status for _ in range(2)]

    assert (statuses, flushed(world)["delivered"]) == ([201, 422], 1)


@pytest.mark.parametrize(
    ("position", "heard"),
    [
        ("both", ["benefit.created", "benefit.issued", "benefit.redeemed", "benefit.updated"]),
        ("reference", ["benefit.created", "benefit.updated"]),
        ("guide", ["benefit.issued", "benefit.redeemed", "benefit.updated"]),
    ],
)
def test_events_bear_the_names_of_both_sources_or_of_one(
    world: World, shop: Receiver, position: str, heard: list[str]
) -> None:
    world.switch(event_names=position)
    for trigger in ("benefit.created", "benefit.issued", "benefit.redeemed", "benefit.updated"):
        hook(world, shop.url, trigger)

    world.redeem(world.issue(world.define(), world.profile()))
    flushed(world)

    assert heard == sorted(message.event for message in shop.heard)


def test_deliveries_can_come_twice(world: World, shop: Receiver) -> None:
    world.switch(webhook_delivery="twice")
    hook(world, shop.url)
    world.issue(world.define(), world.profile())

    flushed(world)

    first, second = shop.heard
    assert first.raw == second.raw


def test_deliveries_can_come_newest_first(world: World, shop: Receiver) -> None:
    world.switch(webhook_delivery="reversed")
    hook(world, shop.url)
    benefits = {"benefit_definition_id": world.define()["id"], "profile_id": world.profile(), "timezone": "UTC"}
    world.post("/benefits/batch.json", {"benefits": [benefits, benefits, benefits]})

    flushed(world)

    assert [message.body["id"] for message in shop.heard] == [3, 2, 1]


@pytest.mark.parametrize("change", ["definition", "profile", "identity", "transaction", "deleted"])
def test_every_kind_of_event_can_be_told(world: World, shop: Receiver, change: str) -> None:
    profile = world.profile()
    benefit = world.issue(world.define(), profile)
    triggers = {"definition": "benefit-definition.created", "deleted": "benefit.deleted"}
    hook(world, shop.url, triggers.get(change, f"{change}.created"))

    if change == "definition":
        world.define("second")
    elif change == "deleted":
        world.delete(f"/benefits/{benefit['id']}")
    elif change == "transaction":
        world.order(profile_id=profile)
    else:
        world.profile(identities=[{"handle": "shop", "identifier": "1"}])

    assert flushed(world)["delivered"] == 1
    assert shop.heard[0].body["event"] == triggers.get(change, f"{change}.created")


def test_what_was_due_when_it_stopped_is_sent_when_it_starts_again(tmp_path: Path, shop: Receiver) -> None:
    before = World(data=tmp_path)
    hook(before, shop.url)
    before.issue(before.define(), before.profile())
    flushed(before)
    sandbox(before.app).store.close()
    shop.arrived.clear()
    with closing(sqlite3.connect(tmp_path / "sandbox.sqlite3", isolation_level=None)) as db:
        db.execute("UPDATE webhook_deliveries SET state = 'due'")  # as if it had stopped before it heard the answer

    after = World(data=tmp_path)
    arrived = shop.arrived.wait(timeout=10)
    flushed(after)
    sandbox(after.app).store.close()

    assert (arrived, len(shop.heard)) == (True, 2)


def test_the_secret_is_a_choice(shop: Receiver) -> None:
    own = World(webhook_secret="between-us")
    hook(own, shop.url)
    own.issue(own.define(), own.profile())
    flushed(own)
    sandbox(own.app).store.close()

    assert shop.heard[0].seal == hmac.new(b"between-us", shop.heard[0].raw, hashlib.sha256).hexdigest()
