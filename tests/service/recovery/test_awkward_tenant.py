"""A tenant that shows no references, lists no rollbacks and takes a return after a reversal: uses left decide."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import update

from claimable_benefits.domain.shop import Cart, OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.tables import uses
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.holds.offers import read_applied
from claimable_benefits.service.operations.review import decide
from claimable_benefits.service.redemption.redeem import redeem_for_order, use_for_customer, use_from_account
from claimable_benefits.service.redemption.rollback import roll_back_order
from tests.service.conftest import AWKWARD, CART, MIA, OpenHarness, ServiceHarness, sale
from tests.service.steps import benefit_id, lose, use, use_at_the_till

NO_LIST = ("{}", "null", '{"data":null}', '{"data":{}}')


@pytest.fixture
def harness(new_harness: OpenHarness) -> ServiceHarness:
    return new_harness(switches=AWKWARD)


def held(harness: ServiceHarness, cart: Cart = CART) -> str:
    return hold(harness.ctx, MIA, cart, benefit_id(harness, "alterations")).use_id


def left(harness: ServiceHarness) -> int | None:
    shown = read_wallet(harness.ctx, MIA).benefit(benefit_id(harness, "alterations"))
    return shown.benefit.remaining if shown else 0


def rollbacks(harness: ServiceHarness) -> int:
    return len(harness.redemptions("reversal")) + len(harness.redemptions("return"))


# A lost answer to a reversal must never become a second return.


@pytest.mark.parametrize("kind", ["503 although applied", "applied then dropped", "429 although applied", "garbage"])
def test_a_lost_answer_to_a_reversal_never_becomes_a_second_return(harness: ServiceHarness, kind: str) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", kind)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    harness.work(minutes=4)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), rollbacks(harness), harness.wire.sent("POST", "/benefit/return")) == (3, 1, 0)


@pytest.mark.parametrize("kind", ["503 although applied", "applied then dropped"])
def test_a_lost_answer_to_a_return_never_becomes_a_second_one(harness: ServiceHarness, kind: str) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.clock.forward(minutes=30)
    harness.wire.fail("POST", "/benefit/return", kind)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    harness.work(minutes=4)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), rollbacks(harness)) == (3, 1)


@pytest.mark.parametrize("kind", ["dropped", "503", "429", "refused"])
def test_a_rollback_that_omneo_never_applied_is_asked_for_again(harness: ServiceHarness, kind: str) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", kind)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    harness.work(minutes=4)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), rollbacks(harness)) == (3, 1)


def test_a_late_refusal_of_a_reversal_is_followed_by_one_return(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.clock.forward(minutes=8, seconds=50)
    harness.sandbox.extensions["omneo_sandbox"].clock_control.move(seconds=120)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), rollbacks(harness)) == (3, 1)


def test_a_refused_reversal_whose_look_fails_is_not_followed_by_a_return(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redemption_id = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001").redemption_id or ""

    def reversed_meanwhile(request: httpx.Request) -> None:
        harness.wire.before_write = None
        path = f"/api/v3/redemptions/{redemption_id}/reversal"
        harness.sandbox.test_client().post(path, headers={"Authorization": "Bearer sandbox-token"})
        harness.wire.fail("GET", "/redemptions", "503", times=3)

    harness.wire.before_write = reversed_meanwhile
    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    harness.work(minutes=4)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), rollbacks(harness), harness.wire.sent("POST", "/benefit/return")) == (3, 1, 0)


def test_a_rollback_is_not_asked_for_while_what_is_left_cannot_be_read(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("GET", "/benefits", "503", times=2)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    asked = harness.wire.sent("POST", "/reversal")
    harness.work(minutes=1)

    assert asked == 0
    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert left(harness) == 3


def test_a_till_that_uses_the_benefit_while_the_list_is_read_hides_no_rollback(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", "applied then dropped")
    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    harness.clock.forward(minutes=2)

    def till(step: str) -> None:
        if step.startswith("after GET") and step.endswith("/redemptions"):
            harness.wire.step = lambda _what: None
            use_at_the_till(harness, use(harness, use_id))

    harness.wire.step = till
    harness.work(minutes=4)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), harness.wire.sent("POST", "/reversal")) == (2, 1)


def test_two_rollbacks_of_one_benefit_are_asked_for_one_after_the_other(harness: ServiceHarness) -> None:
    first, second = held(harness), held(harness, replace(CART, id="cart-2"))
    for use_id, order in ((first, "A1"), (second, "A2")):
        redeem_for_order(harness.ctx, use_id, order, actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", "applied then dropped")

    for order in ("A1", "A2"):
        roll_back_order(harness.ctx, order, actor="shop", reason="payment failed")
    asked = harness.wire.sent("POST", "/reversal")
    harness.work(minutes=5)

    assert asked == 1
    assert (use(harness, first).state, use(harness, second).state) == (UseState.ROLLED_BACK, UseState.ROLLED_BACK)
    assert (left(harness), rollbacks(harness)) == (3, 2)


def test_a_redemption_that_a_person_returned_before_is_seen_by_the_uses_left(harness: ServiceHarness) -> None:
    harness.sandbox.test_client().put("/_sandbox/switches", json={"return_after_reversal": "refuse"})
    use_id = held(harness)
    redemption_id = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001").redemption_id or ""
    harness.ctx.omneo.return_uses(redemption_id)

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), rollbacks(harness)) == (3, 1)


# No redeem without a baseline.


def test_no_redeem_without_a_baseline(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("GET", "/benefits", "503", times=9)

    with pytest.raises(Declined) as declined:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.heal()
    applied = read_applied(harness.ctx, MIA, CART)
    again = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert declined.value.reason == "loyalty_unavailable"
    assert applied is not None
    assert (applied.use_id, again.state) == (use_id, UseState.REDEEMED)
    assert harness.wire.sent("POST", "/redemptions") == 1
    assert [event.to_state for event in harness.events(use_id)] == ["held", "redeeming", "redeemed"]


def test_a_failed_read_of_what_is_left_is_repeated_before_the_redeem(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("GET", "/benefits", "503", times=2)

    redeemed = redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert (redeemed.state, redeemed.baseline_remaining) == (UseState.REDEEMED, 3)


def test_where_it_is_not_known_whether_the_tenant_keeps_references_the_baseline_is_read(
    new_harness: OpenHarness,
) -> None:
    harness = new_harness()
    use_id = held(harness)
    harness.wire.fail("GET", "/benefits", "503", times=9)

    with pytest.raises(Declined) as declined:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    assert declined.value.reason == "loyalty_unavailable"
    assert harness.wire.sent("POST", "/redemptions") == 0


@pytest.mark.parametrize("channel", ["account", "store"])
def test_no_use_without_a_baseline_from_the_account_page_or_by_staff(harness: ServiceHarness, channel: str) -> None:
    lounge = benefit_id(harness, "vip-lounge")
    harness.wire.fail("GET", f"/benefits/{lounge}", "503", times=3)

    with pytest.raises(Declined) as declined:
        use_now(harness, channel, lounge, "click-1")
    sent = harness.wire.sent("POST", "/redemptions")
    use_now(harness, channel, lounge, "click-1")

    assert (declined.value.reason, sent) == ("loyalty_unavailable", 0)
    assert use(harness, "click-1").state is UseState.CONSUMED


def use_now(harness: ServiceHarness, channel: str, benefit: str, click: str) -> None:
    if channel == "account":
        use_from_account(harness.ctx, MIA, benefit, click)
    else:
        use_for_customer(harness.ctx, "1001", benefit, click, actor="staff")


# Doubts of ours on one benefit are decided together.


@pytest.mark.parametrize("baseline", [2, 3])
def test_two_uses_in_doubt_and_two_new_redemptions_were_both_applied(harness: ServiceHarness, baseline: int) -> None:
    first, second = held(harness), held(harness, replace(CART, id="cart-2"))
    lose(harness, "applied then dropped", first, "A1")
    lose(harness, "applied then dropped", second, "A2")
    with harness.ctx.ledger.write() as connection:  # 3: both were read before either was applied
        connection.execute(update(uses).where(uses.c.use_id == second).values(baseline_remaining=baseline))
    for order in ("A1", "A2"):
        harness.orders.set(order, OrderState.CANCELLED)

    harness.work(minutes=8)

    assert (use(harness, first).state, use(harness, second).state) == (UseState.ROLLED_BACK, UseState.ROLLED_BACK)
    assert use(harness, first).redemption_id != use(harness, second).redemption_id
    assert (left(harness), harness.live_redemptions()) == (3, [])


@pytest.mark.parametrize("kinds", [("dropped", "applied then dropped"), ("applied then dropped", "dropped")])
def test_of_two_uses_in_doubt_one_new_redemption_belongs_to_one(
    harness: ServiceHarness, kinds: tuple[str, str]
) -> None:
    both = held(harness), held(harness, replace(CART, id="cart-2"))
    for use_id, kind, order in zip(both, kinds, ("A1", "A2"), strict=True):
        lose(harness, kind, use_id, order)

    harness.work(minutes=8)

    assert {use(harness, use_id).state for use_id in both} == {UseState.RELEASED, UseState.ROLLED_BACK}
    assert (left(harness), harness.live_redemptions()) == (3, [])


def test_of_two_uses_one_is_known_not_to_be_sent_and_the_redemption_belongs_to_the_other(
    harness: ServiceHarness,
) -> None:
    first, second = held(harness), held(harness, replace(CART, id="cart-2"))
    harness.wire.fail("POST", "/redemptions", "429")
    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, first, "A1", actor="shopper 1001")
    lose(harness, "applied then dropped", second, "A2")

    harness.work(minutes=30)

    assert (use(harness, first).state, use(harness, second).state) == (UseState.RELEASED, UseState.ROLLED_BACK)
    assert (left(harness), harness.live_redemptions()) == (3, [])


def test_a_use_whose_redemption_belongs_to_another_is_not_pulled_into_review(harness: ServiceHarness) -> None:
    first = held(harness)
    lose(harness, "dropped", first, "A1")
    harness.work(minutes=3)
    second = held(harness, replace(CART, id="cart-2"))
    lose(harness, "applied then dropped", second, "A2")
    harness.orders.set("A2", OrderState.PAID, sale("A2", "1001", harness.clock.now))

    harness.work(minutes=40)

    assert (use(harness, first).state, use(harness, second).state) == (UseState.RELEASED, UseState.ROLLED_BACK)


def test_a_till_that_uses_it_after_a_request_had_its_answer_pulls_nothing_into_review(harness: ServiceHarness) -> None:
    use_id = held(harness)
    harness.wire.fail("POST", "/redemptions", "429")
    with pytest.raises(Declined):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.work(minutes=5)

    use_at_the_till(harness, use(harness, use_id))
    harness.work(minutes=30)

    assert use(harness, use_id).state is UseState.RELEASED
    assert len(harness.live_redemptions()) == 1


def test_a_till_of_the_same_minute_as_a_rollback_in_doubt_is_told_apart_by_the_first_baseline(
    harness: ServiceHarness,
) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.clock.forward(minutes=4)
    harness.wire.fail("POST", "/reversal", "applied then dropped")

    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    use_at_the_till(harness, use(harness, use_id))
    harness.work(minutes=5)

    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert (left(harness), rollbacks(harness)) == (2, 1)


def test_a_till_of_the_same_minute_as_redemption_and_rollback_leaves_it_to_a_person(harness: ServiceHarness) -> None:
    use_id = held(harness)
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.fail("POST", "/reversal", "applied then dropped")
    roll_back_order(harness.ctx, "A1", actor="shop", reason="payment failed")
    use_at_the_till(harness, use(harness, use_id))

    harness.work(minutes=40)
    waiting, asked = use(harness, use_id).state, harness.wire.sent("POST", "/benefit/return")
    decide(harness.ctx, use_id, "roll-back", actor="staff", reason="it is not back")

    assert (waiting, asked) == (UseState.MANUAL_REVIEW, 0)
    assert harness.wire.sent("POST", "/benefit/return") == 1


# Absence needs a list.


@pytest.mark.parametrize("body", NO_LIST)
def test_an_applied_redemption_is_not_released_by_an_answer_without_a_list(harness: ServiceHarness, body: str) -> None:
    use_id = held(harness)
    lose(harness, "applied then dropped", use_id)
    harness.wire.fail("GET", "/redemptions", body, times=99)

    harness.work(minutes=4)
    meanwhile = use(harness, use_id).state
    harness.wire.heal()
    harness.work(minutes=6)

    assert meanwhile is UseState.IN_DOUBT
    assert use(harness, use_id).state is UseState.ROLLED_BACK
    assert harness.live_redemptions() == []


@pytest.mark.parametrize("body", NO_LIST)
def test_a_redemption_with_a_reference_is_not_released_by_an_answer_without_a_list(
    new_harness: OpenHarness, body: str
) -> None:
    harness = new_harness()
    redeem_for_order(harness.ctx, held(harness, replace(CART, id="cart-2")), "B1", actor="shopper 1001")
    assert harness.ctx.omneo.filters_by_reference()
    use_id = held(harness)
    lose(harness, "applied then dropped", use_id)
    harness.wire.fail("GET", "/redemptions", body, times=99)

    harness.work(minutes=4)
    meanwhile = use(harness, use_id).state
    harness.wire.heal()
    harness.work(minutes=6)

    assert meanwhile is UseState.IN_DOUBT
    assert use(harness, use_id).state is UseState.ROLLED_BACK
