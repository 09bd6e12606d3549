"""Orders with numbers that are long or unusual reach Omneo like every other."""

from __future__ import annotations

import pytest

from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.states import UseState
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, ServiceHarness


@pytest.mark.parametrize("number", ["x" * 400, "2026/11/25-1", "Größe 7, größer", "..", "50%?", "a\nb"])
def test_the_order_is_redeemed_delivered_and_verified(harness: ServiceHarness, number: str) -> None:
    benefit = read_wallet(harness.ctx, MIA).holds("first-spend")
    assert benefit is not None
    use_id = hold(harness.ctx, MIA, CART, benefit.id).use_id

    redeemed = redeem_for_order(harness.ctx, use_id, number, actor="shopper 1001")
    harness.submit(number)
    harness.work(minutes=7)

    [transaction] = [t for t in harness.held_at_omneo()["transactions"] if t["external_id"] == external_id_of(number)]
    assert str(transaction["redemption_id"]) == redeemed.redemption_id
    assert harness.ctx.omneo.transaction_by_order(number) is not None


def test_a_number_that_cannot_be_stored_is_refused_before_anything_is_used(harness: ServiceHarness) -> None:
    benefit = read_wallet(harness.ctx, MIA).holds("first-spend")
    assert benefit is not None
    use_id = hold(harness.ctx, MIA, CART, benefit.id).use_id

    with pytest.raises(ValueError, match="is no order number"):
        redeem_for_order(harness.ctx, use_id, "a\x00b", actor="shopper 1001")
    run_once(harness.ctx)

    assert harness.redemptions() == []
    assert [e.to_state for e in harness.events(use_id)] == [UseState.HELD]
