"""What happens in the moment between an intention and its outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import httpx
import pytest

from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.outbox import find_delivery
from claimable_benefits.ledger.uses import Use, find_use, held_in_cart
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import redeem_for_order
from tests.service.conftest import CART, MIA, World


def own(world: World, handle: str) -> str:
    found = read_wallet(world.ctx, MIA).holds(handle)
    assert found is not None
    return found.id


def test_a_benefit_applied_while_omneo_was_not_reached_keeps_the_cart(world: World) -> None:
    first, other = own(world, "first-spend"), own(world, "alterations")
    use_id = hold(world.ctx, MIA, CART, first).use_id

    def apply_another(_: httpx.Request) -> None:
        hold(world.ctx, MIA, CART, other)

    world.wire.before_write = apply_another
    world.wire.fail("POST", "redemptions", "refused")

    with pytest.raises(Declined) as refused:
        redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001")

    with world.ctx.ledger.read() as connection:
        left, holding = find_use(connection, use_id), held_in_cart(connection, "1001", CART.id)
    assert refused.value.reason == "loyalty_unavailable"
    assert left is not None
    assert left.state is UseState.RELEASED
    assert holding is not None
    assert (holding.benefit_id, holding.state) == (other, UseState.HELD)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)  # SQLite lets nobody else write meanwhile
def test_a_click_that_is_overtaken_after_it_has_looked_gets_the_first_ones_outcome(world: World) -> None:
    use_id = hold(world.ctx, MIA, CART, own(world, "first-spend")).use_id
    first: list[Use] = []

    def clock() -> datetime:
        """Asked once the second click has seen the hold, and before it takes it."""
        if not first:
            first.append(redeem_for_order(world.ctx, use_id, "A1", actor="shopper 1001"))
        return world.clock.now

    second = redeem_for_order(replace(world.ctx, clock=clock), use_id, "A1", actor="shopper 1001")

    assert [second.redemption_id] == [use.redemption_id for use in first]
    assert len(world.redemptions()) == 1


def test_a_slow_omneo_never_lets_the_lease_of_a_delivery_run_out_under_it(world: World) -> None:
    for number in range(8):
        world.submit(f"A{number}")
    seen: list[tuple[str, bool]] = []

    def half_a_minute_each(request: httpx.Request) -> None:
        number = json.loads(request.content)["external_id"]
        world.clock.forward(seconds=30)
        with world.ctx.ledger.read() as connection:
            row = find_delivery(connection, number)
        leased = row is not None and row.lease_until is not None and row.lease_until > world.clock.now
        seen.append((number, leased))

    world.wire.before_write = half_a_minute_each

    delivered = deliver_due(world.ctx)

    assert (delivered, sorted(seen)) == (8, [(f"A{number}", True) for number in range(8)])


def test_a_pause_in_the_middle_leaves_the_rest_untouched(world: World) -> None:
    for number in range(4):
        world.submit(f"A{number}")
    world.wire.seen.clear()
    world.wire.fail("POST", "transactions", "429")

    delivered = deliver_due(world.ctx)

    with world.ctx.ledger.read() as connection:
        rows = [find_delivery(connection, f"A{number}") for number in range(4)]
    assert (delivered, world.wire.sent("POST", "transactions")) == (0, 1)
    assert [(row.state, row.attempts, row.lease_until) for row in rows if row] == [(DeliveryState.DUE, 0, None)] * 4
