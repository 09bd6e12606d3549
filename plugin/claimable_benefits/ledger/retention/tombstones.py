"""What is left of uses that were pruned: their redemption and rollback at Omneo, and a digest of their reference.

A tombstone names no person. With it reconciliation does not name the redemption as forgotten, and no lookup gives its
rollback to another use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Column, Connection, Row, select

from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.shops import own, run, shop_of
from claimable_benefits.ledger.tables import tombstones
from claimable_benefits.ledger.upsert import insert_for

_AT_ONCE = 500  # a statement takes a limited number of values


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A use that was pruned in ``state``; the ids are Omneo's, None where it had none."""

    redemption_id: str | None
    rollback_id: str | None
    state: UseState


def add_tombstone(connection: Connection, reference: str, use: Tombstone, now: datetime) -> None:
    """Write what is left of a use; ``now`` is aware."""
    row = {
        "shop_id": shop_of(connection),
        "reference_digest": digest_of(reference),
        "redemption_id": use.redemption_id,
        "rollback_id": use.rollback_id,
        "state": use.state,
        "pruned_at": now,
    }
    connection.execute(insert_for(connection)(tombstones).values(row).on_conflict_do_nothing())


def tombstones_of(connection: Connection, omneo_ids: Iterable[str]) -> list[Tombstone]:
    """Read the tombstones whose redemption, or rollback, is one of these."""
    ids = set(omneo_ids)
    found = {
        Tombstone(row.redemption_id, row.rollback_id, UseState(row.state))
        for column in (tombstones.c.redemption_id, tombstones.c.rollback_id)
        for row in _rows(connection, column, ids)
    }
    return sorted(found, key=lambda one: one.redemption_id or "")


def pruned_ids(connection: Connection, omneo_ids: Collection[str]) -> set[str]:
    """Read which of Omneo's redemptions, returns and reversals belong to uses that were pruned."""
    found = tombstones_of(connection, omneo_ids)
    owned = {owned_id for one in found for owned_id in (one.redemption_id, one.rollback_id) if owned_id is not None}
    return owned & set(omneo_ids)


def pruned_references(connection: Connection, references: Collection[str]) -> set[str]:
    """Read which references belong to uses that were pruned."""
    by_digest = {digest_of(one): one for one in references}
    found = _rows(connection, tombstones.c.reference_digest, set(by_digest))
    return {by_digest[row.reference_digest] for row in found}


def digest_of(reference: str) -> str:
    """Return the digest under which a reference is known after its use was pruned."""
    return sha256(reference.encode("utf-8", "surrogatepass")).hexdigest()


def _rows(connection: Connection, column: Column[str], values: Collection[str]) -> list[Row[Any]]:
    asked, found = sorted(values), list[Row[Any]]()
    for start in range(0, len(asked), _AT_ONCE):
        query = select(tombstones).where(own(tombstones), column.in_(asked[start : start + _AT_ONCE]))
        found += run(connection, query).all()
    return found
