"""Using a benefit for an order, and everything that can go wrong on the way."""

from __future__ import annotations

from contextlib import suppress

import pytest

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.uses import Use, find_use, live_uses_of, uses_of_order
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.holds.offers import read_applied
from claimable_benefits.service.redemption.redeem import redeem_for_order, use_from_account
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, OpenWorld, World


def benefit_id(world: World, handle: str) -> str:
    found = read_wallet(world.ctx, MIA).holds(handle)
    assert found is not None
    return found.id


def held(world: World, handle: str = "first-spend") -> str:
    return hold(world.ctx, MIA, CART, benefit_id(world, handle)).use_id


def use(world: World, use_id: str) -> Use:
    with world.ctx.ledger.read() as connection:
        found = find_use(connection, use_id)
    assert found is not None
    return found


def test_an_order_redeems_its_hold_and_keeps_omneos_id(world: World) -> None:
    use_id = held(world)

    redeemed = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert [str(r["id"]) for r in world.redemptions()] == [redeemed.redemption_id]
    assert [e.to_state for e in world.events(use_id)] == ["held", "redeeming", "redeemed"]


def test_the_intention_is_committed_before_omneo_hears_of_it(world: World) -> None:
    use_id = held(world)
    states: list[UseState] = []
    world.wire.before_write = lambda _request: states.append(use(world, use_id).state)

    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert states == [UseState.REDEEMING]


def test_a_second_call_for_the_same_order_redeems_nothing_more(world: World) -> None:
    use_id = held(world)
    first = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    second = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert second.redemption_id == first.redemption_id
    assert len(world.redemptions()) == 1


def test_another_order_cannot_take_a_use_that_is_redeemed(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    with pytest.raises(Declined) as refused:
        redeem_for_order(world.ctx, use_id, "A2", actor="shopper 1001")

    assert refused.value.reason == "no_longer_held"
    assert len(world.redemptions()) == 1


def test_a_benefit_used_up_at_the_till_meanwhile_is_refused_before_money_moves(world: World) -> None:
    use_id = held(world)
    world.ctx.omneo.redeem(
        use(world, use_id).profile_id, use(world, use_id).benefit_id, reference="till", at=world.clock.now
    )

    with pytest.raises(Declined) as refused:
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert refused.value.reason == "benefit_gone"
    assert use(world, use_id).state is UseState.REFUSED
    assert read_applied(world.ctx, MIA, CART) is None


def test_what_was_never_sent_stays_held_for_the_next_try(world: World) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "refused")

    with pytest.raises(Declined) as refused:
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    again = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert refused.value.reason == "loyalty_unavailable"
    assert again.state is UseState.REDEEMED
    assert len(world.redemptions()) == 1


@pytest.mark.parametrize("kind", ["401", "403", "429"])
def test_what_a_gate_turned_away_is_held_anew_under_another_reference(world: World, kind: str) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", kind)

    with pytest.raises(Declined) as refused:
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    applied = read_applied(world.ctx, MIA, CART)
    assert applied is not None
    again = redeem_for_order(world.ctx, applied.use_id, "A1", actor="shopper 1001")

    assert refused.value.reason == "loyalty_unavailable"
    assert (use(world, use_id).state, again.state) == (UseState.RELEASED, UseState.REDEEMED)
    assert len(world.redemptions()) == 1


def test_a_gate_that_lies_gives_back_what_it_let_through(world: World) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "429 although applied")

    with pytest.raises(Declined):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.work(minutes=2)

    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert world.live_redemptions() == []


def test_a_lost_answer_is_found_while_the_shopper_waits(world: World) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "applied then dropped")

    redeemed = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert world.wire.sent("POST", "/redemptions") == 1
    assert len(world.redemptions()) == 1


@pytest.mark.parametrize("kind", ["dropped", "503"])
def test_a_request_that_leaves_no_trace_is_never_repeated_and_settles_as_not_applied(world: World, kind: str) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", kind)

    with pytest.raises(Declined) as refused:
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    state_at_once = use(world, use_id).state
    for _ in range(6):
        world.clock.forward(seconds=30)
        run_once(world.ctx)

    assert refused.value.reason == "not_confirmed"
    assert state_at_once is UseState.IN_DOUBT
    assert use(world, use_id).state is UseState.RELEASED
    assert world.wire.sent("POST", "/redemptions") == 1


