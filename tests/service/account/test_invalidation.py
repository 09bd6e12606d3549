"""A webhook invalidates the profiles that its body names, and nothing else."""

from __future__ import annotations

import json

import pytest

from claimable_benefits.ledger.customer_version import read_customer_version
from claimable_benefits.ledger.profile_ids import remember_profile
from claimable_benefits.service.account.invalidation import handle_webhook
from tests.service.conftest import ServiceHarness

KNOWN = ("p", "a", "b", "7", "deep")  # profiles of the shop's customers


@pytest.mark.parametrize(
    ("message", "event", "named"),
    [
        ({"profile_id": "p"}, "benefit.created", ["p"]),
        ({"benefit": {"profile_id": "p"}, "profile": {"id": "p"}}, "benefit.created", ["p"]),
        ({"id": "p", "first_name": "Mia"}, "profile.updated", ["p"]),
        ({"id": 7}, "transaction.created", []),
        ({"old_profile_id": "a", "new_profile_id": "b"}, "profile.merged", ["a", "b"]),
        ([{"profile_id": "p"}], "benefit.created", ["p"]),
        ({"profile_id": None, "profile": []}, "benefit.created", []),
        ({"profile_id": "x" * 256}, "benefit.created", []),
        ({"profile_id": "\ud800"}, "benefit.created", []),
        ({"profile_id": "a\x00b"}, "benefit.created", []),
        ({"profile_id": True, "x_profile_id": 1.5, "profile": {"id": [7]}}, "benefit.created", []),
        ({"id": "\ud800"}, "profile.updated", []),
        (None, "profile.updated", []),
        (7, "profile.updated", []),
        ("profile_id", "benefit.created", []),
        ({"a": {"a": {"a": {"a": {"a": {"a": {"a": {"profile_id": "deep"}}}}}}}}, "benefit.created", []),
    ],
)
def test_every_profile_that_a_message_names_is_invalidated_and_no_other(
    harness: ServiceHarness, message: object, event: str, named: list[str]
) -> None:
    with harness.ctx.ledger.write() as connection:
        for profile_id in KNOWN:
            remember_profile(connection, f"customer {profile_id}", profile_id, harness.clock())
    before = versions(harness)
    harness.clock.forward(seconds=1)

    count = handle_webhook(harness.ctx, event, json.dumps(message).encode())

    after = versions(harness)
    assert [profile_id for profile_id in KNOWN if after[profile_id] != before[profile_id]] == named
    assert count == len(named)


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[" * 100_000])
def test_a_message_that_cannot_be_read_invalidates_nothing(harness: ServiceHarness, body: bytes) -> None:
    assert handle_webhook(harness.ctx, "profile.updated", body) == 0


def versions(harness: ServiceHarness) -> dict[str, object]:
    """Read the version of each known profile's customer."""
    return {one: read_customer_version(harness.ctx.ledger, f"customer {one}") for one in KNOWN}
