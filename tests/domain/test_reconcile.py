"""Which redemptions were rolled back, where Omneo does not say which one a reversal belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.reconcile import (
    DisagreementCode,
    ForgottenRedemption,
    compare_redemptions,
    is_returned,
    may_be_ours,
    name_unowned,
    returned_without_a_row,
)
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

    found = list(compare_redemptions(second, [Known("1")], set()))
    waiting = list(compare_redemptions(doubtful, [Known(None, UseState.IN_DOUBT)], set()))

    assert [(one.code, one.ids) for one in found] == [(DisagreementCode.REDEMPTION_LEFT_OVER, ("2",))]
    assert waiting == []


@pytest.mark.parametrize(
    ("shown", "is_ours"),
    [
        ({}, True),
        ({"external_id": "shop-lost"}, True),
        ({"external_id": "till-9"}, False),
        ({"external_id": "shopping-9"}, False),
        ({"location_id": "3"}, False),
        ({"order_number": "A1"}, True),
        ({"order_number": "another shop's"}, False),
        ({"benefit_handles": ("store-only",)}, False),
        ({"kind": "return"}, False),
    ],
)
def test_what_omneo_shows_says_whether_a_redemption_may_be_ours(shown: dict[str, Any], is_ours: bool) -> None:
    one = replace(redemption(1), **shown)

    assert is_ours == may_be_ours(
        one,
        "shop",
        is_used_online=lambda used: used.benefit_handles != ("store-only",),
        knows_order=lambda number: number == "A1",
    )


def test_an_unowned_redemption_is_named_with_what_is_known_of_it() -> None:
    lost, till = redemption(1, external_id="shop-lost"), redemption(2)
    ours = ForgottenRedemption(lost, "A1", "shop-lost")

    told = [name_unowned(lost, ours), name_unowned(lost, None), name_unowned(till, None)]

    assert [one.code for one in told] == [
        *[DisagreementCode.REDEMPTION_UNKNOWN] * 2,
        DisagreementCode.REDEMPTION_UNOWNED,
    ]
    assert [one.order_number for one in told] == ["A1", None, None]


def test_uses_left_say_which_redemptions_were_rolled_back_without_a_row() -> None:
    shown = [redemption(number) for number in range(1, 6)]
    uses = [Known("1"), Known("2", order_number="C2"), Known("3", UseState.ROLLED_BACK), Known("4", UseState.RELEASED)]

    def gone(standing: int) -> set[str]:
        return returned_without_a_row(shown, uses, set(), benefit_id="7", standing=standing, of_cancelled={"2"})

    assert gone(5) == set()
    assert gone(4) == {"3"}
    assert gone(3) < gone(2) == {"3", "2", "4"}
    assert gone(1) == {"2", "3", "4", "5"}  # the fifth belongs to no use: a till's
    assert gone(0) == {"1", "2", "3", "4", "5"}
