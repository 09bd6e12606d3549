"""What disagrees is found, in words; what the ledger owns is repaired, once; what a till did is left alone."""

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
from claimable_benefits.errors import OmneoError
from claimable_benefits.ledger.uses import Use, find_use, move_use, uses_of_order
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.operations.reconcile import Report, reconcile
from claimable_benefits.service.operations.repair import Repaired, repair
from claimable_benefits.service.orders.refund import refund_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.periodic import reconcile_daily, run_periodic
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import CART, LEO, MIA, ServiceHarness, open_harness, sale
from tests.service.delivery.test_deliver import at_omneo, placed


def compared(harness: ServiceHarness) -> Report:
    return reconcile(harness.ctx, harness.clock.now - timedelta(days=1), harness.clock.now + timedelta(seconds=1))


def codes(report: Report) -> list[DisagreementCode]:
    return [one.code for one in report.found]


def repaired(harness: ServiceHarness) -> Repaired:
    return repair(harness.ctx, compared(harness), actor="staff anna")


def delivered(harness: ServiceHarness, number: str = "A1", handle: str = "first-spend") -> str:
    redemption_id = placed(harness, number, handle)
    run_once(harness.ctx)
    harness.orders.set(number, OrderState.PAID, sale(number, "1001", harness.clock.now))
    harness.clock.forward(minutes=15)
    return redemption_id


def use_of(harness: ServiceHarness, number: str = "A1") -> Use:
    with harness.ctx.ledger.read() as connection:
        return uses_of_order(connection, number)[-1]


def force(harness: ServiceHarness, use: Use, to: UseState) -> None:
    with harness.ctx.ledger.write() as connection:
        move_use(connection, use, to, harness.ctx.audit("test", "as told"), note="as told")


def at_the_till(harness: ServiceHarness) -> str:
    wallet = read_wallet(harness.ctx, LEO)
    benefit = wallet.usable[0].benefit
    used = harness.ctx.omneo.redeem(wallet.profile_id or "", benefit.id, reference="till-77", at=harness.clock.now)
    return used.id


def delete(harness: ServiceHarness, transaction: object) -> None:
    path = f"/api/v3/transactions/{transaction}"
    answer = harness.sandbox.test_client().delete(path, headers={"Authorization": "Bearer sandbox-token"})
    assert answer.status_code == 204


def test_what_agrees_is_not_reported_and_the_outbox_replaces_the_shops_orders(harness: ServiceHarness) -> None:
    delivered(harness)

    report = compared(harness)

    assert (codes(report), report.orders, report.profiles, report.by_loader) == ([], 1, 1, False)


def test_a_transaction_that_is_gone_is_delivered_again_and_only_once(harness: ServiceHarness) -> None:
    redemption_id = delivered(harness)
    delete(harness, at_omneo(harness)[0]["id"])

    found = codes(compared(harness))
    first, second = repaired(harness), repaired(harness)

    assert found == [DisagreementCode.TRANSACTION_MISSING]
    assert (first.done, codes(first.left)) == (("The transaction of order A1 is delivered again.",), [])
    assert (second.done, codes(second.left)) == ((), [])
    assert [str(t["redemption_id"]) for t in at_omneo(harness)] == [redemption_id]


@pytest.mark.parametrize("change", [{"total": 12.5}, {"redemption_id": None}, {"is_void": True}])
def test_a_transaction_that_was_changed_is_put_right(harness: ServiceHarness, change: dict[str, object]) -> None:
    redemption_id = delivered(harness)
    path = f"/api/v3/transactions/{at_omneo(harness)[0]['id']}"
    headers = {"Authorization": "Bearer sandbox-token"}
    assert harness.sandbox.test_client().put(path, json=change, headers=headers).status_code == 200

    found = codes(compared(harness))
    after = repaired(harness)

    now = at_omneo(harness)[0]
    assert (found, codes(after.left)) == ([DisagreementCode.TRANSACTION_DIFFERS], [])
    assert (now["total"], str(now["redemption_id"]), bool(now["is_void"])) == (89.99, redemption_id, False)


