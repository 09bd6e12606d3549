"""The hour that the shop's clocks show twice, when summer time ends: Omneo must not hear of it an hour early."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from claimable_benefits.domain.shop import Transaction
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.omneo.codec import is_repeated, wall_clock
from claimable_benefits.omneo.payloads import PayloadWriter
from claimable_benefits.sandbox import create_sandbox

MELBOURNE = ZoneInfo("Australia/Melbourne")
FIRST_PASS = datetime(2026, 4, 4, 15, 30, tzinfo=UTC)  # 02:30 in daylight saving time
SECOND_PASS = datetime(2026, 4, 4, 16, 30, tzinfo=UTC)  # 02:30 once more
REPEATED = [datetime(2026, 4, 4, 15, 0, tzinfo=UTC), FIRST_PASS, SECOND_PASS, datetime(2026, 4, 4, 16, 59, tzinfo=UTC)]
PLAIN = [
    datetime(2026, 4, 4, 14, 59, tzinfo=UTC),
    datetime(2026, 4, 4, 17, 0, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 59, tzinfo=UTC),  # the hour that is left out in spring
    datetime(2026, 10, 3, 16, 0, tzinfo=UTC),
]
WRITER = PayloadWriter(MELBOURNE)
SALE = Transaction("A1", "1001", Decimal(5), Decimal(5), SECOND_PASS, "AUD")


@pytest.mark.parametrize("at", REPEATED, ids=str)
def test_a_transaction_of_the_repeated_hour_goes_in_utc(at: datetime) -> None:
    sent = WRITER.transaction(replace(SALE, transacted_at=at), None, None)

    assert (sent["transacted_at"], sent["timezone"]) == (f"{at:%Y-%m-%d %H:%M:%S}", "UTC")


@pytest.mark.parametrize("at", REPEATED, ids=str)
def test_a_redemption_of_the_repeated_hour_goes_in_utc(at: datetime) -> None:
    sent = WRITER.redeem(at, "shop-1")

    assert (sent["issued_at"], sent["timezone"]) == (f"{at:%Y-%m-%d %H:%M:%S}", "UTC")


@pytest.mark.parametrize("at", PLAIN, ids=str)
def test_every_other_hour_goes_in_the_shops_zone(at: datetime) -> None:
    sent = WRITER.transaction(replace(SALE, transacted_at=at), None, None)

    assert (sent["transacted_at"], sent["timezone"]) == (wall_clock(at, MELBOURNE), "Australia/Melbourne")


@pytest.mark.parametrize("at", REPEATED, ids=str)
def test_an_issue_and_a_claim_keep_the_shops_zone_as_the_expiry_is_computed_from_it(at: datetime) -> None:
    issue, claim = WRITER.issue("1", "p", at, None, None), WRITER.claim("vip", "shop-1")

    assert (issue["timezone"], claim["timezone"]) == ("Australia/Melbourne", "Australia/Melbourne")
    assert issue["issued_at"] == wall_clock(at, MELBOURNE)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone follows
    st.sampled_from(["Australia/Melbourne", "Australia/Lord_Howe", "America/New_York", "Europe/Dublin", "UTC"]),
)
def test_what_is_sent_always_names_the_very_moment(at: datetime, zone: str) -> None:
    sent: dict[str, Any] = dict(PayloadWriter(ZoneInfo(zone)).redeem(at, "r"))

    read = datetime.fromisoformat(sent["issued_at"]).replace(tzinfo=ZoneInfo(sent["timezone"])).astimezone(UTC)
    assert read == at.replace(microsecond=0)


def test_a_repeated_hour_is_one_that_a_clock_shows_twice() -> None:
    assert [is_repeated(at, MELBOURNE) for at in (*REPEATED, *PLAIN)] == [True] * 4 + [False] * 4
    assert not any(is_repeated(at, UTC) for at in REPEATED)


# What Omneo makes of it.


class Clock:
    """Stands still until it is turned."""

    now = SECOND_PASS

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def omneo(tmp_path: Path, clock: Clock) -> Flask:
    return create_sandbox(data=tmp_path, seed="demo", clock=clock)


@pytest.fixture
def client(omneo: Flask) -> Iterator[OmneoClient]:
    transport = httpx.WSGITransport(app=omneo)
    base_url = "http://127.0.0.1/api/v3"
    with OmneoClient(base_url, "sandbox-token", timezone="Australia/Melbourne", transport=transport) as opened:
        yield opened


def rows(omneo: Flask, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = omneo.test_client().get("/_sandbox/state").get_json()[kind]
    return found


@pytest.mark.parametrize("at", [FIRST_PASS, SECOND_PASS], ids=str)
def test_omneo_records_a_sale_of_either_pass_at_its_own_time(client: OmneoClient, omneo: Flask, at: datetime) -> None:
    sale = replace(SALE, transacted_at=at)

    client.record_transaction(sale, profile_id=client.profile_id("1001"), redemption_id=None)

    found = next(row for row in rows(omneo, "transactions") if row["external_id"] == "A1")
    assert found["transacted_at"] == f"{at:%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize("at", [FIRST_PASS, SECOND_PASS], ids=str)
def test_a_benefit_issued_in_the_repeated_hour_ends_with_a_day_of_the_shop(
    client: OmneoClient, clock: Clock, at: datetime
) -> None:
    clock.now = at
    definition = next(one for one in client.definitions() if one.handle == "first-spend")
    profile = client.profile_id("1001")
    assert profile is not None

    benefit = client.issue(definition.id, profile, at=at)

    assert benefit.expires_at is not None
    assert (benefit.expires_at + timedelta(seconds=1)).astimezone(MELBOURNE).time() == datetime.min.time()
