"""The redemptions of a period: read where the tenant filters by time, and never believed to be none elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from claimable_benefits.errors import InvalidResponse
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.sandbox import create_sandbox
from tests.omneo.doubles import Tenant, answer
from tests.omneo.test_against_the_sandbox import Clock

SINCE = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)


def used_at_three_times(**switches: str) -> tuple[OmneoClient, Clock, list[str]]:
    """A tenant with three redemptions, an hour apart from nine o'clock, and a client that knows nothing of it."""
    clock = Clock()
    clock.now = SINCE
    transport = httpx.WSGITransport(app=create_sandbox(seed="demo", clock=clock, switches=switches))
    client = OmneoClient(
        "http://127.0.0.1/api/v3", "sandbox-token", timezone="Australia/Melbourne", transport=transport
    )
    definition = client.create_definition({"name": "Coffee", "handle": "coffee", "period": 30, "max_redemptions": 3})
    profile_id = client.profile_id("1001") or ""
    benefit = client.issue(definition.id, profile_id, at=SINCE - timedelta(hours=1))
    made = []
    for _ in range(3):
        made.append(client.redeem(profile_id, benefit.id, reference="r", at=clock.now).id)
        clock.now += timedelta(hours=1)
    return client, clock, made


def test_a_period_holds_what_was_made_in_it() -> None:
    client, _clock, made = used_at_three_times()

    found = client.redemptions_between(SINCE + timedelta(minutes=1), SINCE + timedelta(hours=2))

    assert found is not None
    assert [one.id for one in found] == made[1:2]
    assert client.redemptions_between(SINCE - timedelta(days=3), SINCE - timedelta(days=2)) == ()


@pytest.mark.parametrize("operators", ["whole", "ignored"])
def test_a_tenant_that_compares_whole_values_or_ignores_the_filter_is_not_believed(operators: str) -> None:
    client, _clock, _made = used_at_three_times(filter_operators=operators)

    assert client.redemptions_between(SINCE, SINCE + timedelta(hours=5)) is None
    assert client.redemptions_between(SINCE, SINCE + timedelta(hours=5)) is None  # by what it remembers


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_tenant_that_refuses_the_list_is_not_believed(status: int) -> None:
    tenant = Tenant({"GET /redemptions": answer({"message": "No."}, status)})
    client = OmneoClient("https://omneo.test/api/v3", "t", timezone="UTC", transport=tenant.transport)

    assert client.redemptions_between(SINCE, SINCE + timedelta(hours=5)) is None


def test_a_tenant_without_any_redemption_has_none_in_a_period() -> None:
    tenant = Tenant({"GET /redemptions": answer({"data": []})})
    client = OmneoClient("https://omneo.test/api/v3", "t", timezone="UTC", transport=tenant.transport)

    assert client.redemptions_between(SINCE, SINCE + timedelta(hours=5)) == ()


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [{"id": "x" * 300}]}])
@pytest.mark.parametrize("readable_calls", [0, 1, 2, 3])
def test_an_answer_that_cannot_be_read_is_raised_and_remembered_for_nothing(body: object, readable_calls: int) -> None:
    made = {"id": 1, "type": "redeem", "created_at": "2026-06-15 09:30:00"}
    asked: list[str] = []
    is_broken = True

    def listed(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if is_broken and len(asked) > readable_calls:
            return answer(body)
        since = request.url.params.get("filter[created_at][gte]", "")
        until = request.url.params.get("filter[created_at][lt]", "9")
        return answer({"data": [made] if since <= "2026-06-15 09:30:00" < until else []})

    tenant = Tenant({"GET /redemptions": listed})
    client = OmneoClient("https://omneo.test/api/v3", "t", timezone="UTC", transport=tenant.transport)

    with pytest.raises(InvalidResponse):
        client.redemptions_between(SINCE, SINCE + timedelta(hours=5))
    is_broken = False
    found = client.redemptions_between(SINCE, SINCE + timedelta(hours=5))

    assert found is not None
    assert [one.id for one in found] == ["1"]