@pytest.mark.parametrize("void", ["keep", "release"])
def test_a_second_transaction_of_an_order_is_voided_and_costs_no_benefit(tmp_path: Path, void: str) -> None:
    (tmp_path / "omneo").mkdir()
    harness = open_harness(tmp_path, switches={"void": void})
    redemption_id = delivered(harness)
    twin = sale("A1", "1001", harness.clock.now)
    profile_id = read_wallet(harness.ctx, MIA).profile_id
    harness.ctx.omneo.create_transaction(twin, profile_id=profile_id, redemption_id=redemption_id)

    found = codes(compared(harness))
    after, again = repaired(harness), repaired(harness)

    customer_version = [t for t in at_omneo(harness) if not t["is_void"]]
    assert (found, codes(after.left), again.done) == ([DisagreementCode.TRANSACTION_DUPLICATED], [], ())
    assert [str(t["redemption_id"]) for t in customer_version] == [redemption_id]
    assert (harness.live_redemptions(), len(at_omneo(harness))) == ([redemption_id], 2)
    assert any("void transaction" in event.reason for event in harness.events("order A1"))
    harness.ctx.omneo.close()
    harness.ctx.ledger.close()


def test_another_sale_under_the_same_number_is_reported_and_not_changed(harness: ServiceHarness) -> None:
    delivered(harness)
    profile_id = read_wallet(harness.ctx, LEO).profile_id
    harness.ctx.omneo.create_transaction(
        sale("A1", None, harness.clock.now), profile_id=profile_id, redemption_id=at_the_till(harness)
    )

    after = repaired(harness)

    unowned = DisagreementCode.REDEMPTION_UNOWNED  # the till's
    assert (after.done, codes(after.left)) == ((), [DisagreementCode.TRANSACTION_DUPLICATED, unowned])
    assert "Not all of them look like ours" in after.left.found[0].sentence
    assert [bool(t["is_void"]) for t in at_omneo(harness)] == [False, False]


def test_a_cancelled_order_is_voided_and_gives_its_benefit_back(harness: ServiceHarness) -> None:
    delivered(harness)
    harness.orders.set("A1", OrderState.CANCELLED)
    till = at_the_till(harness)

    found = codes(compared(harness))
    after, again = repaired(harness), repaired(harness)

    unowned = DisagreementCode.REDEMPTION_UNOWNED  # the till's
    assert set(found) == {DisagreementCode.TRANSACTION_NOT_VOID, DisagreementCode.REDEMPTION_LEFT_OVER, unowned}
    assert (codes(after.left), again.done) == ([unowned], ())
    assert [bool(t["is_void"]) for t in at_omneo(harness)] == [True]
    assert harness.live_redemptions() == [till]


def test_a_cancelled_order_keeps_what_its_policy_never_gives_back(harness: ServiceHarness) -> None:
    redemption_id = delivered(harness, handle="alterations")
    harness.orders.set("A1", OrderState.CANCELLED)

    after = repaired(harness)

    assert codes(after.left) == []
    assert harness.live_redemptions() == [redemption_id]


def test_a_paid_order_that_was_never_submitted_is_found_by_the_orders_loader(harness: ServiceHarness) -> None:
    paid = Order("Z9", OrderState.PAID, sale("Z9", "1001", harness.clock.now))
    asked: list[tuple[datetime, datetime]] = []

    def orders(since: datetime, until: datetime) -> list[Order]:
        asked.append((since, until))
        return [paid]

    harness = replace(harness, ctx=replace(harness.ctx, orders_loader=orders))
    harness.orders.set("Z9", OrderState.PAID, paid.transaction)

    report = compared(harness)
    after = repair(harness.ctx, report, actor="staff anna")

    assert (codes(report), report.by_loader) == ([DisagreementCode.TRANSACTION_MISSING], True)
    assert "never submitted" in report.found[0].sentence
    assert asked[0][0].tzinfo is not None
    assert (codes(after.left), len(at_omneo(harness, "Z9"))) == ([], 1)


def test_a_paid_order_whose_use_still_waits_is_consumed(harness: ServiceHarness) -> None:
    benefit = read_wallet(harness.ctx, MIA).holds("first-spend")
    assert benefit is not None
    from claimable_benefits.service.redemption.redeem import redeem_for_order

    redeem_for_order(harness.ctx, hold(harness.ctx, MIA, CART, benefit.id).use_id, "A1", actor="shopper 1001")
    harness.orders.set("A1", OrderState.PAID, sale("A1", "1001", harness.clock.now))

    found = codes(compared(harness))
    after = repaired(harness)

    assert found == [DisagreementCode.TRANSACTION_MISSING, DisagreementCode.USE_NOT_CONSUMED]
    assert (codes(after.left), use_of(harness).state) == ([], UseState.CONSUMED)


def test_a_redemption_that_was_rolled_back_at_omneo_is_reported(harness: ServiceHarness) -> None:
    redemption_id = delivered(harness)
    harness.ctx.omneo.return_uses(redemption_id)

    after = repaired(harness)

    assert (after.done, codes(after.left)) == ((), [DisagreementCode.REDEMPTION_GONE])


