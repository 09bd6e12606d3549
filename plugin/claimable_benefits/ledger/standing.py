"""Where a customer stands in the ledger, in one small question: what a cached page must agree with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, case, func, select, true, update

from claimable_benefits.domain.states import ClaimState, UseState
from claimable_benefits.ledger.tables import claims, profiles, uses


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer's profile, and three marks.

    ``rows`` changes with every change of their rows. ``own`` changes only when something of theirs has changed at Omneo
    (a claim or a use was applied or refused, or undone), so holds leave it alone. ``hint`` changes when somebody says
    that what is known of the profile is out of date.
    """

    profile_id: str
    rows: str
    own: str
    hint: str


def _at_omneo() -> ColumnElement[int]:
    """Grows with each thing that has changed at Omneo, along every path through the states."""
    return (
        case((uses.c.state == UseState.REFUSED, 1), else_=0)
        + case((uses.c.redemption_id.is_not(None), 2), else_=0)
        + case((uses.c.state == UseState.UNDONE, 4), else_=0)
    )


_customer: BindParameter[str] = bindparam("customer_id")
_uses = (
    select(
        func.coalesce(func.sum(uses.c.version), 0).label("rows"),
        func.coalesce(func.sum(_at_omneo()), 0).label("own"),
    )
    .where(uses.c.customer_id == _customer)
    .subquery("their_uses")
)
_claims = (
    select(
        func.coalesce(func.sum(claims.c.version), 0).label("rows"),
        func.count(case((claims.c.state.in_([ClaimState.CLAIMED, ClaimState.REFUSED]), 1))).label("own"),
    )
    .where(claims.c.customer_id == _customer)
    .subquery("their_claims")
)
_standing = (
    select(profiles.c.profile_id, profiles.c.seen_at, _uses.c.rows, _uses.c.own, _claims.c.rows, _claims.c.own)
    .select_from(profiles.join(_uses, true()).join(_claims, true()))
    .where(profiles.c.customer_id == _customer)
)


def standing_of(connection: Connection, customer_id: str) -> Standing | None:
    """Where the customer stands; None while their profile is not known."""
    row = connection.execute(_standing, {"customer_id": customer_id}).first()
    if row is None:
        return None
    profile_id, seen_at, use_rows, use_own, claim_rows, claim_own = row
    return Standing(str(profile_id), f"{use_rows}.{claim_rows}", f"{use_own}.{claim_own}", f"{seen_at.timestamp()}")


_mistrust = update(profiles).where(profiles.c.profile_id == bindparam("profile")).values(seen_at=bindparam("now"))


def mistrust_profile(connection: Connection, profile_id: str, now: datetime) -> int:
    """Note that what is known of a profile may be out of date; gives for how many customers that is one."""
    return connection.execute(_mistrust, {"profile": profile_id, "now": now}).rowcount
