"""After some failures no caller waits, and one at a time tries whether it is over."""

from __future__ import annotations

from claimable_benefits.cache.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, seconds=5, clock=clock)
    for _ in range(3):
        breaker.record_failure()
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker, answers = CircuitBreaker(failures=3, clock=Clock()), []
    for _ in range(4):
        answers.append(breaker.allow_request())
        breaker.record_failure()

    assert answers == [True, True, True, False]


def test_an_answer_in_between_keeps_it_closed() -> None:
    breaker = CircuitBreaker(failures=2, clock=Clock())
    for _ in range(5):
        breaker.record_failure()
        breaker.record_success()

    assert breaker.allow_request()


def test_after_a_while_one_trial_goes_through_and_no_second() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5

    assert [breaker.allow_request() for _ in range(3)] == [True, False, False]


def test_asking_whether_it_rests_is_no_trial() -> None:
    clock = Clock()
    breaker = opened(clock)
    before = breaker.is_resting
    clock.now += 5
    after = breaker.is_resting

    assert (before, after) == (True, False)
    assert breaker.allow_request()
    assert breaker.is_resting
    assert not CircuitBreaker(clock=clock).is_resting


def test_a_trial_that_works_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5
    breaker.allow_request()
    breaker.record_success()

    assert [breaker.allow_request(), breaker.is_open] == [True, False]


def test_a_trial_without_an_outcome_is_followed_by_another() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 5
    breaker.allow_request()
    clock.now += 5

    assert breaker.allow_request()


def test_a_pause_that_is_asked_for_opens_it_at_once_for_as_long() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock=clock)
    breaker.record_failure(pause=30)
    clock.now += 29
    before = breaker.allow_request()
    clock.now += 1

    assert (before, breaker.allow_request()) == (False, True)


def test_an_answer_to_an_earlier_request_does_not_end_a_pause() -> None:
    now = 1000.0
    breaker = CircuitBreaker(failures=1, seconds=5, clock=lambda: now)
    breaker.record_failure(pause=30)
    breaker.record_success()
    breaker.record_failure()
    during = (breaker.is_open, breaker.allow_request())
    now += 29
    at_the_end = breaker.allow_request()
    now += 1
    trial = breaker.allow_request()
    breaker.record_success()

    assert (during, at_the_end, trial, breaker.is_open) == ((True, False), False, True, False)