def test_a_redemption_that_was_rolled_back_is_no_disagreement_and_a_tills_use_is_named_at_most(
    harness: ServiceHarness,
) -> None:
    benefit = read_wallet(harness.ctx, MIA).holds("first-spend")
    assert benefit is not None
    from claimable_benefits.service.redemption.redeem import redeem_for_order

    redeem_for_order(harness.ctx, hold(harness.ctx, MIA, CART, benefit.id).use_id, "A1", actor="shopper 1001")
    roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    profile_id = read_wallet(harness.ctx, MIA).profile_id or ""
    till = harness.ctx.omneo.redeem(profile_id, benefit.id, reference="till-5", at=harness.clock.now).id

    after = repaired(harness)

    assert [(one.code, one.ids) for one in after.left.found] == [(DisagreementCode.REDEMPTION_UNOWNED, (till,))]
    assert (after.done, harness.live_redemptions()) == ((), [till])


def test_a_redemption_that_no_order_owns_is_rolled_back_and_a_tills_is_not_changed(harness: ServiceHarness) -> None:
    delivered(harness)
    wallet = read_wallet(harness.ctx, MIA)
    other = wallet.holds("alterations")
    assert other is not None
    held = hold(harness.ctx, MIA, replace(CART, id="cart-2"), other.id)
    with harness.ctx.ledger.write() as connection:
        use = find_use(connection, held.use_id)
        assert use is not None
        sending = move_use(connection, use, UseState.REDEEMING, harness.ctx.audit("t", "t"), sent_at=harness.clock.now)
        move_use(connection, sending, UseState.REFUSED, harness.ctx.audit("t", "t"))
    ours = harness.ctx.omneo.redeem(wallet.profile_id or "", other.id, reference=use.reference, at=harness.clock.now).id
    till = harness.ctx.omneo.redeem(wallet.profile_id or "", other.id, reference="till-9", at=harness.clock.now).id

    found = codes(compared(harness))
    after, again = repaired(harness), repaired(harness)

    unowned = DisagreementCode.REDEMPTION_UNOWNED  # the till's
    assert found == [DisagreementCode.REDEMPTION_LEFT_OVER, unowned]
    assert (codes(after.left), again.done) == ([unowned], ())
    assert ours not in harness.live_redemptions()
    assert till in harness.live_redemptions()


def test_what_waits_for_manual_review_is_stopped_or_stuck_is_reported(harness: ServiceHarness) -> None:
    delivered(harness)
    use = use_of(harness)
    force(harness, use, UseState.ROLLING_BACK)
    force(harness, use_of(harness), UseState.MANUAL_REVIEW)
    harness.submit("B2")
    harness.wire.fail("POST", "/transactions", "422")
    run_once(harness.ctx)
    harness.submit("C3")
    harness.clock.forward(hours=2)

    found = codes(compared(harness))

    assert sorted(found) == [DisagreementCode.DELIVERY_STOPPED, DisagreementCode.MANUAL_REVIEW, DisagreementCode.STUCK]


def test_the_daily_comparison_is_done_by_one_process_and_warns_once(
    harness: ServiceHarness, caplog: pytest.LogCaptureFixture
) -> None:
    delivered(harness)
    delete(harness, at_omneo(harness)[0]["id"])
    on_the_first_day = reconcile_daily(harness.ctx)
    harness.clock.forward(days=1, seconds=1)

    with caplog.at_level(logging.WARNING, logger="claimable_benefits"):
        first, second = reconcile_daily(harness.ctx), reconcile_daily(harness.ctx)

    warned = [r.getMessage() for r in caplog.records if "Reconciliation" in r.getMessage()]
    assert (on_the_first_day, first, second, len(warned)) == (0, 1, 0, 1)
    assert "transaction_missing" in warned[0]
    assert at_omneo(harness) == []


@pytest.mark.parametrize(("setting", "left", "recorded"), [("repair", 0, 1), ("off", 0, 0)])
def test_the_daily_comparison_repairs_only_where_the_setting_says_so(
    harness: ServiceHarness, setting: str, left: int, recorded: int
) -> None:
    delivered(harness)
    delete(harness, at_omneo(harness)[0]["id"])
    ctx = replace(harness.ctx, reconcile=setting)
    reconcile_daily(ctx)
    harness.clock.forward(days=1, seconds=1)

    assert (reconcile_daily(ctx), len(at_omneo(harness))) == (left, recorded)


