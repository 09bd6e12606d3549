"""Before an order's first delivery: is there another shop's transaction under its number at Omneo?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.service.account.history import remembered_history
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations.admin import resume
from claimable_benefits.service.operations.review import read_reviews
from claimable_benefits.service.orders.submit import submit
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import LEO, MIA, ServiceHarness, new_client, sale
from tests.service.delivery.test_deliver import placed

LOOK = ("GET", "/transactions/external/")


def delivery(ctx: Context, number: str = "1000") -> Delivery:
    with ctx.ledger.read() as connection:
        found = find_delivery(connection, number)
    assert found is not None
    return found


def at_omneo(harness: ServiceHarness, number: str = "1000") -> dict[str, Any]:
    [found] = [t for t in harness.held_at_omneo()["transactions"] if t["external_id"] == number]
    return dict(found)


@pytest.fixture
def other(harness: ServiceHarness, tmp_path: Path) -> Iterator[ServiceHarness]:
    """Another shop of the same tenant, with a database of its own, or this shop's database made anew."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    ledger.create_tables()
    omneo = new_client(harness.wire, ledger, harness.clock)
    yield replace(harness, ctx=replace(harness.ctx, ledger=ledger, omneo=omneo))
    omneo.close()
    ledger.close()


def with_prefix(shop: ServiceHarness, prefix: str) -> ServiceHarness:
    url = shop.ctx.ledger.engine.url.render_as_string(hide_password=False)
    return replace(shop, ctx=replace(shop.ctx, ledger=Ledger(url, order_prefix=prefix)))


def submit_for(shop: ServiceHarness, customer_id: str | None, *, number: str = "1000", days: float = 0) -> None:
    transaction = sale(number, customer_id, shop.clock.now - timedelta(days=days))
    with shop.ctx.ledger.write() as connection:
        submit(shop.ctx, transaction, connection)


@pytest.mark.parametrize(
    ("customer", "days", "words"),
    [
        (LEO.customer_id, 0, "of profile"),
        (MIA.customer_id, 1.1, "of 2026-03-02 instead of 2026-02-28"),
        (None, 0, "instead of a guest"),
        ("nobody has met", 0, "instead of a guest"),
    ],
)
def test_two_shops_on_one_tenant_or_a_database_made_anew_replace_no_transaction(
    harness: ServiceHarness, other: ServiceHarness, customer: str | None, days: float, words: str
) -> None:
    harness.submit("1000", MIA.customer_id)
    run_once(harness.ctx)
    before = at_omneo(harness)

    submit_for(other, customer, days=days)
    run_once(other.ctx)

    row = delivery(other.ctx)
    assert at_omneo(harness) == before
    assert (row.state, row.attempts, row.is_looked_for) == (DeliveryState.STOPPED, 1, False)
    assert words in (row.note or "")
    [waiting] = read_reviews(other.ctx)
    assert "nothing was overwritten" in waiting.known
    assert "BENEFITS_ORDER_PREFIX" in waiting.known


def test_a_guests_transaction_is_not_taken_for_a_customers(harness: ServiceHarness, other: ServiceHarness) -> None:
    harness.submit("1000", None)
    run_once(harness.ctx)
    harness.clock.forward(minutes=3)

    submit_for(other, MIA.customer_id)
    run_once(other.ctx)

    assert delivery(other.ctx).state is DeliveryState.STOPPED
    assert "of a guest instead of profile" in (delivery(other.ctx).note or "")


def test_an_order_of_a_customer_whom_omneo_has_met_since_is_ours_by_its_very_moment(
    harness: ServiceHarness, other: ServiceHarness
) -> None:
    submit_for(harness, "nobody has met")
    run_once(harness.ctx)

    submit_for(other, MIA.customer_id)
    run_once(other.ctx)

    assert delivery(other.ctx).state is DeliveryState.DELIVERED


@pytest.mark.parametrize("hours", [0, 14, -14])
def test_an_order_that_is_delivered_again_after_a_restored_backup_passes(
    harness: ServiceHarness, other: ServiceHarness, hours: int
) -> None:
    """Where the tenant stores times as they come, the same moment may seem to be up to fourteen hours away."""
    harness.submit("1000", MIA.customer_id)
    run_once(harness.ctx)
    before = at_omneo(harness)

    submit_for(other, MIA.customer_id, days=hours / 24)
    run_once(other.ctx)

    assert delivery(other.ctx).state is DeliveryState.DELIVERED
    assert at_omneo(harness)["id"] == before["id"]


def test_a_profile_that_was_merged_meanwhile_is_the_same_person(
    harness: ServiceHarness, other: ServiceHarness, tmp_path: Path
) -> None:
    submit_for(harness, LEO.customer_id)
    run_once(harness.ctx)
    leo = at_omneo(harness)["profile_id"]
    with sqlite3.connect(tmp_path / "omneo" / "sandbox.sqlite3") as omneo:  # Leo's profile goes into Mia's
        omneo.execute("UPDATE identities SET merged_from = ? WHERE identifier = ?", (leo, MIA.customer_id))
    omneo.close()

    submit_for(other, MIA.customer_id)
    run_once(other.ctx)

    assert delivery(other.ctx).state is DeliveryState.DELIVERED
    assert at_omneo(harness)["profile_id"] != leo


