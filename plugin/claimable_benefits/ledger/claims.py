"""Claims: one row per click, at most one under way per profile and definition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from claimable_benefits.domain.states import CLAIM_MOVES, LIVE_CLAIMS, ClaimState
from claimable_benefits.errors import Overtaken
from claimable_benefits.ledger.events import Because, write_event
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


def add_claim(connection: Connection, because: Because, **values: Any) -> Claim:
    """Write the intention to claim. Raises `Overtaken` where such a claim is under way, or this click came before."""
    row = {**values, "state": ClaimState.CLAIMING, "version": 1, "created_at": because.at, "updated_at": because.at}
    try:
        connection.execute(insert(claims).values(row))
    except IntegrityError as error:
        raise Overtaken("A claim of this definition is under way.") from error
    write_event(connection, values["claim_id"], because, from_state=None, to_state=ClaimState.CLAIMING, version=1)
    return _known(connection, values["claim_id"])


def move_claim(connection: Connection, claim: Claim, to: ClaimState, because: Because, **changes: Any) -> Claim:
    """Move ``claim`` if it still stands where the caller saw it; `Overtaken` where it does not."""
    if to not in CLAIM_MOVES[claim.state]:
        raise ValueError(f"A claim does not go from {claim.state} to {to}.")
    moved = _change(connection, claim, because.at, state=to, **{"lease_until": None, "due_at": None, **changes})
    write_event(connection, claim.claim_id, because, from_state=claim.state, to_state=to, version=moved.version)
    return moved


def touch_claim(connection: Connection, claim: Claim, now: datetime, **changes: Any) -> Claim:
    """Change what is noted about ``claim`` without moving it."""
    return _change(connection, claim, now, **changes)


def find_claim(connection: Connection, claim_id: str) -> Claim | None:
    row = connection.execute(select(claims).where(claims.c.claim_id == claim_id)).first()
    return _claim(row) if row else None


def live_claims_of(connection: Connection, profile_id: str) -> list[Claim]:
    query = select(claims).where(claims.c.profile_id == profile_id, claims.c.state.in_(LIVE_CLAIMS))
    return [_claim(row) for row in connection.execute(query)]


def is_claimed_benefit(connection: Connection, benefit_id: str) -> bool:
    """Whether one of our claims owns this benefit already."""
    return connection.execute(select(claims.c.claim_id).where(claims.c.benefit_id == benefit_id)).first() is not None


def due_claims(connection: Connection, state: ClaimState, now: datetime, *, limit: int = 50) -> list[Claim]:
    free = or_(claims.c.lease_until.is_(None), claims.c.lease_until <= now)
    due = or_(claims.c.due_at.is_(None), claims.c.due_at <= now)
    query = select(claims).where(claims.c.state == state, free, due).order_by(claims.c.updated_at).limit(limit)
    return [_claim(row) for row in connection.execute(query)]


def _change(connection: Connection, claim: Claim, now: datetime, **changes: Any) -> Claim:
    result = connection.execute(
        update(claims)
        .where(claims.c.claim_id == claim.claim_id, claims.c.version == claim.version, claims.c.state == claim.state)
        .values(version=claim.version + 1, updated_at=now, **changes)
    )
    if result.rowcount != 1:
        raise Overtaken(f"Claim {claim.claim_id} is no longer {claim.state} in version {claim.version}.")
    return _known(connection, claim.claim_id)


def _known(connection: Connection, claim_id: str) -> Claim:
    claim = find_claim(connection, claim_id)
    assert claim is not None  # noqa: S101 - the caller has just written it, in this transaction
    return claim


def _claim(row: Row[Any]) -> Claim:
    return Claim(**{**row._mapping, "state": ClaimState(row.state)})  # noqa: SLF001 - public, for all its underscore