def test_absence_is_not_believed_before_the_settle_window_is_over(world: World) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "dropped")

    with pytest.raises(Declined):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    for _ in range(8):
        world.clock.forward(seconds=10)
        run_once(world.ctx)

    assert use(world, use_id).state is UseState.IN_DOUBT


def test_a_benefit_in_doubt_is_not_offered_and_comes_back_when_it_is_settled(world: World) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "dropped")
    with pytest.raises(Declined):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    with pytest.raises(Declined) as refused:
        hold(world.ctx, MIA, CART, benefit_id(world, "first-spend"))
    for _ in range(6):
        world.clock.forward(seconds=30)
        run_once(world.ctx)
    later = hold(world.ctx, MIA, CART, benefit_id(world, "first-spend"))

    assert refused.value.reason == "not_confirmed"
    assert later.use_id != use_id
    assert use(world, later.use_id).reference != use(world, use_id).reference


def test_a_redemption_found_late_goes_back_when_its_order_was_cancelled(world: World) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "applied then dropped")
    world.wire.fail("GET", "/redemptions", "503", times=99)
    with pytest.raises(Declined):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.orders.set("A1", OrderState.CANCELLED)

    world.wire.heal()
    for _ in range(6):
        world.clock.forward(seconds=30)
        run_once(world.ctx)

    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert len(world.redemptions("reversal")) == 1
    assert read_wallet(world.ctx, MIA).holds("first-spend") is not None


def test_an_order_placed_without_the_benefit_in_doubt_gives_it_back(world: World) -> None:
    use_id = held(world)
    world.wire.fail("POST", "/redemptions", "applied then dropped")
    world.wire.fail("GET", "/redemptions", "503", times=99)
    with pytest.raises(Declined):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.orders.set("A1", OrderState.PAID, world.submit("A1"))

    world.wire.heal()
    for _ in range(8):
        world.clock.forward(seconds=30)
        run_once(world.ctx)

    transactions = [t for t in world.held_at_omneo()["transactions"] if t["external_id"] == "A1"]
    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert [t["redemption_id"] for t in transactions] == [None]


def test_a_process_that_died_while_redeeming_is_settled_by_the_worker(world: World) -> None:
    use_id = held(world)

    def die(_request: object) -> None:
        raise KeyboardInterrupt

    world.wire.before_write = die
    with pytest.raises(KeyboardInterrupt):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.wire.before_write = None
    run_once(world.ctx)
    while_leased = use(world, use_id).state
    for _ in range(8):
        world.clock.forward(seconds=30)
        run_once(world.ctx)

    assert while_leased is UseState.REDEEMING
    assert use(world, use_id).state is UseState.RELEASED


