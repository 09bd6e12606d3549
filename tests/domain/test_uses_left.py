"""Decide by the uses that are left: all doubts of ours on one benefit together, and rollbacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.evidence import ABSENT, SKEW, UNCLEAR, Evidence, Finding
from claimable_benefits.domain.states import UseState
from claimable_benefits.domain.uses_left import (
    BenefitRecord,
    Doubt,
    RollbackDoubt,
    assign_redemptions,
    find_listed_rollback,
    find_rollback,
)

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TRUST_ABSENCE_AFTER = timedelta(seconds=90)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
OWNED = frozenset({"900"})


@dataclass(frozen=True)
class KnownUse:
    """Another use of ours."""

    use_id: str = "other"
    state: UseState = UseState.CONSUMED
    redemption_id: str | None = "900"
    sent_at: datetime | None = AT
    redeemed_at: datetime | None = AT
    rollback_sent_at: datetime | None = None
    updated_at: datetime = AT


def redemption(redemption_id: str = "159", **facts: Any) -> Redemption:
    usual: dict[str, Any] = {"kind": "redeem", "benefit_ids": ("7",), "created_at": AT + SECOND}
    return Redemption(redemption_id, **(usual | facts))


def doubt(use_id: str = "u1", after: timedelta = timedelta(0), baseline: int | None = 3, **facts: Any) -> Doubt:
    at = AT + after
    return Doubt(use_id, f"shop-{use_id}", at, at + TRUST_ABSENCE_AFTER, baseline, **facts)


def record(*redemptions: Redemption, remaining: int | None = 2, is_readable: bool = True) -> BenefitRecord:
    return BenefitRecord("7", redemptions, remaining, is_readable)


def assigned(
    *redemptions: Redemption,
    remaining: int | None = 2,
    is_readable: bool = True,
    doubts: tuple[Doubt, ...] = (doubt(),),
    own: tuple[KnownUse, ...] = (),
    in_flight: int = 0,
) -> list[Finding]:
    shown = record(*redemptions, remaining=remaining, is_readable=is_readable)
    findings = assign_redemptions(doubts, shown, own, OWNED, in_flight=in_flight)
    return [findings[one.use_id] for one in doubts]


def found(redemption_id: str = "159") -> Finding:
    return Finding(Evidence.FOUND, redemption_id)


def named(redemption_id: str = "159") -> Finding:
    return Finding(Evidence.FOUND, redemption_id, is_named=True)


# One doubt.


def test_one_new_redemption_and_one_use_less_is_ours() -> None:
    assert assigned(redemption(), remaining=2) == [found()]


def test_nothing_new_is_absence() -> None:
    assert assigned(remaining=3) == [ABSENT]


def test_nothing_new_is_absence_even_where_the_uses_left_cannot_be_read() -> None:
    assert assigned(remaining=None, is_readable=False) == [ABSENT]


def test_one_use_less_of_which_no_redemption_is_listed_yet_is_unclear() -> None:
    assert assigned(remaining=2) == [UNCLEAR]


def test_more_uses_than_before_and_nothing_new_is_absence() -> None:
    assert assigned(remaining=4) == [ABSENT]


def test_a_till_that_used_it_at_the_same_time_makes_two_new_ones_unclear() -> None:
    till = redemption("160", created_at=AT + 3 * SECOND)

    assert assigned(redemption(), till, remaining=1) == [UNCLEAR]


def test_a_till_that_used_it_just_before_the_baseline_is_in_it() -> None:
    till = redemption(created_at=AT - 3 * SECOND)

    assert assigned(till, remaining=3) == [ABSENT]
    assert assigned(till, redemption("160"), remaining=2) == [found("160")]


@pytest.mark.parametrize("remaining", [1, 4])
def test_one_redemption_and_a_count_that_it_does_not_explain_is_unclear(remaining: int) -> None:
    assert assigned(redemption(), remaining=remaining) == [UNCLEAR]


def test_a_redemption_after_the_baseline_that_the_count_does_not_show_is_unclear() -> None:
    assert assigned(redemption(created_at=AT + SKEW + SECOND), remaining=3) == [UNCLEAR]


@pytest.mark.parametrize(("baseline", "remaining", "readable"), [(None, 2, True), (3, None, True), (3, 2, False)])
def test_a_candidate_without_a_count_to_compare_is_unclear(
    baseline: int | None, remaining: int | None, readable: bool
) -> None:
    doubts = (doubt(baseline=baseline),)

    assert assigned(redemption(), remaining=remaining, is_readable=readable, doubts=doubts) == [UNCLEAR]


def test_a_benefit_without_limit_is_decided_by_its_redemptions() -> None:
    doubts = (doubt(baseline=None),)

    assert assigned(redemption(), remaining=None, doubts=doubts) == [found()]
    assert assigned(redemption(), redemption("160"), remaining=None, doubts=doubts) == [UNCLEAR]


def test_our_reference_decides_among_several() -> None:
    assert assigned(redemption(), redemption("160", external_id="shop-u1"), remaining=1) == [named("160")]


def test_our_reference_decides_without_any_count() -> None:
    assert assigned(redemption(external_id="shop-u1"), remaining=None, is_readable=False) == [named()]


NOT_OURS: dict[str, tuple[Redemption, int]] = {
    "another benefit": (redemption(benefit_ids=("8",)), 3),
    "no benefit named": (redemption(benefit_ids=()), 3),
    "a return": (redemption(kind="return"), 4),
    "a reversal": (redemption(kind="reversal"), 4),
    "a till's reference": (redemption(external_id="till-5"), 2),
    "two uses at once": (redemption(count=2), 1),
    "linked to a transaction": (redemption(transaction_id="44"), 2),
    "no time at all": (redemption(created_at=None), 2),
    "long before it was sent": (redemption(created_at=AT - SKEW - SECOND), 3),
    "long after it could have come": (redemption(created_at=AT + TRUST_ABSENCE_AFTER + SKEW + SECOND), 2),
}


@pytest.mark.parametrize(("other", "remaining"), NOT_OURS.values(), ids=NOT_OURS)
def test_what_cannot_be_ours_is_no_candidate(other: Redemption, remaining: int) -> None:
    assert assigned(other, remaining=remaining) == [ABSENT]


def test_what_belongs_to_another_use_of_ours_is_no_candidate() -> None:
    later = KnownUse(sent_at=AT + SECOND, redeemed_at=AT + 2 * SECOND)

    assert assigned(redemption("900"), remaining=2, own=(later,)) == [ABSENT]
    assert assigned(redemption("900"), redemption("901"), remaining=1, own=(later,)) == [found("901")]


def test_a_redemption_that_omneo_linked_to_our_own_order_is_a_candidate() -> None:
    linked = redemption(transaction_id="44", order_number="A1")

    assert assigned(linked, doubts=(doubt(order_external_id="A1"),)) == [found()]
    assert assigned(linked, doubts=(doubt(order_external_id="A2"),)) == [ABSENT]


@pytest.mark.parametrize("at", [AT - SKEW, AT, AT + TRUST_ABSENCE_AFTER, AT + TRUST_ABSENCE_AFTER + SKEW])
def test_clocks_may_differ_by_two_minutes(at: datetime) -> None:
    assert assigned(redemption(created_at=at)) == [found()]


def test_the_time_of_use_stands_in_for_a_missing_time_of_record() -> None:
    assert assigned(redemption(created_at=None, redeemed_at=AT)) == [found()]


def test_several_benefits_in_one_redemption_count_for_each() -> None:
    assert assigned(redemption(benefit_ids=("6", "7"), count=2)) == [found()]


def test_a_rollback_of_ours_meanwhile_explains_that_the_count_did_not_fall() -> None:
    rolled_back = KnownUse(state=UseState.ROLLED_BACK, redeemed_at=AT - MINUTE, rollback_sent_at=AT + SECOND)

    assert assigned(redemption(), remaining=3, own=(replace(rolled_back, updated_at=AT + MINUTE),)) == [found()]


JUST_BEFORE = AT - SECOND / 4  # after the baseline was read, and before the use was sent


def own_redemption(at: datetime, **facts: Any) -> KnownUse:
    return KnownUse(sent_at=at, redeemed_at=at, updated_at=at, **facts)


def test_a_use_of_ours_between_the_baseline_and_the_request_is_not_in_the_baseline() -> None:
    mine, other = redemption(created_at=AT + 4 * SECOND), redemption("900", created_at=AT)
    own = (own_redemption(JUST_BEFORE),)

    assert assigned(mine, other, own=own, remaining=1) == [found()]
    assert assigned(other, own=own, remaining=2) == [ABSENT]


def test_a_use_of_ours_just_before_the_baseline_may_be_in_it() -> None:
    mine, other = redemption(created_at=AT + 4 * SECOND), redemption("900", created_at=AT - SECOND)
    own = (own_redemption(AT - SECOND),)

    assert assigned(mine, other, own=own, remaining=2) == [found()]
    assert assigned(other, own=own, remaining=3) == [ABSENT]


def test_a_rollback_of_ours_between_the_baseline_and_the_request_is_not_in_the_baseline() -> None:
    own = (
        KnownUse(
            state=UseState.ROLLED_BACK,
            sent_at=AT - MINUTE,
            redeemed_at=AT - MINUTE,
            rollback_sent_at=AT - SECOND,
            updated_at=JUST_BEFORE,
        ),
    )

    assert assigned(redemption(), own=own, remaining=3) == [found()]
    assert assigned(redemption(), own=own, remaining=2) == [found()]
    assert assigned(own=own, remaining=4) == [ABSENT]


def test_while_another_request_of_ours_is_under_way_nothing_is_assigned() -> None:
    assert assigned(redemption(), remaining=2, in_flight=1) == [UNCLEAR]
    assert assigned(remaining=3, in_flight=1) == [ABSENT]


# Several doubts.


def test_two_uses_in_doubt_and_two_new_redemptions_were_both_applied() -> None:
    doubts = doubt("u1"), doubt("u2", 10 * SECOND, baseline=2)
    later = redemption("160", created_at=AT + 11 * SECOND)

    assert assigned(redemption(), later, remaining=1, doubts=doubts) == [found("159"), found("160")]


def test_of_two_uses_in_doubt_one_new_redemption_belongs_to_the_one_that_was_sent_last_before_it() -> None:
    doubts = doubt("u1"), doubt("u2", 30 * SECOND)

    assert assigned(redemption(created_at=AT + 31 * SECOND), remaining=2, doubts=doubts) == [ABSENT, found()]
    assert assigned(redemption(), remaining=2, doubts=doubts) == [found(), ABSENT]


def test_a_released_use_is_passed_over_where_the_redemption_belongs_to_one_in_doubt() -> None:
    released = doubt("u1", is_open=False)

    assert assigned(redemption(), remaining=2, doubts=(released, doubt("u2", SECOND))) == [ABSENT, found()]
    assert assigned(redemption(), remaining=2, doubts=(released,)) == [UNCLEAR]


def test_three_new_redemptions_of_two_uses_are_unclear() -> None:
    three = [redemption(str(number)) for number in (159, 160, 161)]

    assert assigned(*three, remaining=0, doubts=(doubt("u1"), doubt("u2"))) == [UNCLEAR, UNCLEAR]


def test_a_doubt_in_whose_time_nothing_was_made_is_absent_whatever_the_others_are() -> None:
    long_ago = doubt("u1", -20 * MINUTE)
    two = redemption("159"), redemption("160")

    assert assigned(*two, remaining=1, doubts=(long_ago, doubt("u2"))) == [ABSENT, UNCLEAR]


seconds = st.integers(-600, 600).map(lambda number: timedelta(seconds=number))
doubtful = st.lists(st.tuples(seconds, st.booleans(), st.none() | st.integers(0, 5)), min_size=1, max_size=4)
made = st.lists(st.tuples(seconds, st.sampled_from([None, "till-5"]), st.integers(1, 2)), max_size=5)


@given(doubtful, made, st.none() | st.integers(0, 6), st.integers(0, 1))
def test_no_redemption_is_assigned_to_two_uses(
    sent: list[tuple[timedelta, bool, int | None]],
    made: list[tuple[timedelta, str | None, int]],
    remaining: int | None,
    in_flight: int,
) -> None:
    doubts = [
        replace(doubt(f"u{place}", after, baseline), is_open=is_open)
        for place, (after, is_open, baseline) in enumerate(sent)
    ]
    redemptions = [
        redemption(str(place), created_at=AT + after, external_id=reference, count=count)
        for place, (after, reference, count) in enumerate(made)
    ]

    findings = assign_redemptions(doubts, record(*redemptions, remaining=remaining), (), OWNED, in_flight=in_flight)

    assigned_ids = [finding.found_id for finding in findings.values() if finding.found_id]
    assert set(findings) == {one.use_id for one in doubts}
    assert len(assigned_ids) == len(set(assigned_ids))
    assert not {one.id for one in redemptions if one.external_id or one.count > 1} & set(assigned_ids)


@given(st.integers(1, 4), st.integers(0, 4), st.integers(1, 4), st.integers(8, 9))
def test_no_redemption_is_assigned_where_a_till_may_have_made_one_of_them(
    in_doubt: int, applied: int, by_tills: int, baseline: int
) -> None:
    """More new redemptions than doubts: the count cannot tell which of them are ours."""
    new = max(applied, in_doubt - by_tills + 1) + by_tills
    doubts = [doubt(f"u{place}", place * SECOND, baseline) for place in range(in_doubt)]
    redemptions = [redemption(str(place), created_at=AT + place * 7 * SECOND) for place in range(new)]

    findings = assign_redemptions(doubts, record(*redemptions, remaining=baseline - new), (), OWNED)

    assert all(finding.found_id is None for finding in findings.values())


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=4), st.integers(0, 3))
def test_what_was_applied_is_assigned_and_what_was_not_is_absent_where_no_till_used_it(
    sent: list[tuple[int, bool]], used_before: int
) -> None:
    doubts, redemptions, left = [], [], 9
    redemptions += [redemption(f"old {n}", created_at=AT - 5 * MINUTE) for n in range(used_before)]
    for place, (after, was_applied) in enumerate(sorted(sent)):
        doubts.append(doubt(f"u{place}", after * SECOND, left))
        if was_applied:
            redemptions.append(redemption(str(place), created_at=AT + (after + 1) * SECOND))
            left -= 1

    findings = assign_redemptions(doubts, record(*redemptions, remaining=left), (), OWNED)

    assert sum(finding.evidence is Evidence.FOUND for finding in findings.values()) == sum(hit for _, hit in sent)
    assert UNCLEAR not in findings.values()


# Rollbacks.

ROLLBACK = RollbackDoubt("u1", "159", AT, baseline=2)
OLD = redemption("159", created_at=AT - 5 * MINUTE)


def rollback(
    *redemptions: Redemption,
    remaining: int | None = 2,
    asked: RollbackDoubt = ROLLBACK,
    own: tuple[KnownUse, ...] = (),
    counted: int | None = None,
) -> Finding:
    shown = record(OLD, *redemptions, remaining=remaining)
    return find_rollback(asked, shown, own, OWNED, owned_rollbacks=OWNED, counted=counted)


@pytest.mark.parametrize("kind", ["reversal", "return"])
def test_a_new_reversal_or_return_is_found(kind: str) -> None:
    assert rollback(redemption("160", kind=kind), remaining=None) == found("160")


NO_ROLLBACK: dict[str, Redemption] = {
    "a use": redemption("160", benefit_ids=("8",)),
    "of another benefit": redemption("160", kind="return", benefit_ids=("8",)),
    "without a time": redemption("160", kind="return", created_at=None),
    "before ours was sent": redemption("160", kind="return", created_at=AT - SKEW - SECOND),
    "of another use of ours": redemption("900", kind="return"),
}


@pytest.mark.parametrize("other", NO_ROLLBACK.values(), ids=NO_ROLLBACK)
def test_a_rollback_of_another_benefit_is_not_found(other: Redemption) -> None:
    assert rollback(other) == ABSENT


def test_one_use_more_than_before_is_a_rollback_that_is_not_listed() -> None:
    assert rollback(remaining=3) == found_without_id()


def test_as_many_uses_as_before_is_no_rollback() -> None:
    assert rollback(remaining=2) == ABSENT


def test_a_use_of_ours_meanwhile_hides_no_rollback() -> None:
    later = KnownUse(sent_at=AT + SECOND, redeemed_at=AT + 2 * SECOND)

    assert rollback(redemption("900"), remaining=2, own=(later,)) == found_without_id()
    assert rollback(redemption("900"), remaining=1, own=(later,)) == ABSENT


def test_a_use_of_ours_before_the_baseline_is_in_it() -> None:
    earlier = KnownUse(sent_at=AT - SECOND, redeemed_at=AT - SECOND)

    assert rollback(redemption("900", created_at=AT - SECOND), remaining=3, own=(earlier,)) == found_without_id()


def test_a_till_of_the_same_minute_leaves_it_unclear() -> None:
    assert rollback(redemption("160"), remaining=2) == UNCLEAR


def test_a_till_of_a_later_minute_does_not() -> None:
    later = redemption("160", created_at=AT + 2 * MINUTE)

    assert rollback(later, remaining=2) == found_without_id()
    assert rollback(later, remaining=1) == ABSENT


def test_a_later_rollback_of_another_use_is_not_taken_for_ours() -> None:
    rolled_back = KnownUse(
        state=UseState.ROLLED_BACK, redeemed_at=AT - MINUTE, rollback_sent_at=AT + SECOND, updated_at=AT + MINUTE
    )

    assert rollback(remaining=3, own=(replace(rolled_back, sent_at=AT - MINUTE),)) == ABSENT
    assert rollback(remaining=4, own=(replace(rolled_back, sent_at=AT - MINUTE),)) == found_without_id()


def test_a_rollback_is_ours_only_where_there_is_one_for_every_concurrent_use() -> None:
    one, two = redemption("161", kind="return"), redemption("162", kind="reversal")
    concurrent = replace(ROLLBACK, concurrent=1)

    assert rollback(one, remaining=3, asked=concurrent) == UNCLEAR
    assert rollback(one, two, remaining=4, asked=concurrent) == found("161")
    assert rollback(remaining=2, asked=concurrent) == ABSENT
    assert rollback(remaining=4, asked=concurrent) == found_without_id()


def test_fewer_uses_than_any_use_explains_is_unclear() -> None:
    assert rollback(remaining=1) == UNCLEAR


def test_a_redemption_that_is_shown_as_reversed_is_back() -> None:
    itself = BenefitRecord("7", [replace(OLD, kind="reversal")], None)

    assert find_rollback(ROLLBACK, itself, (), OWNED) == found_without_id()


def test_a_benefit_without_limit_is_decided_by_the_number_of_its_uses() -> None:
    unlimited = replace(ROLLBACK, baseline=None, counted=5)

    assert rollback(remaining=None, asked=unlimited, counted=4) == found_without_id()
    assert rollback(remaining=None, asked=unlimited, counted=5) == ABSENT
    assert rollback(remaining=None, asked=unlimited) == UNCLEAR


def test_a_tenant_that_lists_rollbacks_shows_by_its_list_that_there_is_none() -> None:
    uncounted = replace(ROLLBACK, baseline=None)
    of_others = redemption("160", kind="return", benefit_ids=("8",))

    assert rollback(of_others, remaining=None, asked=uncounted) == ABSENT
    assert rollback(remaining=None, asked=uncounted) == UNCLEAR


def test_the_list_of_rollbacks_leaves_out_what_another_use_owns() -> None:
    shown = record(redemption("900", kind="return"), redemption("160", kind="reversal"))

    assert find_listed_rollback(shown, AT, OWNED) == ["160"]


def found_without_id() -> Finding:
    return Finding(Evidence.FOUND)
