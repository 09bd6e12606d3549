"""Lost answers, late answers and requests that Omneo applies when nobody waits for them any more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.tables import uses
from claimable_benefits.ledger.uses import Use, find_use, touch_use, uses_of_order
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.orders.submit import consume
from claimable_benefits.service.redemption.redeem import redeem_for_order, use_from_account
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, OpenWorld, World, new_client, sale


def benefit_id(world: World, handle: str = "first-spend") -> str:
    found = read_wallet(world.ctx, MIA).holds(handle)
    if found is None:
        claim(world.ctx, MIA, handle, f"claim of {handle}")
        found = read_wallet(world.ctx, MIA).holds(handle)
    assert found is not None
    return found.id


def use_at_the_till(world: World, row: Use) -> None:
    """As a till does: without a reference."""
    path = f"/api/v3/profiles/{row.profile_id}/benefits/{row.benefit_id}/redeem"
    headers = {"Authorization": "Bearer sandbox-token"}
    answer = world.sandbox.test_client().post(path, json={"count": 1}, headers=headers)
    assert answer.status_code == 201


def held(world: World, handle: str = "first-spend") -> str:
    return hold(world.ctx, MIA, CART, benefit_id(world, handle)).use_id


def use(world: World, use_id: str) -> Use:
    with world.ctx.ledger.read() as connection:
        found = find_use(connection, use_id)
    assert found is not None
    return found


def lose(world: World, kind: str, use_id: str, number: str = "A1") -> None:
    """Place the order while the answer to the redemption, and every look, is lost."""
    world.wire.fail("POST", "/redemptions", kind)
    world.wire.fail("GET", "/redemptions", "dropped", times=1)
    with pytest.raises(Declined) as declined:
        redeem_for_order(world.ctx, use_id, number, actor="shopper 1001")
    assert declined.value.reason == "not_confirmed"


@pytest.mark.parametrize("minutes", [0.5, 1, 2, 4, 9, 19, 24])
def test_a_request_that_omneo_applies_minutes_later_is_given_back(world: World, minutes: float) -> None:
    use_id = held(world)
    lose(world, "zombie", use_id)
    world.orders.set("A1", OrderState.CANCELLED)

    world.work(minutes=minutes)
    world.wire.rise()
    was_live = world.live_redemptions()
    world.work(minutes=30)

    assert len(was_live) == 1
    assert world.live_redemptions() == []
    assert use(world, use_id).state is UseState.ROLLED_BACK


def test_a_settled_use_that_never_turns_up_is_looked_for_eight_times_and_then_no_more(world: World) -> None:
    use_id = held(world)
    lose(world, "dropped", use_id)
    world.work(minutes=3)
    settled = use(world, use_id)

    world.work(minutes=30)
    looks = world.wire.sent("GET", "/redemptions")
    world.work(minutes=30)

    assert (settled.state, use(world, use_id).sweeps) == (UseState.RELEASED, 8)
    assert world.wire.sent("GET", "/redemptions") == looks


def test_a_look_after_a_clock_jumped_by_an_hour_is_not_the_last_one(world: World) -> None:
    use_id = held(world)
    lose(world, "zombie", use_id)
    world.orders.set("A1", OrderState.CANCELLED)
    world.clock.forward(hours=1)

    for _ in range(3):
        run_once(world.ctx)
        world.clock.forward(seconds=10)
    released = use(world, use_id).state
    world.wire.rise()
    world.work(minutes=30)

    assert released is UseState.RELEASED
    assert world.live_redemptions() == []


def test_an_answer_that_comes_when_a_worker_already_looks_is_believed(world: World) -> None:
    use_id = held(world)

    def worker_meanwhile(request: httpx.Request) -> None:
        if request.method == "POST":
            world.clock.forward(minutes=1)
            world.wire.before_write = None
            run_once(world.ctx)  # the lease is over: it takes the row for that of a dead process

    world.wire.before_write = worker_meanwhile
    redeemed = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert [e.to_state for e in world.events(use_id)] == ["held", "redeeming", "in_doubt", "redeemed"]
    assert len(world.live_redemptions()) == 1


def test_an_answer_that_comes_after_it_was_given_up_is_taken_back(world: World) -> None:
    use_id = held(world)

    def worker_meanwhile(request: httpx.Request) -> None:
        world.wire.before_write = None
        world.work(minutes=4)

    world.wire.before_write = worker_meanwhile
    with pytest.raises(Declined) as declined:
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    run_once(world.ctx)

    assert declined.value.reason == "not_confirmed"
    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert world.live_redemptions() == []


def test_a_refusal_that_comes_late_is_a_refusal(world: World) -> None:
    use_id = held(world)
    use_at_the_till(world, use(world, use_id))

    def worker_meanwhile(request: httpx.Request) -> None:
        world.wire.before_write = None
        world.clock.forward(minutes=1)
        run_once(world.ctx)

    world.wire.before_write = worker_meanwhile
    with pytest.raises(Declined) as declined:
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert declined.value.reason == "benefit_gone"
    assert use(world, use_id).state is UseState.REFUSED


def test_a_worker_leaves_a_row_alone_that_a_live_request_has(world: World) -> None:
    use_id = held(world)
    states: list[UseState] = []

    def worker_meanwhile(request: httpx.Request) -> None:
        world.wire.before_write = None
        world.clock.forward(seconds=30)
        run_once(world.ctx)
        states.append(use(world, use_id).state)

    world.wire.before_write = worker_meanwhile
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert states == [UseState.REDEEMING]


def test_a_double_click_waits_for_the_first_one_and_gets_its_outcome(world: World) -> None:
    use_id = held(world)
    outcomes: list[Use] = []

    def second_click(seconds: float) -> None:
        world.clock.forward(seconds=seconds)

    def first_is_sending(request: httpx.Request) -> None:
        world.wire.before_write = None
        impatient = replace(world.ctx, sleep=second_click)
        with suppress(Declined):
            outcomes.append(redeem_for_order(impatient, use_id, "A1", actor="shopper 1001"))

    world.wire.before_write = first_is_sending
    first = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    second = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert outcomes == []  # the first one was not done while the second waited: no outcome is made up
    assert second == first
    assert world.wire.sent("POST", "/redemptions") == 1


def test_a_worker_that_never_redeems_knows_that_references_are_kept(world: World) -> None:
    use_id = held(world)
    lose(world, "dropped", use_id)
    row = use(world, use_id)
    redeem_for_order(world.ctx, held_elsewhere(world), "B1", actor="shopper 1001")
    world.wire.heal()
    other = replace(world.ctx, omneo=new_client(world.wire, world.ctx.ledger, world.clock))

    assert other.omneo.keeps_references() is True
    assert row.state is UseState.IN_DOUBT


def held_elsewhere(world: World) -> str:
    return hold(world.ctx, MIA, replace(CART, id="cart-2"), benefit_id(world, "free-shipping")).use_id


def test_a_till_that_uses_it_later_is_not_robbed_where_references_are_not_kept(new_world: OpenWorld) -> None:
    world = new_world(dialect="reference", switches={"external_id_filter": "ignored"})
    use_id = held(world)
    world.wire.fail("POST", "/redeem", "dropped")
    world.wire.fail("GET", "/redemptions", "dropped")
    with pytest.raises(Declined):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.work(minutes=5)
    settled = use(world, use_id)

    use_at_the_till(world, settled)
    world.work(minutes=30)

    assert settled.state is UseState.RELEASED
    assert use(world, use_id).state is UseState.MANUAL_REVIEW
    assert len(world.live_redemptions()) == 1


def test_an_order_that_is_placed_with_another_benefit_gives_the_first_one_back(world: World) -> None:
    first = held(world)
    redeem_for_order(world.ctx, first, "A1", actor="shopper 1001")
    second = hold(world.ctx, MIA, CART, benefit_id(world, "free-shipping")).use_id

    redeem_for_order(world.ctx, second, "A1", actor="shopper 1001")
    world.submit("A1")
    run_once(world.ctx)

    assert (use(world, first).state, use(world, second).state) == (UseState.ROLLED_BACK, UseState.CONSUMED)
    assert world.live_redemptions() == [use(world, second).redemption_id]


def test_a_late_attempt_of_an_order_is_not_taken_for_the_one_it_was_charged_with(world: World) -> None:
    first = held(world)
    lose(world, "applied then dropped", first)
    second = hold(world.ctx, MIA, CART, benefit_id(world, "free-shipping")).use_id
    redeem_for_order(world.ctx, second, "A1", actor="shopper 1001")
    world.orders.set("A1", OrderState.UNKNOWN)
    world.clock.forward(seconds=45)
    run_once(world.ctx)  # finds the first one

    world.submit("A1")
    world.orders.set("A1", OrderState.PAID, sale("A1", "1001", world.clock.now))
    world.work(minutes=2)

    assert (use(world, first).state, use(world, second).state) == (UseState.ROLLED_BACK, UseState.CONSUMED)
    assert world.live_redemptions() == [use(world, second).redemption_id]


def test_an_order_that_the_shop_cannot_name_for_a_day_waits_for_a_person(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    world.clock.forward(hours=23)
    run_once(world.ctx)
    before = use(world, use_id).state
    world.clock.forward(hours=2)
    run_once(world.ctx)

    assert (before, use(world, use_id).state) == (UseState.REDEEMED, UseState.MANUAL_REVIEW)


# Taking back.


@pytest.mark.parametrize("kind", ["applied then dropped", "zombie", "dropped", "503"])
def test_a_lost_answer_to_an_undo_never_undoes_twice(world: World, kind: str) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.wire.fail("POST", "/reversal", kind)

    roll_back_order(world.ctx, "A1", actor="shop", reason="payment failed")
    world.work(minutes=1)
    world.wire.rise()
    world.work(minutes=5)

    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert len(world.redemptions("reversal")) + len(world.redemptions("return")) == 1


def test_two_uses_of_one_benefit_are_both_undone_though_one_answer_was_lost(world: World) -> None:
    benefit = benefit_id(world, "alterations")
    first = hold(world.ctx, MIA, CART, benefit).use_id
    second = hold(world.ctx, MIA, replace(CART, id="cart-2"), benefit).use_id
    redeem_for_order(world.ctx, first, "A1", actor="shopper 1001")
    redeem_for_order(world.ctx, second, "A2", actor="shopper 1001")
    roll_back_order(world.ctx, "A1", actor="shop", reason="payment failed")
    world.wire.fail("POST", "/reversal", "dropped")

    roll_back_order(world.ctx, "A2", actor="shop", reason="payment failed")
    world.work(minutes=5)

    assert (use(world, first).state, use(world, second).state) == (UseState.ROLLED_BACK, UseState.ROLLED_BACK)
    assert world.live_redemptions() == []


@pytest.mark.parametrize("kinds", [("dropped", "applied then dropped"), ("applied then dropped", "dropped")])
@pytest.mark.parametrize("minutes", [5, 30])
def test_two_undos_of_one_benefit_whose_answers_are_both_lost_do_not_take_each_others_trace(
    world: World, kinds: tuple[str, str], minutes: int
) -> None:
    benefit = benefit_id(world, "alterations")
    first = hold(world.ctx, MIA, CART, benefit).use_id
    second = hold(world.ctx, MIA, replace(CART, id="cart-2"), benefit).use_id
    for use_id, order in ((first, "A1"), (second, "A2")):
        redeem_for_order(world.ctx, use_id, order, actor="shopper 1001")
    for order, kind in zip(("A1", "A2"), kinds, strict=True):
        world.wire.fail("POST", "/reversal", kind)
        roll_back_order(world.ctx, order, actor="shop", reason="payment failed")
    world.work(minutes=minutes)

    assert (use(world, first).state, use(world, second).state) == (UseState.ROLLED_BACK, UseState.ROLLED_BACK)
    assert world.live_redemptions() == []
    assert len(world.redemptions("reversal")) + len(world.redemptions("return")) == 2


def test_an_undo_that_was_done_an_hour_ago_casts_no_doubt_on_a_trace(world: World) -> None:
    benefit = benefit_id(world, "alterations")
    first = hold(world.ctx, MIA, CART, benefit).use_id
    second = hold(world.ctx, MIA, replace(CART, id="cart-2"), benefit).use_id
    for use_id, order in ((first, "A1"), (second, "A2")):
        redeem_for_order(world.ctx, use_id, order, actor="shopper 1001")
    roll_back_order(world.ctx, "A1", actor="shop", reason="payment failed")
    with world.ctx.ledger.write() as connection:  # as where Omneo's answer repeats the redemption's own id
        connection.execute(update(uses).where(uses.c.use_id == first).values(rollback_id=None))
    world.clock.forward(hours=1)
    read_wallet(world.ctx, MIA)  # Omneo's clock has gone on as well
    world.wire.fail("POST", "/benefit/return", "applied then dropped")

    roll_back_order(world.ctx, "A2", actor="shop", reason="payment failed")
    world.work(minutes=5)

    assert use(world, second).state is UseState.ROLLED_BACK
    assert world.wire.sent("POST", "/benefit/return") == 1


def test_a_late_refusal_of_a_reversal_ends_in_a_return(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.clock.forward(minutes=8, seconds=50)
    sandbox_ahead = world.sandbox.extensions["omneo_sandbox"].clock_control
    sandbox_ahead.move(seconds=120)

    roll_back_order(world.ctx, "A1", actor="shop", reason="payment failed")

    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert (len(world.redemptions("reversal")), len(world.redemptions("return"))) == (0, 1)
    assert world.live_redemptions() == []


def test_what_omneo_took_back_itself_is_undone_and_needs_nobody(world: World) -> None:
    use_id = held(world)
    redemption_id = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001").redemption_id or ""
    world.ctx.omneo.return_uses(redemption_id)

    roll_back_order(world.ctx, "A1", actor="shop", reason="payment failed")

    assert use(world, use_id).state is UseState.ROLLED_BACK


def test_what_omneo_refuses_both_ways_without_a_trace_waits_for_a_person(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.wire.fail("POST", "/reversal", "422")
    world.wire.fail("POST", "/benefit/return", "422")

    roll_back_order(world.ctx, "A1", actor="shop", reason="payment failed")

    assert use(world, use_id).state is UseState.MANUAL_REVIEW


class Gone(BaseException):
    """The process is gone."""


def test_a_second_redemption_under_one_reference_goes_back_and_the_order_keeps_its_own(world: World) -> None:
    def go(_seconds: float) -> None:
        raise Gone

    use_id = hold(world.ctx, MIA, CART, benefit_id(world, "alterations")).use_id
    world.wire.fail("POST", "/redemptions", "applied then dropped")
    with pytest.raises(Gone):
        redeem_for_order(replace(world.ctx, sleep=go), use_id, "A1", actor="shopper 1001")
    row = use(world, use_id)
    world.ctx.omneo.redeem(row.profile_id, row.benefit_id, reference=row.reference, at=world.clock.now)
    world.orders.set("A1", OrderState.PAID, sale("A1", "1001", world.clock.now))

    world.work(minutes=5)

    with world.ctx.ledger.read() as connection:
        states = sorted(attempt.state for attempt in uses_of_order(connection, "A1"))
    assert states == [UseState.CONSUMED, UseState.ROLLED_BACK]
    assert len(world.live_redemptions()) == 1


def test_an_attempt_that_turns_up_before_its_order_is_placed_without_it_goes_back(world: World) -> None:
    """The shopper was told that it is not confirmed, and has paid the full price under the same number."""
    use_id = held(world)
    lose(world, "applied then dropped", use_id)
    world.orders.set("A1", OrderState.UNKNOWN)
    world.work(minutes=1)

    world.submit("A1")
    world.work(minutes=1)

    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert world.live_redemptions() == []
    assert [t["redemption_id"] for t in world.held_at_omneo()["transactions"] if t["external_id"] == "A1"] == [None]


def test_a_worker_that_notes_something_at_the_moment_of_submission_takes_nothing_away(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    stale = use(world, use_id)
    with world.ctx.ledger.write() as connection:
        touch_use(connection, stale, world.clock.now, note="order A1 is unknown")

    with world.ctx.ledger.write() as connection:
        moved = consume(connection, [stale], world.ctx.audit("shop", "order A1 is placed"))

    assert moved is not None
    assert moved.state is UseState.CONSUMED


def test_an_account_use_that_turns_up_late_goes_back(world: World) -> None:
    benefit = benefit_id(world, "vip-lounge")
    world.wire.fail("POST", "/redemptions", "zombie")
    world.wire.fail("GET", "/redemptions", "dropped")
    with pytest.raises(Declined) as declined:
        use_from_account(world.ctx, MIA, benefit, "click-1")
    world.work(minutes=3)
    settled = use(world, "click-1").state

    world.wire.rise()
    world.work(minutes=10)

    assert declined.value.reason == "not_confirmed"
    assert (settled, use(world, "click-1").state) == (UseState.RELEASED, UseState.ROLLED_BACK)
    assert world.live_redemptions() == []


def test_a_shop_whose_clock_is_wrong_by_an_hour_finds_its_traces(new_world: OpenWorld) -> None:
    """By Omneo's clock, which each answer tells: only a witness speaks here, and it speaks of times."""
    world = new_world(switches={"external_id_filter": "ignored"})
    world.sandbox.extensions["omneo_sandbox"].clock_control.move(seconds=3600)
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "applied then dropped")

    redeemed = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert world.ctx.omneo.clock_ahead_of(world.clock.now) > timedelta(minutes=59)
