"""A shop with BENEFITS_ORDER_PREFIX: at Omneo its orders have other names than in the shop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger import Ledger
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import AWKWARD, OpenHarness, ServiceHarness
from tests.service.steps import held, use


@pytest.fixture
def harness(new_harness: OpenHarness) -> Iterator[ServiceHarness]:
    plain = new_harness(switches=AWKWARD)
    url = plain.ctx.ledger.engine.url.render_as_string(hide_password=False)
    ledger = Ledger(url, order_prefix="B-")
    yield replace(plain, ctx=replace(plain.ctx, ledger=ledger))
    ledger.close()


class _KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(("name", "state"), [("B-A1", UseState.REDEEMED), ("A1", UseState.RELEASED)])
def test_a_redemption_that_the_tenant_has_linked_to_our_order_is_ours(
    harness: ServiceHarness, name: str, state: UseState
) -> None:
    use_id = held(harness)

    def kill(what: str) -> None:
        if what.startswith("after POST") and what.endswith("/redemptions"):
            raise _KilledError

    harness.wire.step = kill
    with pytest.raises(_KilledError):
        redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.wire.step = lambda _what: None
    [redemption_id] = harness.live_redemptions()
    made = harness.sandbox.test_client().post(
        "/api/v3/transactions",
        json={
            "external_id": name,
            "profile_id": use(harness, use_id).profile_id,
            "redemption_id": int(redemption_id),
            "total": 89.99,
            "transacted_at": "2026-03-02 12:00:00",
            "timezone": "Australia/Melbourne",
            "items": [],
        },
        headers={"Authorization": "Bearer sandbox-token"},
    )
    for _ in range(6):
        harness.clock.forward(seconds=41)
        run_once(harness.ctx)

    assert made.status_code == 201, made.get_json()
    history = [event.to_state for event in harness.events(use_id)]
    assert history[3] == state, history
