"""Faults and the log of calls, as a merchant's test sets and reads them."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Callable

import pytest

from claimable_benefits.testing import OmneoFaults, OmneoSandbox
from tests.support.waiting import wait_until
from tests.testing.test_builders import ask

ORDER = {"external_id": "100042", "total": 5, "transacted_at": "2026-01-01 10:00:00", "timezone": "UTC", "items": None}


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [
        (lambda faults: faults.lose_answer(), ConnectionError, 1),
        (lambda faults: faults.lose_request(), ConnectionError, 0),
        (lambda faults: faults.refuse_connections(), OSError, 0),
        (lambda faults: faults.answer(503, path="*/transactions"), urllib.error.HTTPError, 0),
        (lambda faults: faults.throttle(7), urllib.error.HTTPError, 0),
    ],
    ids=["lost answer", "lost request", "refused", "503", "429"],
)
def test_a_fault_fails_the_call_and_applies_it_or_not(
    omneo_sandbox: OmneoSandbox,
    omneo_faults: OmneoFaults,
    fault: Callable[[OmneoFaults], object],
    error: type[Exception],
    applied: int,
) -> None:
    fault(omneo_faults)

    with pytest.raises(error) as caught:
        ask(omneo_sandbox, "/transactions", ORDER)
    if isinstance(caught.value, urllib.error.HTTPError):
        caught.value.close()

    assert len(omneo_sandbox.transactions()) == applied


def test_all_is_well_again_after_clear(omneo_sandbox: OmneoSandbox, omneo_faults: OmneoFaults) -> None:
    omneo_faults.refuse_connections()

    omneo_faults.clear()

    assert ask(omneo_sandbox, "/profiles") == []


@pytest.mark.timing
def test_a_late_request_is_applied_after_the_shop_gave_up(
    omneo_sandbox: OmneoSandbox, omneo_faults: OmneoFaults
) -> None:
    omneo_faults.apply_late(2)

    with pytest.raises(ConnectionError):
        ask(omneo_sandbox, "/transactions", ORDER)
    at_once = len(omneo_sandbox.transactions())
    wait_until(lambda: bool(omneo_sandbox.transactions()))

    assert (at_once, len(omneo_sandbox.transactions())) == (0, 1)


@pytest.mark.timing
def test_slow_answers_take_their_time(omneo_sandbox: OmneoSandbox, omneo_faults: OmneoFaults) -> None:
    omneo_faults.slow(0.3)

    started = time.monotonic()
    ask(omneo_sandbox, "/profiles")

    assert time.monotonic() - started >= 0.3


def test_the_calls_are_there_to_assert_on(omneo_sandbox: OmneoSandbox) -> None:
    ask(omneo_sandbox, "/transactions", ORDER)
    ask(omneo_sandbox, "/profiles")

    [call] = omneo_sandbox.calls("*/transactions", "POST")

    assert (call.status, call.reference) == (201, "100042")
    assert [call.path for call in omneo_sandbox.calls()] == ["/api/v3/transactions", "/api/v3/profiles"]


def test_a_fault_that_does_not_exist_is_named(omneo_faults: OmneoFaults) -> None:
    with pytest.raises(ValueError, match=r"kind is one of .*'lightning'"):
        omneo_faults.add("lightning")
