"""The outbox: with the order or not at all, and once at Omneo however often it is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, update

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import SettingsError
from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.ledger.tables import outbox
from claimable_benefits.service.account.history import remembered_history
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.operations.admin import resume
from claimable_benefits.service.orders.record import read_record
from claimable_benefits.service.orders.submit import submit
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, ServiceHarness, new_client, sale


def placed(harness: ServiceHarness, number: str = "A1", handle: str = "first-spend") -> str:
    benefit = read_wallet(harness.ctx, MIA).holds(handle)
    assert benefit is not None
    use_id = hold(harness.ctx, MIA, CART, benefit.id).use_id
    redeemed = redeem_for_order(harness.ctx, use_id, number, actor="shopper 1001")
    harness.submit(number)
    return redeemed.redemption_id or ""


def delivery(harness: ServiceHarness, number: str = "A1") -> Delivery:
    with harness.ctx.ledger.read() as connection:
        found = find_delivery(connection, number)
    assert found is not None
    return found


def at_omneo(harness: ServiceHarness, number: str = "A1") -> list[dict[str, object]]:
    return [t for t in harness.held_at_omneo()["transactions"] if t["external_id"] == number]


def test_a_placed_order_reaches_omneo_with_its_redemption_id(harness: ServiceHarness) -> None:
    redemption_id = placed(harness)

    run_once(harness.ctx)

    recorded = at_omneo(harness)
    record = read_record(harness.ctx, "A1")
    assert [str(t["redemption_id"]) for t in recorded] == [redemption_id]
    assert record is not None
    assert (record.delivered, record.transaction_id) == (True, str(recorded[0]["id"]))


def test_a_transaction_rolled_back_with_its_order_was_never_queued(harness: ServiceHarness) -> None:
    shop = harness.ctx.ledger.engine.connect()
    submit(harness.ctx, sale("A1", "1001", harness.clock.now), shop)
    shop.rollback()
    shop.close()

    with harness.ctx.ledger.read() as connection:
        assert find_delivery(connection, "A1") is None


def test_a_session_of_another_database_is_refused(harness: ServiceHarness, tmp_path: Path) -> None:
    elsewhere = create_engine(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    connection = elsewhere.connect()

    with pytest.raises(SettingsError, match="BENEFITS_DATABASE_URL"):
        submit(harness.ctx, sale("A1", "1001", harness.clock.now), connection)
    connection.close()
    elsewhere.dispose()


@pytest.mark.parametrize("kind", ["applied then dropped", "dropped", "refused", "503"])
def test_a_delivery_that_got_no_answer_is_sent_again_and_recorded_once(harness: ServiceHarness, kind: str) -> None:
    placed(harness)
    harness.wire.fail("POST", "/transactions", kind)

    run_once(harness.ctx)
    after_the_fault = delivery(harness).state
    harness.clock.forward(minutes=10)
    run_once(harness.ctx)

    assert after_the_fault is DeliveryState.DUE
    assert delivery(harness).state is DeliveryState.DELIVERED
    assert len(at_omneo(harness)) == 1


def test_a_refused_delivery_stops_says_why_and_goes_on_when_resumed(harness: ServiceHarness) -> None:
    placed(harness)
    harness.wire.fail("POST", "/transactions", "422")

    run_once(harness.ctx)
    stopped = delivery(harness)
    harness.clock.forward(minutes=60)
    run_once(harness.ctx)
    still = delivery(harness).state
    resumed = resume(harness.ctx, "A1", actor="staff anna")
    run_once(harness.ctx)

    assert (stopped.state, still) == (DeliveryState.STOPPED, DeliveryState.STOPPED)
    assert "as told" in (stopped.note or "")
    assert resumed
    assert delivery(harness).state is DeliveryState.DELIVERED


@pytest.mark.parametrize(("kind", "pause"), [("429", 7), ("401", 60), ("403", 60)])
def test_a_gate_that_is_shut_pauses_every_delivery_without_wearing_attempts_out(
    harness: ServiceHarness, kind: str, pause: int
) -> None:
    placed(harness)
    harness.submit("B2")
    harness.wire.fail("POST", "/transactions", kind)

    run_once(harness.ctx)
    asked = harness.wire.sent("POST", "/transactions")
    harness.clock.forward(seconds=pause - 1)
    run_once(harness.ctx)
    while_paused = harness.wire.sent("POST", "/transactions")
    harness.clock.forward(seconds=2)
    run_once(harness.ctx)

    assert (asked, while_paused) == (1, 1)
    assert [delivery(harness, n).state for n in ("A1", "B2")] == [DeliveryState.DELIVERED] * 2
    assert delivery(harness).attempts == 1


def test_while_omneo_does_not_answer_no_delivery_wears_its_attempts_out(harness: ServiceHarness) -> None:
    breaker = CircuitBreaker(failures=1, seconds=5, clock=lambda: harness.clock().timestamp())
    client = new_client(harness.wire, harness.ctx.ledger, harness.clock, breakers={"deliver": breaker})
    ctx = replace(harness.ctx, omneo=client)
    placed(harness)
    breaker.record_failure()
    for _ in range(4):
        harness.clock.forward(seconds=1)
        run_once(ctx)
    waiting = delivery(harness)
    harness.clock.forward(seconds=1)
    run_once(ctx)
    client.close()

    assert (waiting.state, waiting.attempts, waiting.note) == (DeliveryState.DUE, 0, None)
    assert (delivery(harness).state, delivery(harness).attempts) == (DeliveryState.DELIVERED, 1)


def test_a_newer_revision_replaces_the_older_at_omneo(harness: ServiceHarness) -> None:
    placed(harness)
    run_once(harness.ctx)
    newer = replace(sale("A1", "1001", harness.clock.now), total=Decimal("50.00"))
    with harness.ctx.ledger.write() as connection:
        submit(harness.ctx, newer, connection)

    run_once(harness.ctx)

    assert [t["total"] for t in at_omneo(harness)] == [50.0]
    assert at_omneo(harness)[0]["redemption_id"] is not None


def test_a_guests_order_is_recorded_without_a_profile(harness: ServiceHarness) -> None:
    harness.submit("G1", customer_id=None)

    run_once(harness.ctx)

    assert [t["profile_id"] for t in at_omneo(harness, "G1")] == [None]


def test_a_customer_unknown_to_omneo_is_recorded_without_a_profile(harness: ServiceHarness) -> None:
    harness.submit("K1", customer_id="1007")

    run_once(harness.ctx)

    assert [t["profile_id"] for t in at_omneo(harness, "K1")] == [None]


def test_history_tells_what_was_used_when_and_on_which_order(harness: ServiceHarness) -> None:
    redemption_id = placed(harness)
    run_once(harness.ctx)

    newest = remembered_history(harness.ctx, MIA, ask=True).entries[0]

    assert (newest.name, newest.order_number, newest.where) == ("First Spend Discount", "A1", "checkout")
    assert (newest.redemption_id, newest.is_returned) == (redemption_id, False)


def test_history_shows_a_till_use_without_an_order(harness: ServiceHarness) -> None:
    wallet = read_wallet(harness.ctx, MIA)
    coffee = wallet.holds("barista-coffee")
    assert coffee is not None
    harness.ctx.omneo.redeem(wallet.profile_id or "", coffee.id, reference="till", at=harness.clock.now)

    newest = remembered_history(harness.ctx, MIA, ask=True).entries[0]

    assert (newest.name, newest.where, newest.order_number) == ("Coffee On Us", "store", None)


def test_a_slow_omneo_never_lets_the_lease_of_a_delivery_run_out_under_it(harness: ServiceHarness) -> None:
    for number in range(8):
        harness.submit(f"A{number}")
    seen: list[tuple[str, bool]] = []

    def half_a_minute_each(request: httpx.Request) -> None:
        number = json.loads(request.content)["external_id"]
        harness.clock.forward(seconds=30)
        with harness.ctx.ledger.read() as connection:
            row = find_delivery(connection, number)
        leased = row is not None and row.lease_until is not None and row.lease_until > harness.clock.now
        seen.append((number, leased))

    harness.wire.before_write = half_a_minute_each

    delivered = deliver_due(harness.ctx)

    assert (delivered, sorted(seen)) == (8, [(f"A{number}", True) for number in range(8)])


def test_a_pause_in_the_middle_leaves_the_rest_untouched(harness: ServiceHarness) -> None:
    for number in range(4):
        harness.submit(f"A{number}")
    harness.wire.seen.clear()
    harness.wire.fail("POST", "transactions", "429")

    delivered = deliver_due(harness.ctx)

    with harness.ctx.ledger.read() as connection:
        rows = [find_delivery(connection, f"A{number}") for number in range(4)]
    assert (delivered, harness.wire.sent("POST", "transactions")) == (0, 1)
    assert [(row.state, row.attempts, row.lease_until) for row in rows if row] == [(DeliveryState.DUE, 0, None)] * 4


@pytest.mark.parametrize(("stored", "sent"), [("Shirt \\ud83d", "Shirt \ufffd"), ("Sh\\u0000irt", "Shirt")])
def test_an_item_with_a_name_that_no_json_reader_takes_is_delivered(
    harness: ServiceHarness, stored: str, sent: str
) -> None:
    harness.submit("A1")
    content = delivery(harness).content.replace("Linen shirt", stored)
    with harness.ctx.ledger.write() as connection:
        connection.execute(update(outbox).values(content=content))
    run_once(harness.ctx)

    assert delivery(harness).state is DeliveryState.DELIVERED
    assert [item["name"] for item in at_omneo(harness)[0]["items"]] == [sent]  # type: ignore[attr-defined]


def test_a_transaction_whose_success_is_never_readable_is_stopped_after_a_day(harness: ServiceHarness) -> None:
    harness.submit("A1", None)
    harness.submit("A2", None)
    harness.wire.fail("POST", "/transactions/update-create", '{"data": {"id": "a\\u0000b"}}', times=10**6)
    harness.clock.forward(hours=23)
    run_once(harness.ctx)
    waiting = delivery(harness)
    harness.clock.forward(hours=2)
    run_once(harness.ctx)
    stopped = delivery(harness)
    resumed = resume(harness.ctx, "A1", actor="staff")
    run_once(harness.ctx)

    assert waiting.state is DeliveryState.DUE
    assert stopped.state is DeliveryState.STOPPED
    assert "cannot be stored" in (stopped.note or "")
    assert resumed
    assert delivery(harness).state is DeliveryState.DUE
    harness.wire.heal()
    harness.clock.forward(minutes=3)
    run_once(harness.ctx)
    assert delivery(harness).state is DeliveryState.DELIVERED
    assert delivery(harness, "A2").state is DeliveryState.STOPPED