def test_the_look_costs_one_call_for_an_order_and_none_for_its_later_revisions(harness: ServiceHarness) -> None:
    harness.submit("1000")
    run_once(harness.ctx)
    assert harness.wire.sent(*LOOK) == 1

    changed = replace(sale("1000", "1001", harness.clock.now), is_void=True)
    with harness.ctx.ledger.write() as connection:
        submit(harness.ctx, changed, connection)
    run_once(harness.ctx)

    assert (harness.wire.sent(*LOOK), delivery(harness.ctx).revision) == (1, 2)
    assert at_omneo(harness)["is_void"]


def test_the_look_is_remembered_when_the_delivery_after_it_fails(harness: ServiceHarness) -> None:
    harness.submit("1000")
    harness.wire.fail("POST", "/transactions", "503", times=3)
    run_once(harness.ctx)
    assert delivery(harness.ctx).is_looked_for

    restarted = replace(harness.ctx, omneo=new_client(harness.wire, harness.ctx.ledger, harness.clock))
    harness.clock.forward(minutes=30)
    harness.wire.heal()
    run_once(restarted)

    assert delivery(harness.ctx).state is DeliveryState.DELIVERED
    assert harness.wire.sent(*LOOK) == 1
    restarted.omneo.close()


@pytest.mark.parametrize("kind", ["503", "refused", "dropped", "garbage", "422", "405"])
def test_a_look_that_fails_is_repeated_and_nothing_is_sent_before_it(harness: ServiceHarness, kind: str) -> None:
    harness.submit("1000")
    harness.wire.fail(*LOOK, kind, times=9)
    run_once(harness.ctx)

    row = delivery(harness.ctx)
    assert (row.state, row.attempts, row.is_looked_for) == (DeliveryState.DUE, 1, False)
    assert row.due_at > harness.clock.now
    assert harness.wire.sent("POST", "/transactions") == 0
    harness.wire.heal()
    harness.work(minutes=4)
    assert delivery(harness.ctx).state is DeliveryState.DELIVERED


def test_with_a_prefix_both_shops_have_their_transactions(harness: ServiceHarness, other: ServiceHarness) -> None:
    harness.submit("1000", MIA.customer_id)
    run_once(harness.ctx)
    submit_for(other, LEO.customer_id)
    run_once(other.ctx)
    prefixed = with_prefix(other, "b-")

    assert resume(prefixed.ctx, "1000", actor="staff anna")
    prefixed.work(minutes=20)

    assert delivery(prefixed.ctx).state is DeliveryState.DELIVERED
    assert {at_omneo(harness, number)["profile_id"] is not None for number in ("1000", "b-1000")} == {True}
    assert at_omneo(harness)["profile_id"] != at_omneo(harness, "b-1000")["profile_id"]
    assert [item["external_id"] for item in at_omneo(harness, "b-1000")["items"]] == ["b-1000-1"]
    prefixed.ctx.ledger.close()


def test_another_prefix_leaves_the_name_of_an_order_that_was_delivered(harness: ServiceHarness) -> None:
    harness.submit("1000")
    run_once(harness.ctx)
    prefixed = with_prefix(harness, "b-")

    changed = replace(sale("1000", "1001", harness.clock.now), is_void=True)
    with prefixed.ctx.ledger.write() as connection:
        submit(prefixed.ctx, changed, connection)
    prefixed.work(minutes=20)

    assert delivery(prefixed.ctx).verify_at is None  # it was read back under the old name
    assert at_omneo(harness)["is_void"]
    assert not [t for t in harness.held_at_omneo()["transactions"] if t["external_id"] == "b-1000"]
    prefixed.ctx.ledger.close()


def test_a_person_may_say_that_omneos_transaction_is_ours(harness: ServiceHarness, other: ServiceHarness) -> None:
    harness.submit("1000", MIA.customer_id)
    run_once(harness.ctx)
    submit_for(other, MIA.customer_id, days=3)
    run_once(other.ctx)

    assert resume(other.ctx, "1000", actor="staff anna", replaces=True)
    run_once(other.ctx)

    assert delivery(other.ctx).state is DeliveryState.DELIVERED
    assert [event.reason for event in other.events("order 1000")][-2] == "resumed by hand, to replace what Omneo has"


@pytest.mark.parametrize("number", ["1000", "W/7 ü", "x" * 300])
def test_prefix_and_number_make_one_external_id_that_stays_what_it_is(number: str) -> None:
    named = external_id_of(number, "b-")

    assert named.startswith("b-")
    assert named != external_id_of(number)
    assert external_id_of(named) == named


def test_the_shop_never_sees_the_prefix(harness: ServiceHarness) -> None:
    prefixed = with_prefix(harness, "b-")
    placed(prefixed)
    run_once(prefixed.ctx)
    with prefixed.ctx.ledger.write() as connection:  # Omneo's own list alone: the use is not known here any more
        connection.execute(text("UPDATE benefits_uses SET redemption_id = NULL, customer_id = 'another'"))

    entries = remembered_history(prefixed.ctx, MIA, ask=True).entries
    assert "A1" in {entry.order_number for entry in entries}
    assert not [entry for entry in entries if (entry.order_number or "").startswith("b-")]
    prefixed.ctx.ledger.close()
