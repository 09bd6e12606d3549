"""Where a customer stands in the ledger, in one small question: what a cached page must agree with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, update
from sqlalchemy.exc import OperationalError

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.states import ClaimState, UseState
from claimable_benefits.ledger.database import Ledger
from claimable_benefits.ledger.db_errors import translate_db_errors
from claimable_benefits.ledger.tables import claims, profiles, uses
from claimable_benefits.ledger.watch import Moment, Watch


@dataclass(frozen=True, slots=True)
class CustomerVersion:
    """A customer's profile, and three marks.

    ``rows`` changes with every change of their rows. ``own`` changes only when something of theirs has changed at Omneo
    (a claim or a use was applied or refused, or undone), so holds leave it alone. ``hint`` changes when somebody says
    that what is known of the profile is out of date.
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


# It is asked on every page, so it goes to the driver as it is: a third of what it costs through SQLAlchemy's Core.
_QUESTION = f"""
select p.profile_id, p.seen_at, u.all_rows, c.all_rows, u.at_omneo, c.at_omneo
from {profiles.name} p
cross join (
  select coalesce(sum(version), 0) as all_rows,
         coalesce(sum(case when state = '{UseState.REFUSED}' then 1 else 0 end
                    + case when redemption_id is not null then 2 else 0 end
                    + case when state = '{UseState.ROLLED_BACK}' then 4 else 0 end), 0) as at_omneo
  from {uses.name} where customer_id = {{0}}
) u
cross join (
  select coalesce(sum(version), 0) as all_rows,
         coalesce(sum(case when state in ('{ClaimState.CLAIMED}', '{ClaimState.REFUSED}') then 1 else 0 end), 0)
           as at_omneo
  from {claims.name} where customer_id = {{0}}
) c
where p.customer_id = {{0}}
"""  # noqa: S608 - names and states of ours; the customer is a parameter
_MARKS = {"qmark": "?", "format": "%s", "pyformat": "%s"}
_QUESTIONS = {style: _QUESTION.format(mark) for style, mark in _MARKS.items()}


class CustomerVersions:
    """Where customers stand. Asked again only where something was committed since, as far as that can be told."""

    def __init__(self, ledger: Ledger, entries: int = 10_000) -> None:
        self._ledger = ledger
        self._watch = Watch(ledger.engine.url)
        self._known: LruCache[tuple[Moment, CustomerVersion | None]] = LruCache(entries=entries, weight=entries)

    def of(self, customer_id: str) -> CustomerVersion | None:
        """Where the customer stands; None while their profile is not known."""
        moment = self._watch.moment()  # before the question: what is committed meanwhile makes another one
        known = self._known.get(customer_id)
        if known and known[0] == moment:
            return known[1]
        customer_version = read_customer_version(self._ledger, customer_id)
        if moment is not None:
            self._known.put(customer_id, (moment, customer_version), 1)
        return customer_version

    def close(self) -> None:
        self._watch.close()


def read_customer_version(ledger: Ledger, customer_id: str) -> CustomerVersion | None:
    """Where the customer stands; None while their profile is not known.

    Both sums grow with whatever happens, along every path through the states, so no two standings look alike.
    """
    if (question := _QUESTIONS.get(ledger.engine.dialect.paramstyle)) is None:
        raise ValueError(f"Parameters in the style {ledger.engine.dialect.paramstyle} are not written here.")
    row = _row(ledger, question, (customer_id,) * 3)
    if row is None:
        return None
    profile_id, seen_at, use_rows, claim_rows, used, claimed = row
    return CustomerVersion(str(profile_id), f"{use_rows}.{claim_rows}", f"{used}.{claimed}", str(seen_at))


def _row(ledger: Ledger, question: str, values: tuple[str, ...]) -> Any:
    with translate_db_errors():
        connection = ledger.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(question, values)
        row = cursor.fetchone()
        cursor.close()
    except ledger.engine.dialect.loaded_dbapi.Error as error:
        with translate_db_errors():
            raise OperationalError("where a customer stands", None, error) from error
    finally:
        connection.close()  # goes back to the pool, which ends whatever was begun
    return row


_mistrust = update(profiles).where(profiles.c.profile_id == bindparam("profile")).values(seen_at=bindparam("now"))


def invalidate_profile(connection: Connection, profile_id: str, now: datetime) -> int:
    """Note that what is known of a profile may be out of date; gives for how many customers that is one."""
    return connection.execute(_mistrust, {"profile": profile_id, "now": now}).rowcount
