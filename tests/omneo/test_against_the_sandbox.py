"""Every call over real sockets, against our own Omneo, in both dialects and with every unknown switched both ways."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import pytest

from claimable_benefits.domain.benefits import Benefit, Definition, Redemption
from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.errors import AuthenticationError, InvalidResponse, OmneoError, Rejected
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.sandbox import SWITCHES, RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox

NOON = datetime(2026, 6, 15, 2, tzinfo=UTC)  # noon in Melbourne
ORDER = Transaction(
    order_number="WEB/1 ü",
    customer_id="C-1",
    total=Decimal("89.99"),
    total_original=Decimal("99.99"),
    transacted_at=NOON,
    currency="AUD",
    items=(Item("Linen Shirt", 1, Decimal("99.99"), Decimal("89.99"), "LS", Decimal("10.00"), "Gift"),),
)


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class ClientHarness:
    """A sandbox that listens, a client of it, and the rest of the API for setting a scene."""

    base_url: str
    token: str
    client: OmneoClient
    clock: Clock
    told: list[str]
    others: httpx.Client
    numbers: Iterator[int]

    def switch(self, **values: str) -> None:
        url = self.base_url.removesuffix("/api/v3") + "/_sandbox/switches"
        assert self.others.put(url, json=values).status_code == 200

    def profile(self, *customer_ids: str) -> str:
        identities = [{"handle": "ecommerce", "identifier": customer_id} for customer_id in customer_ids]
        made = self.others.post("/profiles", json={"first_name": "Mia", "identities": identities}).json()["data"]
        if not self.others.get(f"/profiles/{made['id']}/identities").json()["data"]:
            for identity in identities:
                self.others.post(f"/profiles/{made['id']}/identities", json=identity)
        return str(made["id"])

    def define(self, **fields: object) -> Definition:
        number = next(self.numbers)
        usual = {"name": f"Gift {number}", "handle": f"gift-{number}", "period": 30, "max_redemptions": 1}
        return self.client.create_definition({**usual, "is_claimable": True, "is_published": True, **fields})

    def issue(self, profile_id: str, **fields: object) -> Benefit:
        return self.client.issue(self.define(**fields).id, profile_id, at=NOON - timedelta(hours=1))

    def redeem(self, benefit: Benefit, reference: str) -> Redemption:
        profile_id = benefit.profile_id or ""
        return self.client.redeem(profile_id, benefit.id, reference=reference, at=NOON, handle=benefit.handle)


@dataclass
class SandboxServer:
    """A running sandbox, its clock and a plain way to it; kept for the whole module, because starting takes time."""

    running: RunningSandbox
    clock: Clock
    others: httpx.Client


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """One sandbox for all; every test empties it and sets its switches."""
    clock = Clock()
    app = create_sandbox(clock=clock)
    with serve_sandbox(app) as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        with httpx.Client(base_url=server.base_url, headers=headers) as others:
            yield SandboxServer(server, clock, others)
    sandbox(app).store.close()


@contextmanager
def harness_in(
    server: SandboxServer, switches: dict[str, str] | None = None, **options: Any
) -> Iterator[ClientHarness]:
    """An empty tenant with these switches, and a client that knows nothing of it yet."""
    server.clock.now = NOON
    told: list[str] = []
    settings: dict[str, Any] = {"timezone": "Australia/Melbourne", "on_dialect": told.append, **options}
    with OmneoClient(server.running.base_url, server.running.token, **settings) as client:
        harness = ClientHarness(
            server.running.base_url,
            server.running.token,
            client,
            server.clock,
            told,
            server.others,
            count(),
        )
        harness.switch(**{name: switch.default for name, switch in SWITCHES.items()} | (switches or {}))
        assert server.others.post(f"{server.running.url}/_sandbox/reset", json={"seed": "empty"}).status_code == 200
        yield harness


@pytest.fixture(params=["guide/guide", "guide/auto", "reference/reference", "reference/auto", "both/auto"])
def harness(request: pytest.FixtureRequest, server: SandboxServer) -> Iterator[ClientHarness]:
    """A tenant's dialect, and the client's setting."""
    spoken, setting = request.param.split("/")
    with harness_in(server, {"dialect": spoken}, dialect=setting) as harness:
        yield harness


def test_a_shopper_is_found_and_a_stranger_is_not(harness: ClientHarness) -> None:
    profile_id = harness.profile("C-1", "C 2/ü?&")

    found = [harness.client.profile_id(customer_id) for customer_id in ("C-1", "C 2/ü?&", "C-3", "C-1")]

    assert found == [profile_id, profile_id, None, profile_id]


@pytest.mark.parametrize("shape", ["profile_id", "id", "profile", "list"])
def test_a_shopper_is_found_in_every_shape_of_the_answer(shape: str, server: SandboxServer) -> None:
    with harness_in(server, {"identity_search": shape}) as harness:
        assert harness.profile("C-1") == harness.client.profile_id("C-1")


def test_definitions_are_created_listed_and_found(harness: ClientHarness) -> None:
    made = harness.define(tags=["vip"], value=Decimal("10.50"), claim_period_end_at=NOON + timedelta(days=1))

    listed = harness.client.definitions()
    found = (
        harness.client.definition(made.handle),
        harness.client.definition(made.id),
        harness.client.definition("nope"),
    )

    assert (made.tags, made.value, made.claim_until) == (("vip",), Decimal("10.5"), NOON + timedelta(days=1))
    assert listed == (made,)
    assert found == (made, made, None)


def test_a_definition_with_a_taken_handle_is_refused_by_field(harness: ClientHarness) -> None:
    made = harness.define()
    with pytest.raises(Rejected) as caught:
        harness.define(handle=made.handle)

    assert caught.value.status == 422
    assert list(caught.value.fields) == ["handle"]


def test_a_benefit_is_issued_and_read(harness: ClientHarness) -> None:
    profile_id, definition = harness.profile(), harness.define()

    made = harness.client.issue(
        definition.id, profile_id, at=NOON, reference="r", expires_at=datetime(2026, 7, 1, 13, 59, 59, tzinfo=UTC)
    )

    assert (made.external_id, made.issued_at, made.timezone) == ("r", NOON, "Australia/Melbourne")
    assert made.expires_at == datetime(2026, 7, 1, 13, 59, 59, tzinfo=UTC)
    assert made.definition == definition
    assert harness.client.benefit(profile_id, made.id) == made
    assert harness.client.benefits(profile_id) == harness.client.redeemable(profile_id) == (made,)
    assert harness.client.benefit(profile_id, "no-such-benefit") is None
    assert harness.client.benefit(harness.profile(), made.id) is None


def test_more_benefits_than_a_page_holds_are_all_read(server: SandboxServer) -> None:
    with harness_in(server) as harness:
        profile_id, definition = harness.profile(), harness.define()
        made = [harness.client.issue(definition.id, profile_id, at=NOON).id for _ in range(103)]

        assert sorted(made) == sorted(benefit.id for benefit in harness.client.benefits(profile_id))


def test_a_claimable_definition_is_claimed_once(harness: ClientHarness) -> None:
    profile_id, definition = harness.profile(), harness.define()

    offered = harness.client.claimable(profile_id)
    claimed = harness.client.claim(profile_id, definition, reference="claim-1")
    with pytest.raises(Rejected):
        harness.client.claim(profile_id, definition, reference="claim-2")

    assert offered == (definition,)
    assert (claimed.external_id, claimed.claimed_at, claimed.definition) == ("claim-1", NOON, definition)
    assert harness.client.claimable(profile_id) == ()
    assert [benefit.id for benefit in harness.client.benefits(profile_id)] == [claimed.id]


def test_a_claim_and_use_in_one_step(harness: ClientHarness) -> None:
    profile_id, definition = harness.profile(), harness.define()

    made = harness.client.claim_and_redeem(profile_id, definition.handle, reference="r")

    assert (made.kind, made.profile_id, made.benefit_names) == ("redeem", profile_id, (definition.name,))
    assert harness.client.redemption_count(profile_id, made.benefit_ids[0]) == 1


def test_a_benefit_is_redeemed_once_and_found_again_by_every_lookup(harness: ClientHarness) -> None:
    benefit = harness.issue(harness.profile())
    profile_id = benefit.profile_id or ""

    made = harness.redeem(benefit, "use-1")
    with pytest.raises(Rejected) as caught:
        harness.redeem(benefit, "use-2")

    assert caught.value.status == 422
    assert (made.kind, made.created_at) == ("redeem", NOON)
    one = harness.client.redemption(profile_id, made.id)
    assert one is not None
    assert (one.benefit_ids, one.count, one.redeemed_at) == ((benefit.id,), 1, NOON)
    assert harness.client.redemptions(profile_id) == (one,)
    assert harness.client.redemptions(profile_id, until=NOON) == (one,)
    assert harness.client.redemptions(profile_id, until=NOON + timedelta(seconds=1)) == ()
    assert harness.client.redemption_count(profile_id, benefit.id) == 1
    assert [found.id for found in harness.client.redemptions_by_reference("use-1")] == [made.id]
    assert harness.client.redemptions_by_reference("use-2") == ()


def test_a_missing_benefit_is_refused(harness: ClientHarness) -> None:
    profile_id, other = harness.profile(), harness.issue(harness.profile())
    for benefit_id in ("999", other.id, "a/b"):
        with pytest.raises(Rejected):
            harness.client.redeem(profile_id, benefit_id, reference="r", at=NOON)

    assert harness.client.redemptions_by_reference("r") == ()
    assert harness.client.redemption_count(other.profile_id or "", other.id) == 0


def test_a_redemption_is_reversed_within_ten_minutes_and_returned_later(harness: ClientHarness) -> None:
    profile_id = harness.profile()
    first, second = (harness.redeem(harness.issue(profile_id), reference) for reference in ("use-1", "use-2"))

    reversal = harness.client.reverse(first.id)
    with pytest.raises(Rejected):
        harness.client.reverse(first.id)
    harness.clock.now += timedelta(minutes=11)
    with pytest.raises(Rejected):
        harness.client.reverse(second.id)
    returned = harness.client.return_uses(second.id)

    assert (reversal.kind, returned.kind) == ("reversal", "return")
    assert {one.kind for one in harness.client.redemptions(profile_id)} == {"redeem", "reversal", "return"}
    assert len(harness.client.redeemable(profile_id)) == 2


def test_an_order_is_recorded_once_with_its_redemption(harness: ClientHarness) -> None:
    benefit = harness.issue(harness.profile())
    used = harness.redeem(benefit, "use-1")

    first = harness.client.record_transaction(ORDER, profile_id=benefit.profile_id, redemption_id=None)
    changed = replace(ORDER, total=Decimal("79.95"), items=(*ORDER.items, Item("Bag", 1, Decimal(5), Decimal(5))))
    second = harness.client.record_transaction(changed, profile_id=benefit.profile_id, redemption_id=used.id)

    assert (first.total, first.redemption_id) == (Decimal("89.99"), None)
    assert (second.id, second.total, second.redemption_id) == (first.id, Decimal("79.95"), used.id)
    assert harness.client.transaction_by_order(ORDER.order_number) == second
    assert harness.client.transaction_by_order("WEB-2") is None
    linked = harness.client.redemption(benefit.profile_id or "", used.id)
    assert linked is not None
    assert (linked.transaction_id, linked.order_number) == (first.id, external_id_of(ORDER.order_number))
    stored = harness.others.get(f"/transactions/{first.id}").json()["data"]
    assert stored["transacted_at"] == "2026-06-15 02:00:00"
    assert [item["name"] for item in stored["items"]] == ["Linen Shirt", "Bag"]


def test_an_order_of_a_guest_is_recorded(harness: ClientHarness) -> None:
    recorded = harness.client.record_transaction(replace(ORDER, items=()), profile_id=None, redemption_id=None)

    assert (recorded.profile_id, recorded.redemption_id) == (None, None)


def test_an_order_with_a_redemption_that_does_not_exist_is_refused(harness: ClientHarness) -> None:
    with pytest.raises(Rejected) as caught:
        harness.client.record_transaction(ORDER, profile_id=None, redemption_id="999")

    assert list(caught.value.fields) == ["redemption_id"]


def test_an_order_is_recorded_once_without_upsert(harness: ClientHarness) -> None:
    harness.switch(update_create="off")

    recorded = [harness.client.record_transaction(ORDER, profile_id=None, redemption_id=None) for _ in range(3)]

    assert len({one.id for one in recorded}) == 1
    assert len(harness.others.get("/transactions").json()["data"]) == 1


def test_a_plain_record_makes_a_second_transaction(harness: ClientHarness) -> None:
    made = [harness.client.create_transaction(ORDER, profile_id=None, redemption_id=None) for _ in range(2)]

    assert len({one.id for one in made}) == 2


def test_on_dialect_is_called_once_where_the_dialect_was_detected(harness: ClientHarness) -> None:
    harness.client.definitions()
    harness.client.definitions()

    assert harness.told in ([], [harness.client.dialect()])


def test_a_wrong_token_is_not_permitted(harness: ClientHarness) -> None:
    with OmneoClient(harness.base_url, "wrong", timezone="UTC") as stranger:
        for call in (
            lambda: stranger.profile_id("C-1"),
            lambda: stranger.redeem("p", "1", reference="r", at=NOON),
            lambda: stranger.record_transaction(ORDER, profile_id=None, redemption_id=None),
        ):
            with pytest.raises(AuthenticationError):
                call()


@pytest.fixture
def sloppy(server: SandboxServer) -> Iterator[ClientHarness]:
    """A tenant in which every unknown is the other way round."""
    switches = {"profile_benefits": "all", "dates": "echo", "create_status": "200", "numbers": "strings"}
    with harness_in(server, {**switches, "update_create": "off", "identity_search": "list"}, dates="echo") as harness:
        yield harness


def test_a_tenant_the_other_way_round_is_read_all_the_same(sloppy: ClientHarness) -> None:
    profile_id = sloppy.profile("C-1")
    assert sloppy.client.profile_id("C-1") == profile_id

    benefit = sloppy.issue(profile_id, value=Decimal("10.50"), max_redemptions=2)
    used = sloppy.redeem(benefit, "use-1")
    recorded = sloppy.client.record_transaction(ORDER, profile_id=profile_id, redemption_id=used.id)

    assert benefit.issued_at == NOON - timedelta(hours=1)
    assert benefit.expires_at == datetime(2026, 7, 15, 13, 59, 59, tzinfo=UTC)
    assert (benefit.remaining, benefit.definition.value) == (2, Decimal("10.5"))
    assert (used.redeemed_at, used.created_at) == (NOON, NOON)
    assert (recorded.total, recorded.redemption_id) == (Decimal("89.99"), used.id)
    assert sloppy.client.redemption_count(profile_id, benefit.id) == 1


def test_a_tenant_that_ignores_the_filter_proves_nothing(server: SandboxServer) -> None:
    with harness_in(server, {"external_id_filter": "ignored"}) as harness:
        used = harness.redeem(harness.issue(harness.profile()), "use-1")
        with pytest.raises(InvalidResponse):
            harness.client.redemptions_by_reference("use-1")

        assert [one.id for one in harness.client.redemptions(used.profile_id or "", until=NOON)] == [used.id]


def test_many_threads_use_up_one_benefit_once(harness: ClientHarness) -> None:
    benefit = harness.issue(harness.profile())

    def attempt(number: int) -> Redemption | OmneoError:
        try:
            return harness.redeem(benefit, f"use-{number}")
        except OmneoError as refusal:
            return refusal

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Redemption"] + ["Rejected"] * 7
    assert harness.client.redemption_count(benefit.profile_id or "", benefit.id) == 1
