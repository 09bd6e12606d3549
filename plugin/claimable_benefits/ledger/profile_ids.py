"""Which profile of Omneo's each customer of the shop is, as it was found out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from claimable_benefits.ledger.shops import own, run, shop_of
from claimable_benefits.ledger.tables import profiles
from claimable_benefits.ledger.upsert import insert_for

_PROFILE_ID = select(profiles.c.profile_id).where(own(profiles), profiles.c.customer_id == bindparam("customer"))


def remember_profile(connection: Connection, customer_id: str, profile_id: str, now: datetime) -> None:
    """Write that the shop's customer is Omneo's profile ``profile_id``; ``now`` is aware.

    A row that says so already stays as it is: ``seen_at`` is a part of `CustomerVersion`, and processes that meet a
    customer at once must agree on it.
    """
    seen = {"customer_id": customer_id, "profile_id": profile_id, "seen_at": now}
    row = insert_for(connection)(profiles).values(shop_id=shop_of(connection), **seen)
    new = {"profile_id": row.excluded.profile_id, "seen_at": row.excluded.seen_at}
    is_another = profiles.c.profile_id != row.excluded.profile_id
    key = ["shop_id", "customer_id"]
    connection.execute(row.on_conflict_do_update(index_elements=key, set_=new, where=is_another))


def forget_profile(connection: Connection, customer_id: str) -> None:
    """Delete what is known of the customer: profiles are merged at Omneo, and the old id is gone (Omneo facts 2)."""
    run(connection, delete(profiles).where(own(profiles), profiles.c.customer_id == customer_id))


def known_profile(connection: Connection, customer_id: str) -> str | None:
    """Read the customer's profile id, or None while it is not known."""
    found = run(connection, _PROFILE_ID, {"customer": customer_id}).scalar()
    return None if found is None else str(found)
