"""Claims: one row per click, at most one under way per profile and definition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from claimable_benefits.domain.states import CLAIM_MOVES, LIVE_CLAIMS, ClaimState
from claimable_benefits.ledger.optimistic_lock import VersionedTable, among
from claimable_benefits.ledger.shops import own, run
from claimable_benefits.ledger.tables import claims


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt to claim one definition."""

    claim_id: str
    reference: str
    customer_id: str
    profile_id: str
    definition_id: str
    definition_handle: str
    name: str
    state: ClaimState
    version: int
    benefit_id: str | None
    sent_at: datetime
    lease_until: datetime | None
    due_at: datetime | None
    attempts: int
    sweep_at: datetime | None
    sweeps: int
    failures: int
    note: str | None
    created_at: datetime
    updated_at: datetime


# Each of its methods is documented there.
_CLAIMS = VersionedTable(
    claims,
    claims.c.claim_id,
    Claim,
    moves=CLAIM_MOVES,
    first=ClaimState.CLAIMING,
    noun="claim",
    conflict="A claim of this definition is under way.",
)
add_claim, move_claim, touch_claim, find_claim = _CLAIMS.add, _CLAIMS.move, _CLAIMS.touch, _CLAIMS.find
due_claims, sweepable_claims = _CLAIMS.due, _CLAIMS.sweepable

_LIVE = _CLAIMS.select.where(claims.c.profile_id == bindparam("profile"), among(claims.c.state, LIVE_CLAIMS))


def live_claims_of(connection: Connection, profile_id: str) -> list[Claim]:
    """Read the claims of a profile that are under way."""
    return _CLAIMS.fetch_all(connection, _LIVE, {"profile": profile_id})


def claimed_ids(connection: Connection, profile_id: str) -> set[str]:
    """Read Omneo's ids of the benefits of a profile that one of our claims owns already."""
    theirs = (claims.c.profile_id == profile_id, claims.c.benefit_id.is_not(None))
    query = select(claims.c.benefit_id).where(own(claims), *theirs)
    return {str(row.benefit_id) for row in run(connection, query)}
