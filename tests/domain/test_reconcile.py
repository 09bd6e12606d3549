"""Which redemptions were rolled back, where Omneo does not say which one a reversal belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.reconcile import DisagreementCode, compare_redemptions, is_returned
from claimable_benefits.domain.states import UseState

START = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Known:
    redemption_id: str | None
    state: UseState = UseState.CONSUMED
    rollback_id: str | None = None
    use_id: str = "u1"
    reference: str = "shop-u1"
    benefit_id: str = "7"
    name: str = "Hat Day"
    order_number: str | None = "A1"
    sent_at: datetime | None = START
    lease_until: datetime | None = None
    due_at: datetime | None = None
    updated_at: datetime = START
    note: str | None = None


def redemption(number: int, kind: str = "redeem", external_id: str | None = None) -> Redemption:
    return Redemption(
        str(number), kind, benefit_ids=("7",), created_at=START + timedelta(minutes=number), external_id=external_id
    )


def test_a_rollback_that_the_ledger_knows_belongs_to_its_own_redemption() -> None:
    shown = [redemption(1), redemption(2), redemption(3, "reversal")]

    assert is_returned(shown, [Known("1", UseState.ROLLED_BACK, "3")]) == {"1"}


def test_a_rollback_without_an_id_belongs_to_the_use_that_was_rolled_back() -> None:
    shown = [redemption(1), redemption(2), redemption(3, "return")]

    assert is_returned(shown, [Known("1", UseState.ROLLED_BACK)]) == {"1"}


def test_a_rollback_that_no_use_owns_is_assigned_to_a_tills_where_there_is_one() -> None:
    shown = [redemption(1), redemption(2), redemption(3, "return")]

    assert is_returned(shown, [Known("2")]) == {"1"}


def test_a_rollback_is_later_than_its_redemption() -> None:
    shown = [redemption(1, "return"), redemption(2)]

    assert is_returned(shown, [Known("2")]) == set()


def test_a_second_redemption_of_one_use_is_left_over_and_one_under_way_is_not() -> None:
    second = [redemption(1), redemption(2, external_id="shop-u1")]
    doubtful = [redemption(1, external_id="shop-u1")]

    found = list(compare_redemptions(second, [Known("1")], "shop"))
    waiting = list(compare_redemptions(doubtful, [Known(None, UseState.IN_DOUBT)], "shop"))

    assert [(one.code, one.ids) for one in found] == [(DisagreementCode.REDEMPTION_LEFT_OVER, ("2",))]
    assert waiting == []


def test_our_prefix_without_a_row_is_reported_and_a_tills_reference_is_not() -> None:
    shown = [redemption(1, external_id="shop-lost"), redemption(2, external_id="till-9")]

    found = list(compare_redemptions(shown, [], "shop"))

    assert [(one.code, one.ids) for one in found] == [(DisagreementCode.REDEMPTION_UNKNOWN, ("1",))]
