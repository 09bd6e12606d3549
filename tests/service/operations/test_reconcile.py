"""What disagrees is found, in words; what the ledger owns is mended, once; what a till did is left alone."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from claimable_benefits.domain.reconcile import DisagreementCode
from claimable_benefits.domain.shop import Order, OrderState
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import Use, find_use, move_use, uses_of_order
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.operations.reconcile import Report, reconcile
from claimable_benefits.service.operations.repair import Repaired, repair
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.periodic import reconcile_daily, run_periodic
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, LEO, MIA, World, open_world, sale
from tests.service.test_deliver import at_omneo, placed


def compared(world: World) -> Report:
    return reconcile(world.ctx, world.clock.now - timedelta(days=1), world.clock.now + timedelta(seconds=1))


def codes(report: Report) -> list[DisagreementCode]:
    return [one.code for one in report.found]


def mended(world: World) -> Repaired:
    return repair(world.ctx, compared(world), actor="staff anna")


def delivered(world: World, number: str = "A1", handle: str = "first-spend") -> str:
    redemption_id = placed(world, number, handle)
    run_once(world.ctx)
    world.orders.set(number, OrderState.PAID, sale(number, "1001", world.clock.now))
    world.clock.forward(minutes=15)
    return redemption_id


def use_of(world: World, number: str = "A1") -> Use:
    with world.ctx.ledger.read() as connection:
        return uses_of_order(connection, number)[-1]


def force(world: World, use: Use, to: UseState) -> None:
    with world.ctx.ledger.write() as connection:
        move_use(connection, use, to, world.ctx.audit("test", "as told"), note="as told")


def at_the_till(world: World) -> str:
    wallet = read_wallet(world.ctx, LEO)
    benefit = wallet.usable[0].benefit
    used = world.ctx.omneo.redeem(wallet.profile_id or "", benefit.id, reference="till-77", at=world.clock.now)
    return used.id


def delete(world: World, transaction: object) -> None:
    path = f"/api/v3/transactions/{transaction}"
    answer = world.sandbox.test_client().delete(path, headers={"Authorization": "Bearer sandbox-token"})
    assert answer.status_code == 204


def test_what_agrees_is_not_told_and_the_outbox_stands_in_for_the_shop(world: World) -> None:
    delivered(world)

    report = compared(world)

    assert (codes(report), report.orders, report.profiles, report.by_loader) == ([], 1, 1, False)


def test_a_transaction_that_is_gone_is_delivered_again_and_only_once(world: World) -> None:
    redemption_id = delivered(world)
    delete(world, at_omneo(world)[0]["id"])

    found = codes(compared(world))
    first, second = mended(world), mended(world)

    assert found == [DisagreementCode.TRANSACTION_MISSING]
    assert (first.done, codes(first.left)) == (("The transaction of order A1 is delivered again.",), [])
    assert (second.done, codes(second.left)) == ((), [])
    assert [str(t["redemption_id"]) for t in at_omneo(world)] == [redemption_id]


@pytest.mark.parametrize("change", [{"total": 12.5}, {"redemption_id": None}, {"is_void": True}])
def test_a_transaction_that_was_changed_is_put_right(world: World, change: dict[str, object]) -> None:
    redemption_id = delivered(world)
    path = f"/api/v3/transactions/{at_omneo(world)[0]['id']}"
    headers = {"Authorization": "Bearer sandbox-token"}
    assert world.sandbox.test_client().put(path, json=change, headers=headers).status_code == 200

    found = codes(compared(world))
    after = mended(world)

    now = at_omneo(world)[0]
    assert (found, codes(after.left)) == ([DisagreementCode.TRANSACTION_DIFFERS], [])
    assert (now["total"], str(now["redemption_id"]), bool(now["is_void"])) == (89.99, redemption_id, False)


@pytest.mark.parametrize("void", ["keep", "release"])
def test_a_second_transaction_of_an_order_is_voided_and_costs_no_benefit(tmp_path: Path, void: str) -> None:
    (tmp_path / "omneo").mkdir()
    world = open_world(tmp_path, switches={"void": void})
    redemption_id = delivered(world)
    twin = sale("A1", "1001", world.clock.now)
    profile_id = read_wallet(world.ctx, MIA).profile_id
    world.ctx.omneo.create_transaction(twin, profile_id=profile_id, redemption_id=redemption_id)

    found = codes(compared(world))
    after, again = mended(world), mended(world)

    customer_version = [t for t in at_omneo(world) if not t["is_void"]]
    assert (found, codes(after.left), again.done) == ([DisagreementCode.TRANSACTION_DUPLICATED], [], ())
    assert [str(t["redemption_id"]) for t in customer_version] == [redemption_id]
    assert (world.live_redemptions(), len(at_omneo(world))) == ([redemption_id], 2)
    assert any("void transaction" in event.reason for event in world.events("order A1"))
    world.ctx.omneo.close()
    world.ctx.ledger.close()


def test_a_sale_of_somebody_else_under_the_same_number_is_told_and_left_alone(world: World) -> None:
    delivered(world)
    profile_id = read_wallet(world.ctx, LEO).profile_id
    world.ctx.omneo.create_transaction(
        sale("A1", None, world.clock.now), profile_id=profile_id, redemption_id=at_the_till(world)
    )

    after = mended(world)

    assert (after.done, codes(after.left)) == ((), [DisagreementCode.TRANSACTION_DUPLICATED])
    assert "Not all of them look like ours" in after.left.found[0].sentence
    assert [bool(t["is_void"]) for t in at_omneo(world)] == [False, False]


def test_a_cancelled_order_is_voided_and_gives_its_benefit_back(world: World) -> None:
    delivered(world)
    world.orders.set("A1", OrderState.CANCELLED)
    till = at_the_till(world)

    found = codes(compared(world))
    after, again = mended(world), mended(world)

    assert set(found) == {DisagreementCode.TRANSACTION_NOT_VOID, DisagreementCode.REDEMPTION_LEFT_OVER}
    assert (codes(after.left), again.done) == ([], ())
    assert [bool(t["is_void"]) for t in at_omneo(world)] == [True]
    assert world.live_redemptions() == [till]


def test_a_cancelled_order_keeps_what_its_policy_never_gives_back(world: World) -> None:
    redemption_id = delivered(world, handle="alterations")
    world.orders.set("A1", OrderState.CANCELLED)

    after = mended(world)

    assert codes(after.left) == []
    assert world.live_redemptions() == [redemption_id]


def test_a_paid_order_that_was_never_submitted_is_found_by_the_orders_loader(world: World) -> None:
    paid = Order("Z9", OrderState.PAID, sale("Z9", "1001", world.clock.now))
    asked: list[tuple[datetime, datetime]] = []

    def orders(since: datetime, until: datetime) -> list[Order]:
        asked.append((since, until))
        return [paid]

    world = replace(world, ctx=replace(world.ctx, orders_loader=orders))
    world.orders.set("Z9", OrderState.PAID, paid.transaction)

    report = compared(world)
    after = repair(world.ctx, report, actor="staff anna")

    assert (codes(report), report.by_loader) == ([DisagreementCode.TRANSACTION_MISSING], True)
    assert "never submitted" in report.found[0].sentence
    assert asked[0][0].tzinfo is not None
    assert (codes(after.left), len(at_omneo(world, "Z9"))) == ([], 1)


def test_a_paid_order_whose_use_still_waits_is_consumed(world: World) -> None:
    benefit = read_wallet(world.ctx, MIA).holds("first-spend")
    assert benefit is not None
    from claimable_benefits.service.redemption.redeem import redeem_for_order

    redeem_for_order(world.ctx, hold(world.ctx, MIA, CART, benefit.id).use_id, "A1", actor="shopper 1001")
    world.orders.set("A1", OrderState.PAID, sale("A1", "1001", world.clock.now))

    found = codes(compared(world))
    after = mended(world)

    assert found == [DisagreementCode.TRANSACTION_MISSING, DisagreementCode.USE_NOT_CONSUMED]
    assert (codes(after.left), use_of(world).state) == ([], UseState.CONSUMED)


def test_a_redemption_that_somebody_took_back_at_omneo_is_told(world: World) -> None:
    redemption_id = delivered(world)
    world.ctx.omneo.return_uses(redemption_id)

    after = mended(world)

    assert (after.done, codes(after.left)) == ((), [DisagreementCode.REDEMPTION_GONE])


def test_a_redemption_that_was_undone_or_used_at_the_till_is_no_disagreement(world: World) -> None:
    benefit = read_wallet(world.ctx, MIA).holds("first-spend")
    assert benefit is not None
    from claimable_benefits.service.redemption.redeem import redeem_for_order

    redeem_for_order(world.ctx, hold(world.ctx, MIA, CART, benefit.id).use_id, "A1", actor="shopper 1001")
    roll_back_order(world.ctx, "A1", actor="shop", reason="declined")
    profile_id = read_wallet(world.ctx, MIA).profile_id or ""
    till = world.ctx.omneo.redeem(profile_id, benefit.id, reference="till-5", at=world.clock.now).id

    after = mended(world)

    assert (after.done, codes(after.left)) == ((), [])
    assert world.live_redemptions() == [till]


def test_a_redemption_that_nothing_owns_is_given_back_and_a_tills_is_left_alone(world: World) -> None:
    delivered(world)
    wallet = read_wallet(world.ctx, MIA)
    other = wallet.holds("alterations")
    assert other is not None
    held = hold(world.ctx, MIA, replace(CART, id="cart-2"), other.id)
    with world.ctx.ledger.write() as connection:
        use = find_use(connection, held.use_id)
        assert use is not None
        sending = move_use(connection, use, UseState.REDEEMING, world.ctx.audit("t", "t"), sent_at=world.clock.now)
        move_use(connection, sending, UseState.REFUSED, world.ctx.audit("t", "t"))
    ours = world.ctx.omneo.redeem(wallet.profile_id or "", other.id, reference=use.reference, at=world.clock.now).id
    till = world.ctx.omneo.redeem(wallet.profile_id or "", other.id, reference="till-9", at=world.clock.now).id

    found = codes(compared(world))
    after, again = mended(world), mended(world)

    assert found == [DisagreementCode.REDEMPTION_LEFT_OVER]
    assert (codes(after.left), again.done) == ([], ())
    assert ours not in world.live_redemptions()
    assert till in world.live_redemptions()


def test_what_waits_for_a_person_is_stopped_or_stuck_is_told(world: World) -> None:
    delivered(world)
    use = use_of(world)
    force(world, use, UseState.ROLLING_BACK)
    force(world, use_of(world), UseState.MANUAL_REVIEW)
    world.submit("B2")
    world.wire.fail("POST", "/transactions", "422")
    run_once(world.ctx)
    world.submit("C3")
    world.clock.forward(hours=2)

    found = codes(compared(world))

    assert sorted(found) == [DisagreementCode.DELIVERY_STOPPED, DisagreementCode.MANUAL_REVIEW, DisagreementCode.STUCK]


def test_the_daily_comparison_is_done_by_one_process_and_warns_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    delivered(world)
    delete(world, at_omneo(world)[0]["id"])
    on_the_first_day = reconcile_daily(world.ctx)
    world.clock.forward(days=1, seconds=1)

    with caplog.at_level(logging.WARNING, logger="claimable_benefits"):
        first, second = reconcile_daily(world.ctx), reconcile_daily(world.ctx)

    warned = [r.getMessage() for r in caplog.records if "Reconciliation" in r.getMessage()]
    assert (on_the_first_day, first, second, len(warned)) == (0, 1, 0, 1)
    assert "transaction_missing" in warned[0]
    assert at_omneo(world) == []


@pytest.mark.parametrize(("setting", "left", "recorded"), [("repair", 0, 1), ("off", 0, 0)])
def test_the_daily_comparison_mends_only_where_it_is_told_to(
    world: World, setting: str, left: int, recorded: int
) -> None:
    delivered(world)
    delete(world, at_omneo(world)[0]["id"])
    ctx = replace(world.ctx, reconcile=setting)
    reconcile_daily(ctx)
    world.clock.forward(days=1, seconds=1)

    assert (reconcile_daily(ctx), len(at_omneo(world))) == (left, recorded)


@pytest.mark.parametrize(("switch", "warnings"), [("honoured", 0), ("ignored", 1)])
def test_a_tenant_that_ignores_our_references_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, switch: str, warnings: int
) -> None:
    (tmp_path / "omneo").mkdir()
    world = open_world(tmp_path, switches={"external_id_filter": switch})

    with caplog.at_level(logging.WARNING, logger="claimable_benefits"):
        run_periodic(world.ctx)
        run_periodic(world.ctx)

    assert len([r for r in caplog.records if "does not filter" in r.getMessage()]) == warnings
    world.ctx.omneo.close()
    world.ctx.ledger.close()


def test_the_shops_smaller_total_is_told_and_not_guessed_at(world: World) -> None:
    delivered(world)
    smaller = replace(sale("A1", "1001", world.clock.now), total=Decimal("50.00"))
    world.orders.set("A1", OrderState.PAID, smaller)

    after = mended(world)

    assert (after.done, codes(after.left)) == ((), [DisagreementCode.SUBMISSION_DIFFERS])
    assert [t["total"] for t in at_omneo(world)] == [89.99]
