"""Evaluate the evidence of a request whose answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from claimable_benefits.domain.benefits import Benefit, Definition, Redemption
from claimable_benefits.domain.evidence import (
    ABSENT,
    SKEW,
    UNCLEAR,
    Evidence,
    Finding,
    find_by_reference,
    find_claimed,
    find_claimed_use,
)

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OWNED = frozenset({"900"})
NEVER: list[Redemption] = []


def redemption(redemption_id: str = "159", **facts: Any) -> Redemption:
    usual: dict[str, Any] = {"kind": "redeem", "benefit_ids": ("7",), "created_at": AT + SECOND}
    return Redemption(redemption_id, **(usual | facts))


def found(redemption_id: str = "159") -> Finding:
    return Finding(Evidence.FOUND, redemption_id)


def named(redemption_id: str = "159", *extra_ids: str) -> Finding:
    return Finding(Evidence.FOUND, redemption_id, extra_ids, is_named=True)


# By our reference, where the tenant filters by it.


def test_our_reference_finds_it() -> None:
    assert named() == find_by_reference("shop-1", [redemption(external_id="shop-1")], OWNED)


def test_a_second_redemption_under_our_reference_is_an_extra() -> None:
    answered = [redemption(external_id="shop-1"), redemption("160", external_id="shop-1")]

    assert named("159", "160") == find_by_reference("shop-1", answered, OWNED)


def test_what_belongs_to_another_use_is_not_found_again() -> None:
    assert named("160") == find_by_reference("shop-1", [redemption("900"), redemption("160")], OWNED)


def test_no_answer_to_the_filter_is_absence() -> None:
    assert find_by_reference("shop-1", NEVER, OWNED) == ABSENT


def test_somebody_elses_reference_is_not_ours() -> None:
    assert find_by_reference("shop-1", [redemption(external_id="till-5")], OWNED) == ABSENT


def test_a_return_under_our_reference_is_no_use() -> None:
    assert find_by_reference("shop-1", [redemption(kind="return", external_id="shop-1")], OWNED) == ABSENT


def test_a_tenant_that_filters_but_does_not_repeat_the_reference_is_believed() -> None:
    assert named() == find_by_reference("shop-1", [redemption(external_id=None)], OWNED)


# Claims.


def benefit(benefit_id: str = "7", **facts: Any) -> Benefit:
    usual: dict[str, Any] = {"claimed_at": AT + SECOND}
    return Benefit(benefit_id, Definition("1", "gift", "A gift"), **(usual | facts))


def claimed(*held: Benefit) -> Finding:
    return find_claimed("shop-c1", "gift", AT, held, frozenset({"900"}))


def test_a_claim_is_found_by_our_reference_whatever_else_is_there() -> None:
    assert found("8") == claimed(benefit(), benefit("8", external_id="shop-c1", claimed_at=None))


def test_a_claim_is_found_by_kind_and_time_where_references_are_not_repeated() -> None:
    assert found("7") == claimed(benefit())


def test_a_claim_of_the_same_second_on_a_slow_clock_is_found() -> None:
    assert found("7") == claimed(benefit(claimed_at=AT - SKEW))


NOT_CLAIMED: dict[str, Benefit] = {
    "somebody else's reference": benefit(external_id="till-5"),
    "of another kind": replace(benefit(), definition=Definition("2", "scarf", "A scarf")),
    "issued, not claimed": benefit(claimed_at=None),
    "claimed long before": benefit(claimed_at=AT - SKEW - SECOND),
    "owned by another claim of ours": benefit("900"),
    "owned, for all its reference": benefit("900", external_id="shop-c1"),
}


@pytest.mark.parametrize("other", NOT_CLAIMED.values(), ids=NOT_CLAIMED)
def test_what_was_not_claimed_by_this_click_is_not_found(other: Benefit) -> None:
    assert claimed(other) == ABSENT


def test_an_empty_shelf_is_absence() -> None:
    assert claimed() == ABSENT


# A claim that was used at once.


def claimed_use(redemption_id: str = "159", **facts: Any) -> Redemption:
    return redemption(redemption_id, **({"benefit_handles": ("rsvp",), "benefit_ids": ("31",)} | facts))


def of_claim(*recent: Redemption, owned: frozenset[str] = frozenset()) -> Finding:
    return find_claimed_use("shop-1", "rsvp", AT, recent, owned)


def test_the_benefit_that_bears_our_reference_names_the_claimed_use() -> None:
    others = claimed_use("160", benefit_references=("till-5",))

    finding = of_claim(others, claimed_use(benefit_references=("shop-1",)))

    assert (finding.found_id, finding.is_named, finding.benefit_id) == ("159", True, "31")


def test_a_single_new_use_of_that_kind_is_the_claimed_one() -> None:
    finding = of_claim(claimed_use(), claimed_use("160", benefit_handles=("gift",)))

    assert (finding.found_id, finding.is_named) == ("159", False)


def test_two_new_uses_of_that_kind_are_unclear() -> None:
    assert of_claim(claimed_use(), claimed_use("160")) == UNCLEAR


@pytest.mark.parametrize(
    "other",
    [
        claimed_use(created_at=AT - SKEW - SECOND),
        claimed_use(kind="reversal"),
        claimed_use(benefit_references=("till-5",)),
        claimed_use("900"),
    ],
)
def test_what_cannot_be_the_claimed_use_is_passed_over(other: Redemption) -> None:
    assert of_claim(other, owned=frozenset({"900"})) == ABSENT
