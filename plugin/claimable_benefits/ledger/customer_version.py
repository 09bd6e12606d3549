"""The version of everything the ledger knows of a customer: what a cached page must agree with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    bindparam,
    case,
    func,
    literal_column,
    select,
    true,
    update,
)

from claimable_benefits.domain.states import ClaimState, UseState
from claimable_benefits.ledger.compiled import CompiledQuery
from claimable_benefits.ledger.database import Ledger
from claimable_benefits.ledger.optimistic_lock import among
from claimable_benefits.ledger.shops import own, run
from claimable_benefits.ledger.tables import claims, profiles, uses


@dataclass(frozen=True, slots=True)
class CustomerVersion:
    """A customer's profile, and three versions.

    ``rows`` changes with every change of their rows. ``writes`` changes only when something of theirs has changed at
    Omneo (a claim or a use was applied or refused, or rolled back), so holds leave it alone. ``invalidations`` changes
    when a webhook or a verb reports that what is cached of the profile is out of date.
    """

    profile_id: str
    rows: str
    writes: str
    invalidations: str

    @property
    def has_uses(self) -> bool:
        """Whether there is any use of theirs, in whatever state."""
        return not self.rows.startswith("0.")

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of theirs has ever changed at Omneo through us."""
        return self.writes == "0.0"


def read_customer_version(ledger: Ledger, customer_id: str) -> CustomerVersion | None:
    """Read the version of the shop's customer; None while their profile is not known.

    Both sums grow with every change, along every path through the states, so no two versions are equal. Raises
    `LedgerUnavailable`.
    """
    row = ledger.fetch_one(_QUERY, {"customer": customer_id})
    if row is None:
        return None
    profile_id, seen_at, use_rows, used, claim_rows, claimed = row
    return CustomerVersion(str(profile_id), f"{use_rows}.{claim_rows}", f"{used}.{claimed}", str(seen_at))


_of_profile = own(profiles) & (profiles.c.profile_id == bindparam("profile"))
_invalidate = update(profiles).where(_of_profile).values(seen_at=bindparam("now"))


def invalidate_profile(connection: Connection, profile_id: str, now: datetime) -> int:
    """Note at ``now`` (aware) that what is cached of a profile may be out of date; return the number of its customers.

    More than one customer of the shop may be the same profile of Omneo's.
    """
    return run(connection, _invalidate, {"profile": profile_id, "now": now}).rowcount


def _query() -> Select[Any]:
    used = _sums(
        uses,
        _points(1, among(uses.c.state, [UseState.REFUSED]))
        + _points(2, uses.c.redemption_id.is_not(None))
        + _points(4, among(uses.c.state, [UseState.ROLLED_BACK])),
    )
    claimed = _sums(claims, _points(1, among(claims.c.state, [ClaimState.CLAIMED, ClaimState.REFUSED])))
    whose = own(profiles) & (profiles.c.customer_id == bindparam("customer"))
    columns = select(profiles.c.profile_id, profiles.c.seen_at, used, claimed)
    return columns.join_from(profiles, used, true()).join(claimed, true()).where(whose)


def _sums(table: Table, points: ColumnElement[int]) -> Subquery:
    """The versions of the customer's rows, and their points, each summed up."""
    sums: Iterable[ColumnElement[int]] = (func.sum(table.c.version), func.sum(points))
    return (
        select(*(func.coalesce(each, _constant(0)) for each in sums))
        .where(own(table), table.c.customer_id == bindparam("customer"))
        .subquery(f"sums_of_{table.name}")
    )


def _points(number: int, condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, _constant(number)), else_=_constant(0))


def _constant(number: int) -> ColumnElement[int]:
    return literal_column(str(number))


_QUERY = CompiledQuery(_query())
