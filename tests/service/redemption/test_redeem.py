"""Using a benefit for an order, and everything that can go wrong on the way."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest

from claimable_benefits.domain.shop import OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.uses import Use, live_uses_of, uses_of_order
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.holds.offers import read_applied
from claimable_benefits.service.redemption.redeem import redeem_for_order, use_from_account
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, OpenHarness, ServiceHarness, sale
from tests.service.steps import benefit_id, held, use, use_at_the_till


def test_an_order_redeems_its_hold_and_keeps_omneos_id(harness: ServiceHarness) -> None:
    use_id = held(harness)

    redeemed = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert [str(r["id"]) for r in harness.redemptions()] == [redeemed.redemption_id]
    assert [e.to_state for e in harness.events(use_id)] == ["held", "redeeming", "redeemed"]


def test_the_intention_is_committed_before_omneo_hears_of_it(harness: ServiceHarness) -> None:
    use_id = held(harness)
    states: list[UseState] = []
    harness.wire.before_write = lambda _request: states.append(use(harness, use_id).state)

    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert states == [UseState.REDEEMING]


def test_a_second_call_for_the_same_order_redeems_nothing_more(harness: ServiceHarness) -> None:
    use_id = held(harness)
    first = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    second = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert second.redemption_id == first.redemption_id
    assert len(harness.redemptions()) == 1


def test_another_order_cannot_take_a_use_that_is_redeemed(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    with pytest.raises(Declined) as refused:
        redeem_for_order(harness.ctx, use_id, "A2", actor="shopper 1001")

    assert refused.value.reason == "no_longer_held"
    assert len(harness.redemptions()) == 1


def test_a_benefit_used_up_at_the_till_meanwhile_is_refused_before_money_moves(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.ctx.omneo.redeem(
        use(harness, use_id).profile_id, use(harness, use_id).benefit_id, reference="till", at=harness.clock.now
    )

    with pytest.raises(Declined) as refused:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert refused.value.reason == "benefit_gone"
    assert use(harness, use_id).state is UseState.REFUSED
    assert read_applied(harness.ctx, MIA, CART) is None


def test_what_was_never_sent_stays_held_for_the_next_try(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "refused")

    with pytest.raises(Declined) as refused:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    again = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert refused.value.reason == "loyalty_unavailable"
    assert again.state is UseState.REDEEMED
    assert len(harness.redemptions()) == 1


@pytest.mark.parametrize("kind", ["401", "403", "429"])
def test_a_benefit_after_401_403_or_429_is_held_again_under_a_new_reference(harness: ServiceHarness, kind: str) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", kind)

    with pytest.raises(Declined) as refused:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    applied = read_applied(harness.ctx, MIA, CART)
    assert applied is not None
    again = redeem_for_order(harness.ctx, applied.use_id, "A1", actor="shopper 1001")

    assert refused.value.reason == "loyalty_unavailable"
    assert (use(harness, use_id).state, again.state) == (UseState.RELEASED, UseState.REDEEMED)
    assert len(harness.redemptions()) == 1


def test_a_gate_that_lies_gives_back_what_it_let_through(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "429 although applied")

    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.work(minutes=2)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert harness.live_redemptions() == []


def test_a_lost_answer_is_found_while_the_shopper_waits(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "applied then dropped")

    redeemed = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert redeemed.state is UseState.REDEEMED
    assert harness.wire.sent("POST", "/redemptions") == 1
    assert len(harness.redemptions()) == 1


@pytest.mark.parametrize("kind", ["dropped", "503"])
def test_a_request_without_evidence_is_never_repeated_and_resolves_as_not_applied(
    harness: ServiceHarness, kind: str
) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", kind)

    with pytest.raises(Declined) as refused:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    state_at_once = use(harness, use_id).state
    for _ in range(6):
        harness.clock.forward(seconds=30)
        run_once(harness.ctx)

    assert refused.value.reason == "not_confirmed"
    assert state_at_once is UseState.IN_DOUBT
    assert use(harness, use_id).state is UseState.RELEASED
    assert harness.wire.sent("POST", "/redemptions") == 1


def test_absence_does_not_count_before_trust_absence_after(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "dropped")

    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    for _ in range(8):
        harness.clock.forward(seconds=10)
        run_once(harness.ctx)

    assert use(harness, use_id).state is UseState.IN_DOUBT


def test_a_benefit_in_doubt_is_offered_again_only_when_it_is_resolved(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "dropped")
    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    with pytest.raises(Declined) as refused:
        hold(harness.ctx, MIA, CART, benefit_id(harness, "first-spend"))
    for _ in range(6):
        harness.clock.forward(seconds=30)
        run_once(harness.ctx)
    later = hold(harness.ctx, MIA, CART, benefit_id(harness, "first-spend"))

    assert refused.value.reason == "not_confirmed"
    assert later.use_id != use_id
    assert use(harness, later.use_id).reference != use(harness, use_id).reference


def test_a_redemption_found_late_is_rolled_back_when_its_order_was_cancelled(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "applied then dropped")
    harness.wire.fail("GET", "/redemptions", "503", times=99)
    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.CANCELLED)

    harness.wire.heal()
    for _ in range(6):
        harness.clock.forward(seconds=30)
        run_once(harness.ctx)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert len(harness.redemptions("reversal")) == 1
    assert read_wallet(harness.ctx, MIA).holds("first-spend") is not None


def test_an_order_placed_without_the_benefit_in_doubt_gives_it_back(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "applied then dropped")
    harness.wire.fail("GET", "/redemptions", "503", times=99)
    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.PAID, harness.submit("A1"))

    harness.wire.heal()
    for _ in range(8):
        harness.clock.forward(seconds=30)
        run_once(harness.ctx)

    transactions = [t for t in harness.held_at_omneo()["transactions"] if t["external_id"] == "A1"]
    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert [t["redemption_id"] for t in transactions] == [None]


def test_a_process_that_died_while_redeeming_is_resolved_by_the_worker(harness: ServiceHarness) -> None:
    use_id = held(harness)

    def die(_request: object) -> None:
        raise KeyboardInterrupt

    harness.wire.before_write = die
    with pytest.raises(KeyboardInterrupt):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.before_write = None
    run_once(harness.ctx)
    while_leased = use(harness, use_id).state
    for _ in range(8):
        harness.clock.forward(seconds=30)
        run_once(harness.ctx)

    assert while_leased is UseState.REDEEMING
    assert use(harness, use_id).state is UseState.RELEASED


def test_a_process_that_died_before_the_order_was_placed_gives_the_benefit_back(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.OPEN)

    harness.clock.forward(minutes=5)
    run_once(harness.ctx)
    inside_the_grace = use(harness, use_id).state
    harness.clock.forward(minutes=4)
    run_once(harness.ctx)

    assert inside_the_grace is UseState.REDEEMED
    assert use(harness, use_id).state is UseState.ROLLED_BACK


def test_a_use_of_an_unknown_order_waits(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    for _ in range(40):
        harness.clock.forward(minutes=5)
        run_once(harness.ctx)

    assert use(harness, use_id).state is UseState.REDEEMED


def test_an_order_found_paid_after_a_crash_is_consumed_and_delivered(harness: ServiceHarness) -> None:

    use_id = held(harness)
    redeemed = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.PAID, sale("A1", "1001", harness.clock.now))

    harness.clock.forward(minutes=2)
    run_once(harness.ctx)

    transactions = [t for t in harness.held_at_omneo()["transactions"] if t["external_id"] == "A1"]
    assert use(harness, use_id).state is UseState.CONSUMED
    assert [str(t["redemption_id"]) for t in transactions] == [redeemed.redemption_id]


def test_a_failed_payment_reverses_and_holds_again(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    rolled_back = roll_back_order(harness.ctx, "A1", actor="shop", reason="card declined")

    applied = read_applied(harness.ctx, MIA, CART)
    assert rolled_back
    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert len(harness.redemptions("reversal")) == 1
    assert applied is not None
    assert applied.use_id != use_id


def test_a_rollback_after_ten_minutes_is_a_return(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.clock.forward(minutes=30)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="bank said no")

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (len(harness.redemptions("reversal")), len(harness.redemptions("return"))) == (0, 1)


def test_a_rollback_whose_answer_is_lost_happens_once(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", "applied then dropped")

    roll_back_order(harness.ctx, "A1", actor="shop", reason="card declined")
    in_between = use(harness, use_id).state
    harness.clock.forward(minutes=2)
    run_once(harness.ctx)

    assert in_between is UseState.ROLLING_BACK
    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (len(harness.redemptions("reversal")), len(harness.redemptions("return"))) == (1, 0)


def test_a_rollback_that_did_not_reach_omneo_is_retried(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", "refused", times=2)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="card declined")
    for _ in range(3):
        harness.clock.forward(seconds=60)
        run_once(harness.ctx)

    assert use(harness, use_id).state is UseState.ROLLED_BACK


def test_a_rollback_that_omneo_refuses_waits_for_manual_review(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", "422", times=9)
    harness.wire.fail("POST", "/return", "422", times=9)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="card declined")

    assert use(harness, use_id).state is UseState.MANUAL_REVIEW


def test_a_use_from_the_account_is_done_at_once_and_a_second_click_uses_nothing(harness: ServiceHarness) -> None:

    claim(harness.ctx, MIA, "vip-lounge", "c1")
    lounge = benefit_id(harness, "vip-lounge")

    first = use_from_account(harness.ctx, MIA, lounge, "click-1")
    second = use_from_account(harness.ctx, MIA, lounge, "click-1")

    assert first.use.state is UseState.CONSUMED
    assert (first.already, second.already) == (False, True)
    assert len(harness.redemptions()) == 1


def test_a_checkout_benefit_is_not_used_from_the_account(harness: ServiceHarness) -> None:
    with pytest.raises(Declined) as refused:
        use_from_account(harness.ctx, MIA, benefit_id(harness, "first-spend"), "click-1")

    assert refused.value.reason == "not_used_here"


def test_nothing_is_left_live_after_an_order_is_placed(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.submit("A1")

    with harness.ctx.ledger.read() as connection:
        live = live_uses_of(connection, use(harness, use_id).profile_id)
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
    new_harness: OpenHarness, dialect: str, switches: dict[str, str]
) -> None:
    harness = new_harness(dialect=dialect, switches=switches)
    use_id = held(harness)
    for path in ("/redemptions", "/redeem"):
        harness.wire.fail("POST", path, "applied then dropped")

    with suppress(Declined):  # where the tenant names no reference, it is resolved later
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.CANCELLED)
    for _ in range(8):
        harness.clock.forward(seconds=40)
        run_once(harness.ctx)
    made = len(harness.redemptions())
    final = use(harness, use_id).state

    assert made == 1
    assert final is UseState.ROLLED_BACK


def test_a_till_use_at_the_same_moment_is_not_ours_where_no_reference_is_kept(
    new_harness: OpenHarness,
) -> None:
    harness = new_harness(switches={"external_id_filter": "ignored"})
    use_id = held(harness, "alterations")

    def tills_meanwhile(_request: httpx.Request) -> None:
        harness.wire.before_write = None
        for _ in range(2):
            use_at_the_till(harness, use(harness, use_id))

    harness.wire.before_write = tills_meanwhile
    harness.wire.fail("POST", "/redemptions", "dropped")

    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    for _ in range(60):
        harness.clock.forward(seconds=40)
        run_once(harness.ctx)
    final = use(harness, use_id)

    assert final.state is UseState.MANUAL_REVIEW
    assert final.redemption_id is None


def test_a_till_use_just_before_the_baseline_is_not_ours_and_needs_nobody(new_harness: OpenHarness) -> None:
    harness = new_harness(switches={"external_id_filter": "ignored"})
    use_id = held(harness, "alterations")
    for _ in range(2):
        use_at_the_till(harness, use(harness, use_id))
    harness.wire.fail("POST", "/redemptions", "dropped")

    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.work(minutes=4)

    assert use(harness, use_id).state is UseState.RELEASED
    assert len(harness.live_redemptions()) == 2


def test_a_double_click_waits_for_the_first_one_and_gets_its_outcome(harness: ServiceHarness) -> None:
    use_id = held(harness)
    outcomes: list[Use] = []
    is_sending, may_answer = threading.Event(), threading.Event()

    def wait_before_the_write(_request: httpx.Request) -> None:
        harness.wire.before_write = None
        is_sending.set()
        assert may_answer.wait(30)

    def first_click() -> None:
        outcomes.append(redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001"))

    harness.wire.before_write = wait_before_the_write
    first = threading.Thread(target=first_click)
    first.start()
    assert is_sending.wait(30)

    def let_the_first_finish(_seconds: float) -> None:
        may_answer.set()
        first.join(30)

    waiting = replace(harness.ctx, sleep=let_the_first_finish)
    second = redeem_for_order(waiting, use_id, "A1", actor="shopper 1001")

    assert [second] == outcomes
    assert second.state is UseState.REDEEMED
    assert harness.wire.sent("POST", "/redemptions") == 1


def test_a_double_click_makes_up_no_outcome_while_the_first_one_has_none(harness: ServiceHarness) -> None:
    use_id = held(harness)
    reasons: list[str] = []

    def click_again(_request: httpx.Request) -> None:
        harness.wire.before_write = None
        with pytest.raises(Declined) as declined:
            redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
        reasons.append(declined.value.reason)

    harness.wire.before_write = click_again
    first = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    second = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert reasons == ["not_confirmed"]
    assert second == first
    assert harness.wire.sent("POST", "/redemptions") == 1
