"""What happens in the moment between an intention and its outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import httpx
import pytest

from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.uses import Use, find_use, held_in_cart
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import redeem_for_order
from tests.service.conftest import CART, MIA, ServiceHarness


def own(harness: ServiceHarness, handle: str) -> str:
    found = read_wallet(harness.ctx, MIA).holds(handle)
    assert found is not None
    return found.id


def test_a_benefit_applied_while_omneo_was_not_reached_keeps_the_cart(harness: ServiceHarness) -> None:
    first, other = own(harness, "first-spend"), own(harness, "alterations")
    use_id = hold(harness.ctx, MIA, CART, first).use_id

    def apply_another(_: httpx.Request) -> None:
        hold(harness.ctx, MIA, CART, other)

    harness.wire.before_write = apply_another
    harness.wire.fail("POST", "redemptions", "refused")

    with pytest.raises(Declined) as refused:
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")

    with harness.ctx.ledger.read() as connection:
        left, holding = find_use(connection, use_id), held_in_cart(connection, "1001", CART.id)
    assert refused.value.reason == "loyalty_unavailable"
    assert left is not None
    assert left.state is UseState.RELEASED
    assert holding is not None
    assert (holding.benefit_id, holding.state) == (other, UseState.HELD)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)  # SQLite lets nobody else write meanwhile
def test_a_click_that_loses_a_race_gets_the_first_ones_outcome(harness: ServiceHarness) -> None:
    use_id = hold(harness.ctx, MIA, CART, own(harness, "first-spend")).use_id
    first: list[Use] = []

    def clock() -> datetime:
        """Asked once the second click has seen the hold, and before it takes it."""
        if not first:
            first.append(redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001"))
        return harness.clock.now

    second = redeem_for_order(replace(harness.ctx, clock=clock), use_id, "A1", actor="shopper 1001")

    assert [second.redemption_id] == [use.redemption_id for use in first]
    assert len(harness.redemptions()) == 1
