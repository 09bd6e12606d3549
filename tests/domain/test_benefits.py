"""When a benefit can be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from claimable_benefits.domain.benefits import Benefit, Definition

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=1)
PAST = NOW - timedelta(seconds=1)


def benefit(**facts: Any) -> Benefit:
    return Benefit("7", Definition("1", "gift", "A gift"), **facts)


USABLE: dict[str, dict[str, Any]] = {
    "nothing speaks against it": {},
    "it never ends": {"expires_at": None},
    "it ends later": {"expires_at": SOON},
    "it ends at this very moment": {"expires_at": NOW},
    "a use is left": {"remaining": 1},
    "its uses are unlimited": {"remaining": None},
    "its end is named in another zone": {"expires_at": SOON.astimezone(timezone(timedelta(hours=11)))},
}
UNUSABLE: dict[str, dict[str, Any]] = {
    "it has ended": {"expires_at": PAST},
    "it has ended, in another zone": {"expires_at": PAST.astimezone(timezone(timedelta(hours=11)))},
    "omneo says that it has ended": {"is_expired": True, "expires_at": SOON},
    "no use is left": {"remaining": 0},
    "omneo says that it cannot be used": {"is_redeemable": False, "remaining": 3},
}


@pytest.mark.parametrize("facts", USABLE.values(), ids=USABLE)
def test_it_can_be_used(facts: dict[str, Any]) -> None:
    assert benefit(**facts).is_usable(NOW) is True


@pytest.mark.parametrize("facts", UNUSABLE.values(), ids=UNUSABLE)
def test_it_cannot_be_used(facts: dict[str, Any]) -> None:
    assert benefit(**facts).is_usable(NOW) is False


def test_name_and_handle_are_the_definitions() -> None:
    assert (benefit().name, benefit().handle) == ("A gift", "gift")