@pytest.mark.parametrize(("switch", "warnings"), [("honoured", 0), ("ignored", 1)])
def test_a_tenant_that_ignores_our_references_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, switch: str, warnings: int
) -> None:
    (tmp_path / "omneo").mkdir()
    harness = open_harness(tmp_path, switches={"external_id_filter": switch})

    with caplog.at_level(logging.WARNING, logger="claimable_benefits"):
        run_periodic(harness.ctx)
        run_periodic(harness.ctx)

    assert len([r for r in caplog.records if "does not filter" in r.getMessage()]) == warnings
    harness.ctx.omneo.close()
    harness.ctx.ledger.close()


def test_a_smaller_total_of_the_shop_is_reported_and_not_repaired(harness: ServiceHarness) -> None:
    delivered(harness)
    smaller = replace(sale("A1", "1001", harness.clock.now), total=Decimal("50.00"))
    harness.orders.set("A1", OrderState.PAID, smaller)

    after = repaired(harness)

    assert (after.done, codes(after.left)) == ((), [DisagreementCode.SUBMISSION_DIFFERS])
    assert [t["total"] for t in at_omneo(harness)] == [89.99]


@pytest.mark.parametrize("state", ["listed", "hidden"])
def test_a_rollback_that_omneo_does_not_list_is_no_left_over_redemption(tmp_path: Path, state: str) -> None:
    (tmp_path / "omneo").mkdir()
    harness = open_harness(tmp_path, switches={"rollback_rows": state})
    for number in ("A1", "A2", "A3"):
        delivered(harness, number)
        harness.orders.set(number, OrderState.CANCELLED)
        refund_order(harness.ctx, number, full_refund=True, actor="shop", reason="refund")
        harness.work(minutes=1)

    report = compared(harness)

    assert (harness.live_redemptions(), codes(report)) == ([], [])
    harness.ctx.omneo.close()
    harness.ctx.ledger.close()


def test_a_redemption_that_is_left_over_is_found_where_omneo_lists_no_rollbacks(tmp_path: Path) -> None:
    (tmp_path / "omneo").mkdir()
    harness = open_harness(tmp_path, switches={"rollback_rows": "hidden"})
    redemption_id = delivered(harness)
    harness.orders.set("A1", OrderState.CANCELLED)

    report = compared(harness)

    assert DisagreementCode.REDEMPTION_LEFT_OVER in codes(report)
    assert harness.live_redemptions() == [redemption_id]
    harness.ctx.omneo.close()
    harness.ctx.ledger.close()


@pytest.mark.parametrize("kind", ["dropped", "503", "429", "garbage"])
def test_a_read_that_fails_is_repeated_and_the_comparison_goes_on(harness: ServiceHarness, kind: str) -> None:
    delivered(harness)
    for path in ("/transactions", "/redemptions"):
        harness.wire.fail("GET", path, kind, times=3)

    report = compared(harness)

    assert (codes(report), report.unread) == ([], 0)
    assert harness.wire.faults[0].times == harness.wire.faults[1].times == 0


def test_what_cannot_be_read_is_said_at_the_end_and_the_rest_is_compared(harness: ServiceHarness) -> None:
    delivered(harness)
    delivered(harness, "A2", handle="alterations")
    delete(harness, at_omneo(harness, "A2")[0]["id"])
    profile_id = use_of(harness).profile_id
    harness.wire.fail("GET", f"/profiles/{profile_id}/redemptions", "503", times=1_000)

    report = compared(harness)

    assert codes(report)[0] is DisagreementCode.TRANSACTION_MISSING
    assert set(codes(report)[1:]) == {DisagreementCode.NOT_COMPARED}
    assert report.unread == len(report.found) - 1
    assert profile_id in report.found[-1].sentence


def test_an_omneo_that_answers_nothing_at_all_is_an_error(harness: ServiceHarness) -> None:
    delivered(harness)
    harness.wire.fail("GET", "/", "dropped", times=1_000)

    with pytest.raises(OmneoError):
        compared(harness)


def test_a_day_that_was_not_read_whole_is_compared_again_the_next_day(harness: ServiceHarness) -> None:
    delivered(harness)
    reconcile_daily(harness.ctx)
    harness.clock.forward(days=1, seconds=1)
    harness.wire.fail("GET", f"/profiles/{use_of(harness).profile_id}/redemptions", "503", times=1_000)
    incomplete = reconcile_daily(harness.ctx)
    harness.wire.heal()
    delete(harness, at_omneo(harness)[0]["id"])
    harness.clock.forward(days=1, seconds=1)

    assert incomplete > 0
    assert reconcile_daily(harness.ctx) == 1
