"""Claims: one row per click, at most one under way per profile and definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from claimable_benefits.domain.states import CLAIM_MOVES, LIVE_CLAIMS, ClaimState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger.compiled import CompiledStatement, among
from claimable_benefits.ledger.events import Audit, write_event
from claimable_benefits.ledger.optimistic_lock import compare_and_set, due
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
    note: str | None
    created_at: datetime
    updated_at: datetime


def add_claim(connection: Connection, audit: Audit, **values: Any) -> Claim:
    """Write the intention to claim. Raises `Overtaken` where such a claim is under way, or this click came before."""
    row = {**values, "state": ClaimState.CLAIMING, "version": 1, "created_at": audit.at, "updated_at": audit.at}
    try:
        added = connection.execute(insert(claims).values(row).returning(*claims.c)).mappings().one()
    except IntegrityError as error:
        raise ConflictError("A claim of this definition is under way.") from error
    write_event(connection, values["claim_id"], audit, from_state=None, to_state=ClaimState.CLAIMING, version=1)
    return _claim(added)


def move_claim(connection: Connection, claim: Claim, to: ClaimState, audit: Audit, **changes: Any) -> Claim:
    """Move ``claim`` if it still stands where the caller saw it; `Overtaken` where it does not."""
    if to not in CLAIM_MOVES[claim.state]:
        raise ValueError(f"A claim does not go from {claim.state} to {to}.")
    moved = _change(connection, claim, audit.at, state=to, **{"lease_until": None, "due_at": None, **changes})
    write_event(connection, claim.claim_id, audit, from_state=claim.state, to_state=to, version=moved.version)
    return moved


def touch_claim(connection: Connection, claim: Claim, now: datetime, **changes: Any) -> Claim:
    """Change what is noted about ``claim`` without moving it."""
    return _change(connection, claim, now, **changes)


def find_claim(connection: Connection, claim_id: str) -> Claim | None:
    row = connection.execute(select(claims).where(claims.c.claim_id == claim_id)).mappings().first()
    return _claim(row) if row else None


def live_claims_of(connection: Connection, profile_id: str) -> list[Claim]:
    return [_claim(row) for row in _LIVE.fetch_all(connection, {"its_profile": profile_id})]


_LIVE = CompiledStatement(
    select(claims).where(claims.c.profile_id == bindparam("its_profile"), among(claims.c.state, LIVE_CLAIMS))
)


def claimed_ids(connection: Connection, profile_id: str) -> set[str]:
    """Omneo's ids of the benefits of a profile that one of our claims owns already."""
    query = select(claims.c.benefit_id).where(claims.c.profile_id == profile_id, claims.c.benefit_id.is_not(None))
    return {str(row.benefit_id) for row in connection.execute(query)}


def due_claims(connection: Connection, state: ClaimState, now: datetime, *, limit: int = 50) -> list[Claim]:
    query = select(claims).where(*due(claims, state, now)).order_by(claims.c.updated_at).limit(limit)
    return [_claim(row) for row in connection.execute(query).mappings()]


def sweepable_claims(connection: Connection, now: datetime, *, limit: int = 50) -> list[Claim]:
    """Settled claims for whose late traces it is time to look."""
    query = select(claims).where(claims.c.sweep_at <= now).order_by(claims.c.sweep_at).limit(limit)
    return [_claim(row) for row in connection.execute(query).mappings()]


def _change(connection: Connection, claim: Claim, now: datetime, **changes: Any) -> Claim:
    return replace(claim, **compare_and_set(connection, claims, claims.c.claim_id, claim, now, **changes))


def _claim(row: Mapping[Any, Any]) -> Claim:
    return Claim(**{**row, "state": ClaimState(row["state"])})
