"""When to look again after a lost answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from claimable_benefits.domain.resolution import POLL_GAP, SWEEP_GAPS, NextPoll, after_absence, next_sweep

TRUST_ABSENCE_AFTER = timedelta(seconds=90)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("age", [timedelta(0), 30 * SECOND, 89 * SECOND])
def test_absence_does_not_count_before_trust_absence_after(age: timedelta) -> None:
    wait_budget = after_absence(age, 0, TRUST_ABSENCE_AFTER)

    assert wait_budget == NextPoll(min(TRUST_ABSENCE_AFTER - age, POLL_GAP), 0)


def test_absence_counts_at_the_second_lookup_after_the_window() -> None:
    first = after_absence(TRUST_ABSENCE_AFTER, 0, TRUST_ABSENCE_AFTER)
    second = after_absence(TRUST_ABSENCE_AFTER + POLL_GAP, first.polls, TRUST_ABSENCE_AFTER)

    assert (first, second) == (NextPoll(POLL_GAP, 1), NextPoll(None, 2))


def test_the_sweep_lasts_twenty_five_minutes() -> None:
    assert sum(SWEEP_GAPS, timedelta(0)) == timedelta(minutes=25)
    assert [next_sweep(0), next_sweep(7), next_sweep(8)] == [SWEEP_GAPS[0], SWEEP_GAPS[7], None]
