"""Cancelled and refunded orders: the policy decides about the benefit, Omneo gets the sale, each of it once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, update

from claimable_benefits.domain.shop import Transaction
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import SettingsError
from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.ledger.tables import outbox
from claimable_benefits.ledger.uses import Use, uses_of_order
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.orders.refund import Refund, is_refundable, refund_in, refund_order
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, MIA, OpenHarness, ServiceHarness, sale

TENANTS: list[dict[str, str]] = [
    {},
    {"update_create": "off"},
    {"void": "release"},
    {"update_create": "off", "void": "release"},
]
NOTHING, BOTH = Refund(), Refund(benefit=True, transaction=True)
SALE_ONLY = Refund(transaction=True)


@pytest.fixture(params=TENANTS, ids=lambda switches: " and ".join(f"{k} {v}" for k, v in switches.items()) or "usual")
def tenant(request: pytest.FixtureRequest, new_harness: OpenHarness) -> ServiceHarness:
    """The same on every kind of tenant."""
    return new_harness(switches=request.param)


def placed(harness: ServiceHarness, handle: str = "first-spend") -> None:
    """Order A1, paid with that benefit."""
    benefit = read_wallet(harness.ctx, MIA).holds(handle)
    assert benefit is not None
    use_id = hold(harness.ctx, MIA, CART, benefit.id).use_id
    redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001")
    harness.submit("A1")


def refund(harness: ServiceHarness, *, full: bool = True, transaction: Transaction | None = None) -> Refund:
    return refund_order(
        harness.ctx, "A1", full_refund=full, transaction=transaction, actor="shop", reason="the order was cancelled"
    )


def the_use(harness: ServiceHarness) -> Use:
    with harness.ctx.ledger.read() as connection:
        return uses_of_order(connection, "A1")[0]


def in_the_outbox(harness: ServiceHarness) -> Delivery:
    with harness.ctx.ledger.read() as connection:
        found = find_delivery(connection, "A1")
    assert found is not None
    return found


def at_omneo(harness: ServiceHarness) -> dict[str, Any]:
    """The one sale of order A1."""
    sales: list[dict[str, Any]] = [t for t in harness.held_at_omneo()["transactions"] if t["external_id"] == "A1"]
    assert len(sales) == 1
    return sales[0]


def rolled_back(harness: ServiceHarness) -> int:
    return len(harness.redemptions("reversal")) + len(harness.redemptions("return"))


def rest(harness: ServiceHarness, total: str = "40.00") -> Transaction:
    """Order A1 after a part of it came back."""
    return replace(sale("A1", "1001", harness.clock.now), total=Decimal(total), items=())


def test_a_cancelled_order_is_void_at_omneo_and_its_benefit_is_back(tenant: ServiceHarness) -> None:
    placed(tenant)
    run_once(tenant.ctx)

    given, use = refund(tenant), the_use(tenant)
    run_once(tenant.ctx)
    tenant.work(minutes=12)

    assert given == BOTH
    assert use.state is UseState.ROLLED_BACK
    assert (at_omneo(tenant)["is_void"], tenant.live_redemptions(), rolled_back(tenant)) == (1, [], 1)
    assert in_the_outbox(tenant).state is DeliveryState.DELIVERED


def test_a_second_call_changes_nothing_and_says_so(tenant: ServiceHarness) -> None:
    placed(tenant)
    run_once(tenant.ctx)
    refund(tenant)
    tenant.work(minutes=1)
    before = in_the_outbox(tenant)

    again = refund(tenant)
    tenant.work(minutes=12)

    assert again == NOTHING
    assert not again
    assert (in_the_outbox(tenant).revision, rolled_back(tenant)) == (before.revision, 1)


@pytest.mark.parametrize("minutes", [1, 12])
def test_it_comes_back_by_reversal_or_return_according_to_age(harness: ServiceHarness, minutes: int) -> None:
    placed(harness)
    harness.clock.forward(minutes=minutes)

    refund(harness)

    assert len(harness.redemptions("reversal" if minutes == 1 else "return")) == 1
    assert harness.live_redemptions() == []


@pytest.mark.parametrize(
    ("handle", "full", "expected"),
    [
        ("free-shipping", True, True),
        ("free-shipping", False, True),
        ("first-spend", True, True),
        ("first-spend", False, False),
        ("alterations", True, False),
        ("alterations", False, False),
    ],
)
def test_the_policy_decides_whether_the_benefit_comes_back(
    harness: ServiceHarness, handle: str, *, full: bool, expected: bool
) -> None:
    wallet = read_wallet(harness.ctx, MIA)
    if wallet.holds(handle) is None:
        definition = next(d for d in harness.ctx.omneo.definitions() if d.handle == handle)
        harness.ctx.omneo.issue(definition.id, wallet.profile_id or "", at=harness.clock.now)
    placed(harness, handle)

    foretold = is_refundable(harness.ctx, "A1", full_refund=full)
    given = refund(harness, full=full, transaction=None if full else rest(harness))
    run_once(harness.ctx)

    assert foretold is expected
    assert given == Refund(benefit=expected, transaction=True)
    assert rolled_back(harness) == int(expected)
    assert (at_omneo(harness)["is_void"], at_omneo(harness)["total"]) == ((1, 89.99) if full else (0, 40.0))


def test_a_partial_refund_leaves_the_rest_of_the_sale_with_its_redemption(tenant: ServiceHarness) -> None:
    placed(tenant)
    run_once(tenant.ctx)
    redemption_id = in_the_outbox(tenant).redemption_id

    given = refund(tenant, full=False, transaction=rest(tenant))
    again = refund(tenant, full=False, transaction=in_the_outbox(tenant).transaction)
    tenant.work(minutes=12)

    assert (given, again) == (SALE_ONLY, NOTHING)
    assert (at_omneo(tenant)["total"], str(at_omneo(tenant)["redemption_id"])) == (40.0, redemption_id)
    assert at_omneo(tenant)["items"] == []
    assert tenant.live_redemptions() == [redemption_id]


def test_a_partial_refund_that_comes_late_does_not_bring_a_void_sale_back(harness: ServiceHarness) -> None:
    placed(harness)
    refund(harness)

    late = refund(harness, full=False, transaction=rest(harness))
    run_once(harness.ctx)

    assert late == NOTHING
    assert at_omneo(harness)["is_void"] == 1


def test_an_earlier_partial_refund_repeated_after_a_later_one_changes_nothing(harness: ServiceHarness) -> None:
    placed(harness)
    earlier, later = rest(harness, "60.00"), rest(harness, "40.00")

    given = [refund(harness, full=False, transaction=each) for each in (earlier, later, earlier)]
    run_once(harness.ctx)

    assert given == [SALE_ONLY, SALE_ONLY, NOTHING]
    assert at_omneo(harness)["total"] == 40.0


def test_what_was_not_delivered_yet_arrives_void_and_once(tenant: ServiceHarness) -> None:
    placed(tenant)

    given = refund(tenant)
    tenant.work(minutes=12)

    assert given == BOTH
    assert (at_omneo(tenant)["is_void"], tenant.live_redemptions()) == (1, [])
    assert rolled_back(tenant) == 1


def test_an_order_without_a_benefit_is_void_all_the_same(tenant: ServiceHarness) -> None:
    tenant.submit("A1")
    run_once(tenant.ctx)

    given = refund(tenant)
    run_once(tenant.ctx)

    assert given == SALE_ONLY
    assert at_omneo(tenant)["is_void"] == 1


def test_an_order_that_was_never_queued_is_void_with_what_the_shop_gives(harness: ServiceHarness) -> None:
    without, given = refund(harness), refund(harness, transaction=rest(harness))
    run_once(harness.ctx)

    assert (without, given) == (NOTHING, SALE_ONLY)
    assert (at_omneo(harness)["is_void"], at_omneo(harness)["total"]) == (1, 40.0)


def test_another_orders_transaction_is_refused_and_changes_nothing(harness: ServiceHarness) -> None:
    placed(harness)

    with pytest.raises(ValueError, match="that of order B2, not of order A1"):
        refund(harness, full=False, transaction=sale("B2", "1001", harness.clock.now))

    assert the_use(harness).state is UseState.CONSUMED


def test_a_session_of_another_database_is_refused(harness: ServiceHarness, tmp_path: Path) -> None:
    elsewhere = create_engine(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    with elsewhere.connect() as connection, pytest.raises(SettingsError, match=r"given to refund\(\)"):
        refund_in(harness.ctx, connection, "A1", full_refund=True, actor="shop", reason="cancelled")
    elsewhere.dispose()


def test_in_the_shops_transaction_nothing_is_sent_and_a_rollback_leaves_everything(harness: ServiceHarness) -> None:
    placed(harness)
    run_once(harness.ctx)
    calls = len(harness.wire.seen)

    with harness.ctx.ledger.engine.connect() as shop:
        refund_in(harness.ctx, shop, "A1", full_refund=True, actor="shop", reason="cancelled")
        shop.rollback()

    assert len(harness.wire.seen) == calls
    assert (the_use(harness).state, in_the_outbox(harness).transaction.is_void) == (UseState.CONSUMED, False)


def test_after_the_shops_commit_the_worker_does_the_rest(tenant: ServiceHarness) -> None:
    placed(tenant)
    run_once(tenant.ctx)
    calls = len(tenant.wire.seen)

    with tenant.ctx.ledger.write() as shop:
        given = refund_in(tenant.ctx, shop, "A1", full_refund=True, actor="shop", reason="cancelled")
        again = refund_in(tenant.ctx, shop, "A1", full_refund=True, actor="shop", reason="cancelled")
    sent = len(tenant.wire.seen) - calls
    run_once(tenant.ctx)

    assert (given, again, sent) == (BOTH, NOTHING, 0)
    assert the_use(tenant).state is UseState.ROLLED_BACK
    assert (at_omneo(tenant)["is_void"], tenant.live_redemptions(), rolled_back(tenant)) == (1, [], 1)


@pytest.mark.parametrize("kind", ["applied then dropped", "dropped", "refused", "503"])
@pytest.mark.parametrize("path", ["reversal", "/transactions"])
def test_a_lost_answer_to_a_rollback_ends_rolled_back_once(tenant: ServiceHarness, path: str, kind: str) -> None:
    placed(tenant)
    run_once(tenant.ctx)
    method = "PUT" if path == "/transactions" and tenant.wire.sent("PUT", path) else "POST"
    tenant.wire.fail(method, path, kind)

    refund(tenant)
    tenant.work(minutes=12)

    assert the_use(tenant).state is UseState.ROLLED_BACK
    assert (at_omneo(tenant)["is_void"], tenant.live_redemptions(), rolled_back(tenant)) == (1, [], 1)


def test_a_sale_that_omneo_voids_with_its_use_before_our_rollback_ends_rolled_back(new_harness: OpenHarness) -> None:
    harness = new_harness(switches={"void": "release"})
    placed(harness)
    run_once(harness.ctx)
    harness.wire.fail("POST", "reversal", "refused")
    refund(harness)
    run_once(harness.ctx)
    before = the_use(harness).state

    harness.work(minutes=12)

    assert before is UseState.ROLLING_BACK
    assert (the_use(harness).state, rolled_back(harness)) == (UseState.ROLLED_BACK, 1)


def test_an_older_row_of_the_outbox_can_still_be_read_and_voided(harness: ServiceHarness) -> None:
    placed(harness)
    older = in_the_outbox(harness).content.replace('"is_void": false, ', "")
    with harness.ctx.ledger.write() as connection:
        connection.execute(update(outbox).values(content=older))

    read, given = in_the_outbox(harness).transaction, refund(harness)

    assert "is_void" not in older
    assert not read.is_void
    assert (given, in_the_outbox(harness).transaction) == (BOTH, replace(read, is_void=True))
