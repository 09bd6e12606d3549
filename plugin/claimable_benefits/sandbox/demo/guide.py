"""Omneo's own guide as a seed: its profile, its day and its ids, so that its four calls work as they are written."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from claimable_benefits.sandbox.api import profiles
from claimable_benefits.sandbox.demo.people import HANDLE
from claimable_benefits.sandbox.protocol.body_reader import RequestForm
from claimable_benefits.sandbox.state.request_state import RequestState

PROFILE = str(uuid.UUID("92a7996b-abb6-4c9c-a845-9aaf8202fab6"))
BENEFIT = 1201  # the guide writes {benefitId}
DAY = datetime(2025, 6, 15, 4, 32, tzinfo=UTC)  # the minute of the guide's sale, on Melbourne's clocks 14:32
# The numbers that the guide's calls meet: the definition that it makes, the benefit, and the redemption.
_NEXT_IDS = {"definitions": 94, "benefits": BENEFIT, "redemptions": 159}


def insert_guide(state: RequestState) -> None:
    """Insert the guide's person into an empty state; call it inside `writing()`."""
    doc = {"first_name": "Mia", "last_name": "Ngo", "full_name": "Mia Ngo", "email": "mia@example.com"}
    identity = {"handle": HANDLE, "identifier": "1001", "is_primary": True}
    profiles.insert_profile(state, doc, RequestForm({"identities": [identity]}), PROFILE)
    rows = [(table, number - 1) for table, number in _NEXT_IDS.items()]
    state.db.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", rows)
