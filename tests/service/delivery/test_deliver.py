"""The outbox: with the order or not at all, and once at Omneo however often it is sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import SettingsError
from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.service.account.history import remembered_history
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.operations.admin import resume
from claimable_benefits.service.orders.record import read_record
from claimable_benefits.service.orders.submit import submit
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, World, new_client, sale


def placed(world: World, number: str = "A1", handle: str = "first-spend") -> str:
    benefit = read_wallet(world.ctx, MIA).holds(handle)
    assert benefit is not None
    use_id = hold(world.ctx, MIA, CART, benefit.id).use_id
    redeemed = redeem_for_order(world.ctx, use_id, number, actor="shopper 1001")
    world.submit(number)
    return redeemed.redemption_id or ""


def delivery(world: World, number: str = "A1") -> Delivery:
    with world.ctx.ledger.read() as connection:
        found = find_delivery(connection, number)
    assert found is not None
    return found


def at_omneo(world: World, number: str = "A1") -> list[dict[str, object]]:
    return [t for t in world.held_at_omneo()["transactions"] if t["external_id"] == number]


def test_a_placed_order_reaches_omneo_with_its_redemption_id(world: World) -> None:
    redemption_id = placed(world)

    run_once(world.ctx)

    recorded = at_omneo(world)
    record = read_record(world.ctx, "A1")
    assert [str(t["redemption_id"]) for t in recorded] == [redemption_id]
    assert record is not None
    assert (record.delivered, record.transaction_id) == (True, str(recorded[0]["id"]))


def test_a_transaction_rolled_back_with_its_order_was_never_queued(world: World) -> None:
    shop = world.ctx.ledger.engine.connect()
    submit(world.ctx, sale("A1", "1001", world.clock.now), shop)
    shop.rollback()
    shop.close()

    with world.ctx.ledger.read() as connection:
        assert find_delivery(connection, "A1") is None


def test_a_session_of_another_database_is_refused(world: World, tmp_path: Path) -> None:
    elsewhere = create_engine(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    connection = elsewhere.connect()

    with pytest.raises(SettingsError, match="BENEFITS_DATABASE_URL"):
        submit(world.ctx, sale("A1", "1001", world.clock.now), connection)
    connection.close()
    elsewhere.dispose()


@pytest.mark.parametrize("kind", ["applied then dropped", "dropped", "refused", "503"])
def test_a_delivery_that_got_no_answer_is_sent_again_and_recorded_once(world: World, kind: str) -> None:
    placed(world)
    world.wire.fail("POST", "/transactions", kind)

    run_once(world.ctx)
    after_the_fault = delivery(world).state
    world.clock.forward(minutes=10)
    run_once(world.ctx)

    assert after_the_fault is DeliveryState.DUE
    assert delivery(world).state is DeliveryState.DELIVERED
    assert len(at_omneo(world)) == 1


def test_a_refused_delivery_stops_says_why_and_goes_on_when_resumed(world: World) -> None:
    placed(world)
    world.wire.fail("POST", "/transactions", "422")

    run_once(world.ctx)
    stopped = delivery(world)
    world.clock.forward(minutes=60)
    run_once(world.ctx)
    still = delivery(world).state
    resumed = resume(world.ctx, "A1", actor="staff anna")
    run_once(world.ctx)

    assert (stopped.state, still) == (DeliveryState.STOPPED, DeliveryState.STOPPED)
    assert "as told" in (stopped.note or "")
    assert resumed
    assert delivery(world).state is DeliveryState.DELIVERED


@pytest.mark.parametrize(("kind", "pause"), [("429", 7), ("401", 60), ("403", 60)])
def test_a_gate_that_is_shut_pauses_every_delivery_without_wearing_attempts_out(
    world: World, kind: str, pause: int
) -> None:
    placed(world)
    world.submit("B2")
    world.wire.fail("POST", "/transactions", kind)

    run_once(world.ctx)
    asked = world.wire.sent("POST", "/transactions")
    world.clock.forward(seconds=pause - 1)
    run_once(world.ctx)
    while_paused = world.wire.sent("POST", "/transactions")
    world.clock.forward(seconds=2)
    run_once(world.ctx)

    assert (asked, while_paused) == (1, 1)
    assert [delivery(world, n).state for n in ("A1", "B2")] == [DeliveryState.DELIVERED] * 2
    assert delivery(world).attempts == 1


def test_while_omneo_does_not_answer_no_delivery_wears_its_attempts_out(world: World) -> None:
    breaker = CircuitBreaker(failures=1, seconds=5, clock=lambda: world.clock().timestamp())
    client = new_client(world.wire, world.ctx.ledger, world.clock, breakers={"deliver": breaker})
    ctx = replace(world.ctx, omneo=client)
    placed(world)
    breaker.record_failure()
    for _ in range(4):
        world.clock.forward(seconds=1)
        run_once(ctx)
    waiting = delivery(world)
    world.clock.forward(seconds=1)
    run_once(ctx)
    client.close()

    assert (waiting.state, waiting.attempts, waiting.note) == (DeliveryState.DUE, 0, None)
    assert (delivery(world).state, delivery(world).attempts) == (DeliveryState.DELIVERED, 1)


def test_a_newer_revision_replaces_the_older_at_omneo(world: World) -> None:
    placed(world)
    run_once(world.ctx)
    newer = replace(sale("A1", "1001", world.clock.now), total=Decimal("50.00"))
    with world.ctx.ledger.write() as connection:
        submit(world.ctx, newer, connection)

    run_once(world.ctx)

    assert [t["total"] for t in at_omneo(world)] == [50.0]
    assert at_omneo(world)[0]["redemption_id"] is not None


def test_a_guests_order_is_recorded_without_a_profile(world: World) -> None:
    world.submit("G1", customer_id=None)

    run_once(world.ctx)

    assert [t["profile_id"] for t in at_omneo(world, "G1")] == [None]


def test_a_customer_unknown_to_omneo_is_recorded_without_a_profile(world: World) -> None:
    world.submit("K1", customer_id="1007")

    run_once(world.ctx)

    assert [t["profile_id"] for t in at_omneo(world, "K1")] == [None]


def test_history_tells_what_was_used_when_and_on_which_order(world: World) -> None:
    redemption_id = placed(world)
    run_once(world.ctx)

    newest = remembered_history(world.ctx, MIA, ask=True).entries[0]

    assert (newest.name, newest.order_number, newest.where) == ("First Spend Discount", "A1", "checkout")
    assert (newest.redemption_id, newest.is_returned) == (redemption_id, False)


def test_history_shows_a_till_use_without_an_order(world: World) -> None:
    wallet = read_wallet(world.ctx, MIA)
    coffee = wallet.holds("barista-coffee")
    assert coffee is not None
    world.ctx.omneo.redeem(wallet.profile_id or "", coffee.id, reference="till", at=world.clock.now)

    newest = remembered_history(world.ctx, MIA, ask=True).entries[0]

    assert (newest.name, newest.where, newest.order_number) == ("Coffee On Us", "store", None)