def test_a_process_that_died_before_the_order_was_placed_gives_the_benefit_back(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.orders.set("A1", OrderState.OPEN)

    world.clock.forward(minutes=5)
    run_once(world.ctx)
    inside_the_grace = use(world, use_id).state
    world.clock.forward(minutes=4)
    run_once(world.ctx)

    assert inside_the_grace is UseState.REDEEMED
    assert use(world, use_id).state is UseState.ROLLED_BACK


def test_an_order_that_nobody_knows_of_waits(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    for _ in range(40):
        world.clock.forward(minutes=5)
        run_once(world.ctx)

    assert use(world, use_id).state is UseState.REDEEMED


def test_an_order_found_paid_after_a_crash_is_consumed_and_delivered(world: World) -> None:
    from tests.service.conftest import sale

    use_id = held(world)
    redeemed = redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.orders.set("A1", OrderState.PAID, sale("A1", "1001", world.clock.now))

    world.clock.forward(minutes=2)
    run_once(world.ctx)

    transactions = [t for t in world.held_at_omneo()["transactions"] if t["external_id"] == "A1"]
    assert use(world, use_id).state is UseState.CONSUMED
    assert [str(t["redemption_id"]) for t in transactions] == [redeemed.redemption_id]


def test_a_failed_payment_reverses_and_holds_again(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    undone = roll_back_order(world.ctx, "A1", actor="shop", reason="card declined")

    applied = read_applied(world.ctx, MIA, CART)
    assert undone
    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert len(world.redemptions("reversal")) == 1
    assert applied is not None
    assert applied.use_id != use_id


def test_an_undo_after_ten_minutes_is_a_return(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.clock.forward(minutes=30)

    roll_back_order(world.ctx, "A1", actor="shop", reason="bank said no")

    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert (len(world.redemptions("reversal")), len(world.redemptions("return"))) == (0, 1)


def test_an_undo_whose_answer_is_lost_happens_once(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.wire.fail("POST", "/reversal", "applied then dropped")

    roll_back_order(world.ctx, "A1", actor="shop", reason="card declined")
    in_between = use(world, use_id).state
    world.clock.forward(minutes=2)
    run_once(world.ctx)

    assert in_between is UseState.ROLLING_BACK
    assert use(world, use_id).state is UseState.ROLLED_BACK
    assert (len(world.redemptions("reversal")), len(world.redemptions("return"))) == (1, 0)


def test_an_undo_that_did_not_reach_omneo_is_tried_again(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.wire.fail("POST", "/reversal", "refused", times=2)

    roll_back_order(world.ctx, "A1", actor="shop", reason="card declined")
    for _ in range(3):
        world.clock.forward(seconds=60)
        run_once(world.ctx)

    assert use(world, use_id).state is UseState.ROLLED_BACK


def test_what_omneo_refuses_to_undo_needs_a_person(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.wire.fail("POST", "/reversal", "422", times=9)
    world.wire.fail("POST", "/return", "422", times=9)

    roll_back_order(world.ctx, "A1", actor="shop", reason="card declined")

    assert use(world, use_id).state is UseState.MANUAL_REVIEW


def test_a_use_from_the_account_is_done_at_once_and_a_second_click_uses_nothing(world: World) -> None:
    from claimable_benefits.service.claims.claim import claim

    claim(world.ctx, MIA, "vip-lounge", "c1")
    lounge = benefit_id(world, "vip-lounge")

    first = use_from_account(world.ctx, MIA, lounge, "click-1")
    second = use_from_account(world.ctx, MIA, lounge, "click-1")

    assert first.use.state is UseState.CONSUMED
    assert (first.already, second.already) == (False, True)
    assert len(world.redemptions()) == 1


def test_a_checkout_benefit_is_not_used_from_the_account(world: World) -> None:
    with pytest.raises(Declined) as refused:
        use_from_account(world.ctx, MIA, benefit_id(world, "first-spend"), "click-1")

    assert refused.value.reason == "not_used_here"


def test_nothing_is_left_live_after_an_order_is_placed(world: World) -> None:
    use_id = held(world)
    redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.submit("A1")

    with world.ctx.ledger.read() as connection:
        live = live_uses_of(connection, use(world, use_id).profile_id)
        of_order = uses_of_order(connection, "A1")

    assert live == []
    assert [u.state for u in of_order] == [UseState.CONSUMED]


@pytest.mark.parametrize(
    ("dialect", "switches"),
    [
        ("auto", {"external_id_filter": "ignored"}),
        ("auto", {"dialect": "reference"}),
        ("auto", {"dialect": "guide"}),
        ("reference", {}),
        ("auto", {"duplicate_external_id": "reject"}),
        ("auto", {"profile_benefits": "all", "numbers": "strings", "create_status": "200"}),
        ("auto", {"dates": "utc", "update_create": "off"}),
    ],
)
def test_a_lost_answer_ends_in_one_redemption_whatever_the_tenant_is_like(
    new_world: OpenWorld, dialect: str, switches: dict[str, str]
) -> None:
    world = new_world(dialect=dialect, switches=switches)
    use_id = held(world)
    for path in ("/redemptions", "/redeem"):
        world.wire.fail("POST", path, "applied then dropped")

    with suppress(Declined):  # where the tenant names no reference, it is settled later
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    world.orders.set("A1", OrderState.CANCELLED)
    for _ in range(8):
        world.clock.forward(seconds=40)
        run_once(world.ctx)
    made = len(world.redemptions())
    final = use(world, use_id).state

    assert made == 1
    assert final is UseState.ROLLED_BACK


def test_a_till_use_at_the_same_moment_is_not_taken_for_ours_where_no_reference_is_kept(new_world: OpenWorld) -> None:
    world = new_world(switches={"external_id_filter": "ignored"})
    use_id = held(world, "alterations")
    for _ in range(2):
        world.ctx.omneo.redeem(
            use(world, use_id).profile_id, use(world, use_id).benefit_id, reference="till", at=world.clock.now
        )
    world.wire.fail("POST", "/redemptions", "dropped")

    with pytest.raises(Declined):
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")
    for _ in range(60):
        world.clock.forward(seconds=40)
        run_once(world.ctx)
    final = use(world, use_id)

    assert final.state is UseState.MANUAL_REVIEW
    assert final.redemption_id is None
