"""When to look again after a lost answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from claimable_benefits.domain.resolution import POLL_GAP, SWEEP_GAPS, NextPoll, after_absence, next_sweep

SETTLE = timedelta(seconds=90)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("age", [timedelta(0), 30 * SECOND, 89 * SECOND])
def test_what_is_not_there_inside_the_settle_window_is_not_believed(age: timedelta) -> None:
    wait_budget = after_absence(age, 0, SETTLE)

    assert wait_budget == NextPoll(min(SETTLE - age, POLL_GAP), 0)


def test_absence_is_believed_on_the_second_look_after_the_window() -> None:
    first = after_absence(SETTLE, 0, SETTLE)
    second = after_absence(SETTLE + POLL_GAP, first.polls, SETTLE)

    assert (first, second) == (NextPoll(POLL_GAP, 1), NextPoll(None, 2))


def test_the_sweep_looks_for_twenty_five_minutes() -> None:
    assert sum(SWEEP_GAPS, timedelta(0)) == timedelta(minutes=25)
    assert [next_sweep(0), next_sweep(7), next_sweep(8)] == [SWEEP_GAPS[0], SWEEP_GAPS[7], None]
