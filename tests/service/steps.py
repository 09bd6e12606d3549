"""Steps that tests of several rooms take: hold a benefit, read a use, use a benefit at a till, lose an answer."""

from __future__ import annotations

import pytest

from claimable_benefits.errors import Declined
from claimable_benefits.ledger.uses import Use, find_use
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import redeem_for_order
from tests.service.conftest import CART, MIA, ServiceHarness


def benefit_id(harness: ServiceHarness, handle: str = "first-spend") -> str:
    found = read_wallet(harness.ctx, MIA).holds(handle)
    if found is None:
        claim(harness.ctx, MIA, handle, f"claim of {handle}")
        found = read_wallet(harness.ctx, MIA).holds(handle)
    assert found is not None
    return found.id


def held(harness: ServiceHarness, handle: str = "first-spend") -> str:
    return hold(harness.ctx, MIA, CART, benefit_id(harness, handle)).use_id


def use(harness: ServiceHarness, use_id: str) -> Use:
    with harness.ctx.ledger.read() as connection:
        found = find_use(connection, use_id)
    assert found is not None
    return found


def use_at_the_till(harness: ServiceHarness, row: Use) -> None:
    """As a till does: without a reference."""
    path = f"/api/v3/profiles/{row.profile_id}/benefits/{row.benefit_id}/redeem"
    headers = {"Authorization": "Bearer sandbox-token"}
    answer = harness.sandbox.test_client().post(path, json={"count": 1}, headers=headers)
    assert answer.status_code == 201


def lose(harness: ServiceHarness, kind: str, use_id: str, number: str = "A1") -> None:
    """Place the order while the answer to the redemption, and every look, is lost."""
    harness.wire.fail("POST", "/redemptions", kind)
    harness.wire.fail("GET", "/redemptions", "dropped", times=1)
    with pytest.raises(Declined) as declined:
        redeem_for_order(harness.ctx, use_id, number, actor="shopper 1001")
    assert declined.value.reason == "not_confirmed"
