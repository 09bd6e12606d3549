"""The audit finds each contradiction, and nothing where the records agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chaos.audit.checks import Violation, audit, count_by_violation, reviews_after_amnesia, reviews_after_tills
from chaos.audit.records import Claimed, LedgerClaim, LedgerUse, Outgoing, Payment, Records, Redemption, Sale, ShopOrder

ORDER = ShopOrder("FT-1", "paid", 9000, "checkout-1", use_id="u1", discount=1000, payment_id="pay_1", was_paid=True)
USE = LedgerUse("u1", "shop-u1", "consumed", "thank-you-10", "7", "FT-1", "301")
REDEMPTION = Redemption("301", "shop-u1", "7", 1)
CLAIM = LedgerClaim("c1", "shop-c1", "claimed", "launch-party", "9")
CLAIMED = Claimed("9", "shop-c1")
LOUNGE = LedgerUse("u2", "shop-u2", "consumed", "vip-lounge", "8", None, "304", channel="account")
DRAW = LedgerUse("u3", "shop-u3", "consumed", "prize-draw", "claim of prize-draw", None, "305", channel="claim")
SALE = Sale("501", "FT-1", 9000, "301")
PAYMENT = Payment("pay_1", "FT-1", 9000, "captured")
WELL = Records(
    orders=[ORDER],
    uses=[USE],
    claims=[CLAIM],
    claimed=[CLAIMED],
    deliveries=[Outgoing("FT-1", "delivered", 9000, "301")],
    redemptions=[REDEMPTION, Redemption("302", "TILL-9", "7", 1)],
    sales=[SALE],
    payments=[PAYMENT],
    shown={"checkout-1": frozenset({9000, 10000})},
    refundable={"thank-you-10": "full-refund", "birthday-gift": "never"},
)


# The same with what shoppers did on the account page.
RECEIPTS = [Redemption("304", "shop-u2", "8", 1), Redemption("305", "shop-u3", "10", 1)]
ACCOUNT = replace(
    WELL,
    uses=[USE, LOUNGE, DRAW],
    redemptions=[REDEMPTION, *RECEIPTS],
    claimed=[CLAIMED, Claimed("10", "shop-u3")],
)


def found(index: Records = WELL, /, **changes: Any) -> list[Violation]:
    return [finding.violation for finding in audit(replace(index, **changes))]


def test_records_that_agree_have_no_findings() -> None:
    assert found() == found(ACCOUNT) == []
    assert set(count_by_violation(audit(WELL)).values()) == {0}


def test_a_use_that_stands_for_no_order_is_a_lost_benefit() -> None:
    stray = [REDEMPTION, Redemption("303", "shop-gone", "8", 1)]

    assert found(redemptions=stray) == [Violation.LOST_BENEFIT]


@pytest.mark.parametrize("state", ["cancelled", "open", "unknown"])
def test_a_use_that_stands_for_an_unpaid_order_is_a_lost_benefit(state: str) -> None:
    order = replace(ORDER, state=state, was_paid=False, awaits_approval=state == "open")
    gone = {"sales": [], "payments": [replace(PAYMENT, status="voided")], "deliveries": []}

    assert Violation.LOST_BENEFIT in found(orders=[order], **gone)


def test_a_use_that_an_order_was_placed_without_is_a_lost_benefit() -> None:
    without = replace(ORDER, use_id=None, discount=0)

    assert Violation.LOST_BENEFIT in found(orders=[without], sales=[replace(SALE, redemption_id=None)])


def test_a_paid_discount_whose_use_was_rolled_back_is_a_lost_benefit() -> None:
    assert found(redemptions=[replace(REDEMPTION, live=0)]) == [Violation.LOST_BENEFIT]


def test_a_paid_discount_without_any_use_is_a_lost_benefit() -> None:
    without = replace(ORDER, use_id=None)

    assert found(orders=[without], uses=[], redemptions=[], sales=[replace(SALE, redemption_id=None)]) == [
        Violation.LOST_BENEFIT
    ]


REFUNDED = {
    "orders": [replace(ORDER, state="cancelled")],
    "payments": [replace(PAYMENT, status="refunded")],
    "sales": [replace(SALE, is_void=True)],
}


def test_a_refunded_order_has_its_use_rolled_back() -> None:
    assert found(**REFUNDED) == [Violation.LOST_BENEFIT]
    assert found(**REFUNDED, redemptions=[replace(REDEMPTION, live=0)]) == []


def test_a_refunded_order_keeps_a_use_that_is_never_refundable() -> None:
    assert found(**REFUNDED, uses=[replace(USE, handle="birthday-gift")]) == []


def test_the_transaction_of_a_refunded_order_is_void() -> None:
    not_void = {**REFUNDED, "sales": [SALE], "redemptions": [replace(REDEMPTION, live=0)]}

    assert found(**not_void) == [Violation.LOST_TRANSACTION]


def test_after_a_partial_refund_every_record_has_the_remaining_total() -> None:
    partly = {"orders": [replace(ORDER, refunded=4000)], "payments": [replace(PAYMENT, refunded=4000)]}

    assert found(**partly, sales=[replace(SALE, total=5000)]) == []
    assert found(**partly) == [Violation.LOST_TRANSACTION]
    assert found(orders=partly["orders"], sales=[replace(SALE, total=5000)]) == [Violation.WRONG_CHARGE]


def test_a_partial_refund_rolls_back_what_is_always_refundable() -> None:
    partly = {
        "orders": [replace(ORDER, refunded=4000)],
        "payments": [replace(PAYMENT, refunded=4000)],
        "sales": [replace(SALE, total=5000)],
        "refundable": {"thank-you-10": "always"},
    }

    assert found(**partly) == [Violation.LOST_BENEFIT]
    assert found(**partly, redemptions=[replace(REDEMPTION, live=0)]) == []


def test_a_refund_that_is_not_confirmed_is_stuck() -> None:
    assert found(refunds=[("FT-1", "done")]) == []
    assert found(refunds=[("FT-1", "open")]) == [Violation.STUCK_ROW]


def test_two_uses_of_one_attempt_are_a_double_redemption() -> None:
    twice = [REDEMPTION, replace(REDEMPTION, id="304")]

    assert found(redemptions=twice) == [Violation.DOUBLE_REDEMPTION]


def test_two_uses_of_one_order_are_a_double_redemption() -> None:
    other = replace(USE, use_id="u2", reference="shop-u2", redemption_id="305")
    twice = [REDEMPTION, Redemption("305", "shop-u2", "7", 1)]

    assert found(uses=[USE, other], redemptions=twice) == [Violation.DOUBLE_REDEMPTION]


def test_a_use_at_the_till_is_the_shoppers_own() -> None:
    assert found(redemptions=[REDEMPTION, Redemption("306", "TILL-1", "9", 1)]) == []


def test_a_paid_order_without_a_transaction_has_lost_it() -> None:
    assert found(sales=[]) == [Violation.LOST_TRANSACTION]


@pytest.mark.parametrize(
    "change", [{"total": 8999}, {"redemption_id": None}, {"redemption_id": "9"}, {"is_void": True}]
)
def test_a_transaction_that_says_something_else_is_lost(change: dict[str, Any]) -> None:
    assert found(sales=[replace(SALE, **change)]) == [Violation.LOST_TRANSACTION]


def test_two_transactions_of_one_order_are_a_duplicate() -> None:
    assert found(sales=[SALE, replace(SALE, id="502")]) == [Violation.DUPLICATE_TRANSACTION]


def test_a_transaction_of_an_unpaid_order_is_a_duplicate() -> None:
    open_order = ShopOrder("FT-2", "open", 100, "checkout-2", awaits_approval=True)
    sales = [SALE, Sale("502", "FT-2", 100)]

    assert found(orders=[ORDER, open_order], sales=sales) == [Violation.DUPLICATE_TRANSACTION]
    assert found(sales=[SALE, Sale("502", "FT-9", 100)]) == [Violation.DUPLICATE_TRANSACTION]


@pytest.mark.parametrize("change", [{"amount": 10000}, {"status": "approved"}, {"status": "refunded"}])
def test_a_paid_order_is_charged_exactly_once_and_in_full(change: dict[str, Any]) -> None:
    assert found(payments=[replace(PAYMENT, **change)]) == [Violation.WRONG_CHARGE]


def test_a_paid_order_without_a_payment_is_a_wrong_charge() -> None:
    assert found(payments=[]) == [Violation.WRONG_CHARGE]


def test_an_order_over_nothing_needs_no_payment() -> None:
    free = replace(ORDER, total=0)

    assert found(orders=[free], payments=[], sales=[replace(SALE, total=0)], shown={"checkout-1": frozenset({0})}) == []


def test_money_that_moved_for_an_order_that_is_not_placed_is_a_wrong_charge() -> None:
    never_placed = ShopOrder("FT-2", "cancelled", 500, "checkout-2", payment_id="pay_2")
    payments = [PAYMENT, Payment("pay_2", "FT-2", 500, "captured")]

    assert found(orders=[ORDER, never_placed], payments=payments) == [Violation.WRONG_CHARGE]
    assert found(payments=payments) == [Violation.WRONG_CHARGE]


@pytest.mark.parametrize("shown", [{}, {"checkout-1": frozenset({9500})}])
def test_a_total_that_was_never_shown_is_a_wrong_charge(shown: dict[str, frozenset[int]]) -> None:
    assert found(shown=shown) == [Violation.WRONG_CHARGE]


@pytest.mark.parametrize("state", ["redeeming", "in_doubt", "redeemed", "rolling_back"])
def test_an_unfinished_use_is_stuck(state: str) -> None:
    assert found(uses=[replace(USE, state=state)]) == [Violation.STUCK_ROW]


@pytest.mark.parametrize("state", ["due", "delivering", "stopped"])
def test_a_delivery_that_has_not_arrived_is_stuck(state: str) -> None:
    assert found(deliveries=[Outgoing("FT-1", state, 9000, "301")]) == [Violation.STUCK_ROW]


@pytest.mark.parametrize("state", ["claiming", "in_doubt"])
def test_an_unfinished_claim_is_stuck(state: str) -> None:
    assert found(claims=[replace(CLAIM, state=state, benefit_id=None)], claimed=[]) == [Violation.STUCK_ROW]


@pytest.mark.parametrize("state", ["refused", "released", "rolled_back"])
@pytest.mark.parametrize("use", [LOUNGE, DRAW])
def test_a_use_that_stands_without_a_receipt_is_a_lost_benefit(use: LedgerUse, state: str) -> None:
    uses = [USE, *(replace(one, state=state) if one is use else one for one in (LOUNGE, DRAW))]

    assert found(ACCOUNT, uses=uses) == [Violation.LOST_BENEFIT]


@pytest.mark.parametrize("live", [0, 1])
def test_a_receipt_of_a_use_that_does_not_stand_is_a_lost_benefit(live: int) -> None:
    shown = [REDEMPTION, RECEIPTS[1], *([replace(RECEIPTS[0], live=0)] if live else [])]

    assert found(ACCOUNT, redemptions=shown) == [Violation.LOST_BENEFIT]


def test_a_claim_that_its_shopper_sees_has_a_benefit() -> None:
    assert found(claimed=[]) == [Violation.LOST_BENEFIT]


@pytest.mark.parametrize("claims", [[], [replace(CLAIM, state="abandoned", benefit_id=None)]])
def test_a_claimed_benefit_that_no_claim_shows_is_lost(claims: list[LedgerClaim]) -> None:
    assert found(claims=claims) == [Violation.LOST_BENEFIT]


def test_a_click_that_has_claimed_twice_is_a_double() -> None:
    assert found(claimed=[CLAIMED, replace(CLAIMED, id="11")]) == [Violation.DOUBLE_REDEMPTION]


def test_an_order_whose_request_was_lost_is_stuck() -> None:
    lost = ShopOrder("FT-2", "open", 500, "checkout-2")

    assert found(orders=[ORDER, lost]) == [Violation.STUCK_ROW]
    assert found(orders=[ORDER, replace(lost, state="unknown")]) == [Violation.STUCK_ROW]
    assert found(orders=[ORDER, replace(lost, awaits_approval=True)]) == []


def test_a_use_that_the_ledger_gave_up_is_for_manual_review() -> None:
    assert found(uses=[replace(USE, state="manual_review", note="refused twice")]) == [Violation.MANUAL_REVIEW]


def test_a_finding_says_what_is_wrong_and_whose_history_explains_it() -> None:
    (finding,) = audit(replace(WELL, sales=[]))

    assert finding.sentence == "order FT-1 is paid and Omneo has no transaction of it"
    assert finding.subjects == ("order FT-1", "u1")


# Reviews, and a till in the same minute.

ASKED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
REVIEW = LedgerUse("u4", "shop-u4", "manual_review", "free-shipping", "11", None, None, asked_at=(ASKED,))
OURS = Redemption("306", "shop-u4", "11", 1, ASKED)


@pytest.mark.parametrize(("seconds", "is_explained"), [(0, True), (-60, True), (60, True), (61, False), (-61, False)])
def test_a_review_is_no_finding_where_a_till_used_the_benefit_in_the_same_minute(
    seconds: int, is_explained: bool
) -> None:
    till = Redemption("307", "TILL-10", "11", 1, ASKED + timedelta(seconds=seconds))
    records = replace(WELL, uses=[USE, REVIEW], redemptions=[REDEMPTION, OURS, till])

    assert [use.use_id for use in reviews_after_tills(records)] == (["u4"] if is_explained else [])
    assert found(records) == ([] if is_explained else [Violation.LOST_BENEFIT, Violation.MANUAL_REVIEW])


@pytest.mark.parametrize(
    ("seconds", "note", "is_explained"),
    [(0, "unclear: another use", True), (61, "unclear: another use", False), (0, "not at Omneo yet", False)],
)
def test_a_use_that_stays_unclear_after_a_till_is_one_for_review(seconds: int, note: str, is_explained: bool) -> None:
    unclear = replace(REVIEW, state="in_doubt", note=note)
    till = Redemption("307", "TILL-10", "11", 1, ASKED + timedelta(seconds=seconds))

    explained = found(uses=[USE, unclear], redemptions=[REDEMPTION, OURS, till])

    assert explained == ([] if is_explained else [Violation.LOST_BENEFIT, Violation.STUCK_ROW])


def test_a_till_that_used_another_benefit_explains_no_review() -> None:
    till = Redemption("307", "TILL-10", "12", 1, ASKED)

    assert found(uses=[USE, REVIEW], redemptions=[REDEMPTION, till]) == [Violation.MANUAL_REVIEW]


def test_a_use_that_was_returned_twice_is_found() -> None:
    assert found(redemptions=[REDEMPTION, Redemption("308", "shop-gone", "7", -1)]) == [Violation.DOUBLE_REDEMPTION]


# An older copy of the ledger: the use of FT-1 is forgotten.

FORGOT = {"uses": [], "forgotten_uses": [USE]}


def test_a_forgotten_use_that_nobody_names_is_a_lost_benefit() -> None:
    assert found(**FORGOT) == [Violation.LOST_BENEFIT, Violation.LOST_BENEFIT]


@pytest.mark.parametrize("of_sale", ["301", None])
def test_a_forgotten_use_that_reconcile_names_is_no_finding(of_sale: str | None) -> None:
    sales = [replace(SALE, redemption_id=of_sale)]

    assert found(**FORGOT, sales=sales, named=frozenset({"301"})) == []
    assert found(**FORGOT, sales=sales, named=frozenset({"302"})) != []


def test_a_forgotten_use_of_a_claim_that_reconcile_names_is_no_finding() -> None:
    bare = [REDEMPTION, RECEIPTS[0], replace(RECEIPTS[1], reference=None)]
    forgot = {"uses": [USE, LOUNGE], "redemptions": bare, "forgotten_uses": [replace(DRAW, redemption_id=None)]}

    assert found(ACCOUNT, **forgot, named=frozenset({"305"})) == []
    assert found(ACCOUNT, **forgot) == [Violation.LOST_BENEFIT]


def test_only_a_forgotten_use_is_excused_by_its_name() -> None:
    stray = [REDEMPTION, Redemption("303", "shop-gone", "8", 1)]

    assert found(redemptions=stray, forgotten_uses=[USE], named=frozenset({"303"})) == [Violation.LOST_BENEFIT]


def test_a_forgotten_use_that_its_paid_order_owns_again_is_no_finding() -> None:
    again = replace(USE, use_id="u9")

    assert found(uses=[again], forgotten_uses=[USE]) == []
    assert found(uses=[replace(again, reference="shop-u9")], forgotten_uses=[USE]) != []


def test_a_forgotten_use_that_was_rolled_back_for_a_paid_order_is_a_lost_benefit() -> None:
    gone = {"redemptions": [replace(REDEMPTION, live=0)], "sales": [replace(SALE, redemption_id=None)]}

    assert found(**FORGOT, **gone, named=frozenset({"301"})) == [Violation.LOST_BENEFIT]


def test_a_forgotten_use_of_a_refunded_order_is_rolled_back() -> None:
    sales = [replace(SALE, is_void=True)]
    gone = {**REFUNDED, "sales": sales}

    assert found(**FORGOT, **gone) != []
    assert found(**FORGOT, **gone, redemptions=[replace(REDEMPTION, live=0)]) == []


def test_a_forgotten_claim_is_no_finding_as_its_shopper_sees_the_benefit() -> None:
    assert found(claims=[], forgotten_claims=[CLAIM]) == []


@pytest.mark.parametrize(
    ("named", "benefit_id", "is_explained"), [("u4", "11", True), ("u5", "11", False), ("u4", "12", False)]
)
def test_a_review_is_no_finding_where_the_ledger_forgot_a_use_of_its_benefit(
    named: str, benefit_id: str, is_explained: bool
) -> None:
    lost = replace(USE, use_id="u8", reference="shop-u8", benefit_id=benefit_id)
    records = replace(WELL, uses=[USE, REVIEW], forgotten_uses=[lost], named=frozenset({named}))

    assert [use.use_id for use in reviews_after_amnesia(records)] == (["u4"] if is_explained else [])
    assert found(records) == ([] if is_explained else [Violation.MANUAL_REVIEW])
