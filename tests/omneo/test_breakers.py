"""A breaker for each class of call, and a deadline for a whole place-order: what is not sent was not applied."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.domain.shop import Transaction
from claimable_benefits.errors import ConnectionFailed, NotApplied, OmneoError, OutcomeUnknown, RateLimited, Rejected
from claimable_benefits.omneo import OmneoClient
from tests.omneo.doubles import answer, client_of, data

NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)
BENEFIT = "GET /profiles/p/benefits/7"
REDEEM = "POST /profiles/p/benefits/7/redemptions"
DELIVER = "POST /transactions/update-create"
SALE = Transaction("A1", None, Decimal(1), Decimal(1), NOW, "AUD", ())


def breakers(failures: int = 2) -> dict[str, CircuitBreaker]:
    return {lane: CircuitBreaker(failures, 60) for lane in ("read", "redeem", "deliver")}


def read(client: OmneoClient) -> object:
    return client.benefit("p", "7")


def redeem(client: OmneoClient) -> object:
    return client.redeem("p", "7", reference="r", at=NOW)


def deliver(client: OmneoClient) -> object:
    return client.record_transaction(SALE, profile_id=None, redemption_id=None)


LANES = {"read": (read, BENEFIT), "redeem": (redeem, REDEEM), "deliver": (deliver, DELIVER)}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    ("silence", "of_a_read"), [(httpx.ReadTimeout("silent"), ConnectionFailed), (answer({}, 503), NotApplied)]
)
def test_silence_opens_the_breaker_of_its_own_lane_and_then_nothing_is_sent(
    lane: str, silence: httpx.Response | Exception, of_a_read: type[OmneoError]
) -> None:
    ask, path = LANES[lane]
    with client_of({path: silence}, breakers=(held := breakers())) as (client, tenant):
        kinds = []
        for _ in range(4):
            with pytest.raises(OmneoError) as caught:
                ask(client)
            kinds.append(caught.type)

    assert len(tenant.calls) == 2
    assert kinds[2:] == [NotApplied, NotApplied]
    assert kinds[:2] == [of_a_read if lane == "read" else OutcomeUnknown] * 2
    assert [name for name, breaker in held.items() if breaker.is_open] == [lane]


@pytest.mark.parametrize(("lane", "resting"), [("read", ["redeem", "deliver"]), ("deliver", ["deliver"])])
def test_a_lane_rests_with_its_own_breaker_and_with_that_of_the_reads_before_it(lane: str, resting: list[str]) -> None:
    held = breakers(failures=1)
    with client_of({}, breakers=held) as (client, _):
        before = [name for name in ("redeem", "deliver") if client.is_resting(name)]
        held[lane].record_failure()

        assert before == []
        assert [name for name in ("redeem", "deliver") if client.is_resting(name)] == resting


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422])
def test_a_no_is_an_answer(status: int) -> None:
    with client_of({REDEEM: answer({}, status)}, breakers=breakers()) as (client, tenant):
        for _ in range(5):
            with pytest.raises(OmneoError):
                redeem(client)

    assert len(tenant.calls) >= 5


def test_a_pause_that_omneo_asks_for_is_kept() -> None:
    held = breakers(failures=99)
    with client_of({BENEFIT: answer({}, 429, **{"Retry-After": "30"})}, breakers=held) as (client, tenant):
        with pytest.raises(RateLimited):
            read(client)
        with pytest.raises(NotApplied):
            read(client)

    assert len(tenant.calls) == 1


def test_the_workers_client_shares_the_circuit_breakers() -> None:
    with client_of({BENEFIT: answer({}, 503)}, breakers=breakers(failures=1)) as (client, tenant):
        for each in (client, client.for_workers()):
            with pytest.raises(NotApplied):
                read(each)

    assert len(tenant.calls) == 1


def test_nothing_is_sent_once_the_time_is_up() -> None:
    with client_of({BENEFIT: data({"id": 7}), REDEEM: data({"id": 1})}) as (client, tenant):
        with client.within(0.0), pytest.raises(NotApplied, match="no time left"):
            redeem(client)
        with client.within(30):
            read(client)
        read(client)

    assert len(tenant.calls) == 2


@pytest.mark.timing
def test_no_call_waits_longer_than_the_time_that_is_left() -> None:
    seen: list[dict[str, float]] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return data({"id": 7})

    with client_of({BENEFIT: note}) as (client, _):
        with client.within(1.5):
            read(client)
            time.sleep(0.05)
            read(client)
        read(client)

    assert [max(timeouts.values()) <= 1.5 for timeouts in seen] == [True, True, False]
    assert seen[1]["read"] < seen[0]["read"]


def test_a_refusal_in_time_is_a_refusal() -> None:
    with (
        client_of({REDEEM: answer({}, 422)}) as (client, _),
        client.within(5),
        pytest.raises(Rejected),
    ):
        redeem(client)
