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
    SentUse,
    find_by_reference,
    find_by_remaining_uses,
    find_claimed,
    find_claimed_use,
    find_rollback,
)

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TRUST_ABSENCE_AFTER = timedelta(seconds=90)
SECOND = timedelta(seconds=1)
SENT = SentUse("shop-1", "7", AT, TRUST_ABSENCE_AFTER, baseline_remaining=3, owned=frozenset({"900"}))
NEVER: list[Redemption] = []


def redemption(redemption_id: str = "159", **facts: Any) -> Redemption:
    usual: dict[str, Any] = {"kind": "redeem", "benefit_ids": ("7",), "created_at": AT + SECOND}
    return Redemption(redemption_id, **(usual | facts))


def found(redemption_id: str = "159") -> Finding:
    return Finding(Evidence.FOUND, redemption_id)


def named(redemption_id: str = "159", *extra_ids: str) -> Finding:
    return Finding(Evidence.FOUND, redemption_id, extra_ids, is_named=True)


def by_remaining_uses(
    *recent: Redemption, remaining: int | None = 2, readable: bool = True, sent: SentUse = SENT
) -> Finding:
    return find_by_remaining_uses(sent, recent, remaining, readable=readable)


# By our reference, where the tenant filters by it.


def test_our_reference_finds_it() -> None:
    assert named() == find_by_reference(SENT, [redemption(external_id="shop-1")])


def test_a_second_redemption_under_our_reference_is_an_extra() -> None:
    answered = [redemption(external_id="shop-1"), redemption("160", external_id="shop-1")]

    assert named("159", "160") == find_by_reference(SENT, answered)


def test_what_belongs_to_another_use_is_not_found_again() -> None:
    assert named("160") == find_by_reference(SENT, [redemption("900"), redemption("160")])


def test_no_answer_to_the_filter_is_absence() -> None:
    assert find_by_reference(SENT, NEVER) == ABSENT


def test_somebody_elses_reference_is_not_ours() -> None:
    assert find_by_reference(SENT, [redemption(external_id="till-5")]) == ABSENT


def test_a_return_under_our_reference_is_no_use() -> None:
    assert find_by_reference(SENT, [redemption(kind="return", external_id="shop-1")]) == ABSENT


def test_a_tenant_that_filters_but_does_not_repeat_the_reference_is_believed() -> None:
    assert named() == find_by_reference(SENT, [redemption(external_id=None)])


# By remaining uses: the profile's redemptions, and the uses left.


def test_one_new_redemption_and_one_use_less_is_ours() -> None:
    assert found() == by_remaining_uses(redemption(), remaining=2)


def test_nothing_new_is_absence() -> None:
    assert by_remaining_uses(remaining=3) == ABSENT


def test_nothing_new_is_absence_even_where_the_uses_left_cannot_be_read() -> None:
    assert by_remaining_uses(remaining=None, readable=False) == ABSENT


def test_a_till_that_used_it_at_the_same_time_makes_two_candidates_unclear() -> None:
    till = redemption("160", created_at=AT + 3 * SECOND)

    assert by_remaining_uses(redemption(), till, remaining=1) == UNCLEAR


def test_one_redemption_but_two_uses_less_is_unclear() -> None:
    assert by_remaining_uses(redemption(), remaining=1) == UNCLEAR


def test_one_redemption_but_no_use_less_is_unclear() -> None:
    assert by_remaining_uses(redemption(), remaining=3) == UNCLEAR


def test_more_uses_than_before_is_unclear() -> None:
    assert by_remaining_uses(redemption(), remaining=4) == UNCLEAR


@pytest.mark.parametrize(
    ("baseline", "remaining", "readable"), [(None, 2, True), (3, None, True), (3, 2, False), (None, None, True)]
)
def test_a_candidate_without_a_count_to_compare_is_unclear(
    baseline: int | None, remaining: int | None, readable: bool
) -> None:
    sent = replace(SENT, baseline_remaining=baseline)

    assert by_remaining_uses(redemption(), remaining=remaining, readable=readable, sent=sent) == UNCLEAR


def test_our_reference_decides_among_several() -> None:
    assert named("160") == by_remaining_uses(redemption(), redemption("160", external_id="shop-1"), remaining=1)


def test_our_reference_decides_without_any_count() -> None:
    assert named() == by_remaining_uses(redemption(external_id="shop-1"), remaining=None, readable=False)


NOT_OURS: dict[str, Redemption] = {
    "another benefit": redemption(benefit_ids=("8",)),
    "no benefit named": redemption(benefit_ids=()),
    "a return": redemption(kind="return"),
    "a reversal": redemption(kind="reversal"),
    "a till's reference": redemption(external_id="till-5"),
    "linked to a transaction": redemption(transaction_id="44"),
    "another use of ours": redemption("900"),
    "no time at all": redemption(created_at=None),
    "long before it was sent": redemption(created_at=AT - SKEW - SECOND),
    "long after it could have come": redemption(created_at=AT + TRUST_ABSENCE_AFTER + SKEW + SECOND),
}


@pytest.mark.parametrize("other", NOT_OURS.values(), ids=NOT_OURS)
def test_what_cannot_be_ours_is_no_candidate(other: Redemption) -> None:
    assert by_remaining_uses(other, remaining=2) == ABSENT


@pytest.mark.parametrize("at", [AT - SKEW, AT, AT + TRUST_ABSENCE_AFTER, AT + TRUST_ABSENCE_AFTER + SKEW])
def test_clocks_may_differ_by_two_minutes(at: datetime) -> None:
    assert found() == by_remaining_uses(redemption(created_at=at))


def test_the_time_of_use_stands_in_for_a_missing_time_of_record() -> None:
    assert found() == by_remaining_uses(redemption(created_at=None, redeemed_at=AT))


def test_several_benefits_in_one_redemption_count_for_each() -> None:
    assert found() == by_remaining_uses(redemption(benefit_ids=("6", "7")))


# Rollbacks.


@pytest.mark.parametrize("kind", ["reversal", "return"])
def test_a_new_reversal_or_return_is_found(kind: str) -> None:
    assert found() == find_rollback("7", AT, [redemption(kind=kind)], frozenset())


NO_UNDO: dict[str, Redemption] = {
    "a use": redemption(),
    "of another benefit": redemption(kind="return", benefit_ids=("8",)),
    "without a time": redemption(kind="return", created_at=None),
    "before ours was sent": redemption(kind="return", created_at=AT - SKEW - SECOND),
    "of another use of ours": redemption("900", kind="return"),
}


@pytest.mark.parametrize("other", NO_UNDO.values(), ids=NO_UNDO)
def test_a_rollback_of_another_benefit_is_not_found(other: Redemption) -> None:
    assert find_rollback("7", AT, [other], frozenset({"900"})) == ABSENT


def test_a_rollback_is_ours_only_where_there_is_one_for_every_concurrent_use() -> None:
    one, two = redemption("1", kind="return"), redemption("2", kind="reversal")

    assert find_rollback("7", AT, [one], frozenset(), concurrent=1) == UNCLEAR
    assert find_rollback("7", AT, [one, two], frozenset(), concurrent=1) == Finding(Evidence.FOUND, "1")
    assert find_rollback("7", AT, NEVER, frozenset(), concurrent=1) == ABSENT


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
