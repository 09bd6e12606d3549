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
from tests.service.conftest import MIA, OpenWorld, World


@pytest.fixture(params=["both", "reference"])
def world(new_world: OpenWorld, request: pytest.FixtureRequest) -> World:
    opened = new_world(switches={"dialect": request.param})
    policies = read_policies({"vip-lounge": {"used_at": "claim"}})
    return replace(opened, ctx=replace(opened.ctx, policies=policies))


def use(world: World, use_id: str = "click-1") -> Use:
    with world.ctx.ledger.read() as connection:
        found = find_use(connection, use_id)
    assert found is not None
    return found


def lose(world: World, kind: str) -> None:
    world.wire.fail("POST", "/claim-redeem", kind)
    world.wire.fail("GET", "/redemptions", "dropped")
    with pytest.raises(Declined) as declined:
        claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-1")
    assert declined.value.reason == "not_confirmed"


def test_it_is_claimed_and_used_and_knows_its_benefit(world: World) -> None:
    used = claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-1").use

    [redemption] = world.redemptions()
    assert (used.state, used.redemption_id) == (UseState.CONSUMED, str(redemption["id"]))
    assert used.benefit_id == str(redemption["items"][0]["benefit_id"])


def test_a_second_click_claims_nothing_more(world: World) -> None:
    claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-1")

    again = claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-1")

    assert again.already
    assert world.wire.sent("POST", "/claim-redeem") == 1


def test_a_lost_answer_is_found_while_the_shopper_waits(world: World) -> None:
    world.wire.fail("POST", "/claim-redeem", "applied then dropped")

    used = claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-1").use

    assert used.state is UseState.CONSUMED
    assert len(world.redemptions()) == 1


def test_a_lost_answer_is_found_by_the_worker(world: World) -> None:
    lose(world, "applied then dropped")

    world.work(minutes=3)

    [redemption] = world.redemptions()
    assert use(world).state is UseState.CONSUMED
    assert use(world).benefit_id == str(redemption["items"][0]["benefit_id"])


def test_what_never_arrived_can_be_claimed_again(world: World) -> None:
    lose(world, "dropped")
    world.work(minutes=3)

    again = claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-2").use

    assert (use(world).state, again.state) == (UseState.RELEASED, UseState.CONSUMED)
    assert len(world.live_redemptions()) == 1


def test_what_arrives_when_nobody_waits_any_more_goes_back(world: World) -> None:
    lose(world, "zombie")
    world.work(minutes=3)

    world.wire.rise()
    world.work(minutes=10)

    assert use(world).state is UseState.ROLLED_BACK
    assert world.live_redemptions() == []


@pytest.mark.parametrize("handle", ["thank-you-10", "nothing"])
def test_what_is_not_used_that_way_is_not_claimed(world: World, handle: str) -> None:
    with pytest.raises(Declined) as declined:
        claim_and_redeem(world.ctx, MIA, handle, "click-1")

    assert declined.value.reason == "not_claimable"
    assert world.wire.sent("POST", "/claim-redeem") == 0


def test_while_it_is_in_doubt_another_click_is_led_to_the_first_and_nothing_more_is_offered(world: World) -> None:
    lose(world, "applied then dropped")

    again = claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-2")

    wallet = read_wallet(world.ctx, MIA)
    assert (again.already, again.use.use_id, again.use.state) == (True, "click-1", UseState.IN_DOUBT)
    assert (wallet.pending_claims, wallet.definition("vip-lounge")) == (("VIP Lounge Visit",), None)
    assert world.wire.sent("POST", "/claim-redeem") == 1


def test_a_click_in_another_tab_is_led_to_the_first(world: World) -> None:
    claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-1")

    again = claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-2")

    assert (again.already, again.use.use_id) == (True, "click-1")
    assert world.wire.sent("POST", "/claim-redeem") == 1


def test_nobody_is_led_to_what_another_customer_of_the_same_profile_has_used(world: World) -> None:
    claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-1")
    with world.ctx.ledger.write() as connection:
        connection.execute(uses.update().values(customer_id="somebody else"))

    with pytest.raises(Declined) as declined:
        claim_and_redeem(world.ctx, MIA, "vip-lounge", "click-2")

    assert declined.value.reason == "not_claimable"


def test_what_was_given_back_is_held_and_used_from_the_account(world: World) -> None:
    lose(world, "zombie")
    world.work(minutes=3)
    world.wire.rise()
    world.work(minutes=10)
    held = read_wallet(world.ctx, MIA).holds("vip-lounge")
    assert held is not None

    again = use_from_account(world.ctx, MIA, held.id, "click-2").use

    assert (again.state, again.channel) == (UseState.CONSUMED, "account")
    assert len(world.live_redemptions()) == 1


@pytest.mark.parametrize("places", [["claim"], ["claim", "account"]])
def test_it_cannot_be_claimed_without_being_used(world: World, places: list[str]) -> None:
    ctx = replace(world.ctx, policies=read_policies({"vip-lounge": {"used_at": places}}))

    with pytest.raises(Declined) as declined:
        claim(ctx, MIA, "vip-lounge", "click-1")

    assert declined.value.reason == "not_claimable"
    assert world.wire.sent("POST", "/claim") == 0
