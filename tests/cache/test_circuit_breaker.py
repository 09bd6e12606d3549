"""After some failures nobody is kept waiting, and one at a time finds out whether it is over."""

from __future__ import annotations

from claimable_benefits.cache.circuit_breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=3, seconds=5, clock=clock)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker, answers = Breaker(failures=3, clock=Clock()), []
    for _ in range(4):
        answers.append(breaker.allows())
        breaker.failed()

    assert answers == [True, True, True, False]


def test_an_answer_in_between_keeps_it_closed() -> None:
    breaker = Breaker(failures=2, clock=Clock())
    for _ in range(5):
        breaker.failed()
        breaker.worked()

    assert breaker.allows()


def test_after_a_while_one_trial_goes_through_and_no_second() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5

    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_to_ask_whether_it_rests_is_no_trial() -> None:
    clock = Clock()
    breaker = opened(clock)
    before = breaker.is_resting
    clock.now += 5
    after = breaker.is_resting

    assert (before, after) == (True, False)
    assert breaker.allows()
    assert breaker.is_resting
    assert not Breaker(clock=clock).is_resting


def test_a_trial_that_works_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5
    breaker.allows()
    breaker.worked()

    assert [breaker.allows(), breaker.is_open] == [True, False]


def test_a_trial_of_which_nothing_is_heard_is_followed_by_another() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5
    breaker.allows()
    clock.now += 5

    assert breaker.allows()


def test_a_pause_that_is_asked_for_opens_it_at_once_for_as_long() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    breaker.failed(pause=30)
    clock.now += 29
    before = breaker.allows()
    clock.now += 1

    assert (before, breaker.allows()) == (False, True)
