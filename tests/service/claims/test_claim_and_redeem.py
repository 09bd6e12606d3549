"""Claiming and using in one step, and everything that can go wrong with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from claimable_benefits.domain.policy import read_policies
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.tables import uses
from claimable_benefits.ledger.uses import Use, find_use
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.claims.claim_and_redeem import claim_and_redeem
from claimable_benefits.service.redemption.redeem import use_from_account
from tests.service.conftest import MIA, OpenHarness, ServiceHarness


@pytest.fixture(params=["both", "reference"])
def harness(new_harness: OpenHarness, request: pytest.FixtureRequest) -> ServiceHarness:
    opened = new_harness(switches={"dialect": request.param})
    policies = read_policies({"vip-lounge": {"used_at": "claim"}})
    return replace(opened, ctx=replace(opened.ctx, policies=policies))


def use(harness: ServiceHarness, use_id: str = "click-1") -> Use:
    with harness.ctx.ledger.read() as connection:
        found = find_use(connection, use_id)
    assert found is not None
    return found


def lose(harness: ServiceHarness, kind: str) -> None:
    harness.wire.fail("POST", "/claim-redeem", kind)
    harness.wire.fail("GET", "/redemptions", "dropped")
    with pytest.raises(Declined) as declined:
        claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-1")
    assert declined.value.reason == "not_confirmed"


def test_it_is_claimed_and_used_and_knows_its_benefit(harness: ServiceHarness) -> None:
    used = claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-1").use

    [redemption] = harness.redemptions()
    assert (used.state, used.redemption_id) == (UseState.CONSUMED, str(redemption["id"]))
    assert used.benefit_id == str(redemption["items"][0]["benefit_id"])


def test_a_second_click_claims_nothing_more(harness: ServiceHarness) -> None:
    claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-1")

    again = claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-1")

    assert again.already
    assert harness.wire.sent("POST", "/claim-redeem") == 1


def test_a_lost_answer_is_found_while_the_shopper_waits(harness: ServiceHarness) -> None:
    harness.wire.fail("POST", "/claim-redeem", "applied then dropped")

    used = claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-1").use

    assert used.state is UseState.CONSUMED
    assert len(harness.redemptions()) == 1


def test_a_lost_answer_is_found_by_the_worker(harness: ServiceHarness) -> None:
    lose(harness, "applied then dropped")

    harness.work(minutes=3)

    [redemption] = harness.redemptions()
    assert use(harness).state is UseState.CONSUMED
    assert use(harness).benefit_id == str(redemption["items"][0]["benefit_id"])


def test_what_never_arrived_can_be_claimed_again(harness: ServiceHarness) -> None:
    lose(harness, "dropped")
    harness.work(minutes=3)

    again = claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-2").use

    assert (use(harness).state, again.state) == (UseState.RELEASED, UseState.CONSUMED)
    assert len(harness.live_redemptions()) == 1


def test_an_answer_that_arrives_after_the_use_was_released_is_rolled_back(harness: ServiceHarness) -> None:
    lose(harness, "delayed")
    harness.work(minutes=3)

    harness.wire.deliver_delayed()
    harness.work(minutes=10)

    assert use(harness).state is UseState.ROLLED_BACK
    assert harness.live_redemptions() == []


@pytest.mark.parametrize("handle", ["thank-you-10", "nothing"])
def test_what_is_not_used_that_way_is_not_claimed(harness: ServiceHarness, handle: str) -> None:
    with pytest.raises(Declined) as declined:
        claim_and_redeem(harness.ctx, MIA, handle, "click-1")

    assert declined.value.reason == "not_claimable"
    assert harness.wire.sent("POST", "/claim-redeem") == 0


def test_another_click_while_it_is_in_doubt_gets_the_first_one_and_no_further_offer(
    harness: ServiceHarness,
) -> None:
    lose(harness, "applied then dropped")

    again = claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-2")

    wallet = read_wallet(harness.ctx, MIA)
    assert (again.already, again.use.use_id, again.use.state) == (True, "click-1", UseState.IN_DOUBT)
    assert (wallet.pending_claims, wallet.definition("vip-lounge")) == (("VIP Lounge Visit",), None)
    assert harness.wire.sent("POST", "/claim-redeem") == 1


def test_a_click_in_another_tab_is_led_to_the_first(harness: ServiceHarness) -> None:
    claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-1")

    again = claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-2")

    assert (again.already, again.use.use_id) == (True, "click-1")
    assert harness.wire.sent("POST", "/claim-redeem") == 1


def test_a_customer_does_not_get_the_use_of_another_customer_of_the_same_profile(harness: ServiceHarness) -> None:
    claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-1")
    with harness.ctx.ledger.write() as connection:
        connection.execute(uses.update().values(customer_id="somebody else"))

    with pytest.raises(Declined) as declined:
        claim_and_redeem(harness.ctx, MIA, "vip-lounge", "click-2")

    assert declined.value.reason == "not_claimable"


def test_what_was_returned_is_held_and_used_from_the_account(harness: ServiceHarness) -> None:
    lose(harness, "delayed")
    harness.work(minutes=3)
    harness.wire.deliver_delayed()
    harness.work(minutes=10)
    held = read_wallet(harness.ctx, MIA).holds("vip-lounge")
    assert held is not None

    again = use_from_account(harness.ctx, MIA, held.id, "click-2").use

    assert (again.state, again.channel) == (UseState.CONSUMED, "account")
    assert len(harness.live_redemptions()) == 1


@pytest.mark.parametrize("places", [["claim"], ["claim", "account"]])
def test_it_cannot_be_claimed_without_being_used(harness: ServiceHarness, places: list[str]) -> None:
    ctx = replace(harness.ctx, policies=read_policies({"vip-lounge": {"used_at": places}}))

    with pytest.raises(Declined) as declined:
        claim(ctx, MIA, "vip-lounge", "click-1")

    assert declined.value.reason == "not_claimable"
    assert harness.wire.sent("POST", "/claim") == 0
