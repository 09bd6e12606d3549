"""Amnesia: put the ledger back to a copy taken a little earlier, as a restored backup does.

Only the tables of the ledger go back. Omneo, the payment provider and the shop's own orders keep what they have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, delete, insert, select, text

from chaos.audit.collect import read_claims, read_uses
from chaos.audit.records import LedgerClaim, LedgerUse
from chaos.plan.plan import Amnesia
from chaos.processes.deployment import Deployment
from claimable_benefits.ledger.tables import metadata

_Rows = Mapping[str, list[dict[str, Any]]]


@dataclass
class LedgerMemory:
    """Takes the copy and puts it back. ``uses`` and ``claims`` are the rows that were forgotten, as they were."""

    deployment: Deployment
    plan: Amnesia | None
    log_progress: Callable[[str], None]
    uses: list[LedgerUse] = field(default_factory=list)
    claims: list[LedgerClaim] = field(default_factory=list)
    _copy: _Rows | None = None

    def checkout_started(self, number: int) -> None:
        """Take the copy where the plan has it at checkout ``number``."""
        if self.plan is not None and number == self.plan.copied_at:
            self._copy = _read(self.deployment.database_url)

    def forget(self) -> None:
        """Put the copy back while the shop's processes are stopped. Call it while no shopper is in the shop."""
        if self._copy is None:
            return
        with self.deployment.shop_stopped():
            self.uses, self.claims = _restore(self.deployment.database_url, self._copy)
        self.log_progress(f"amnesia: the ledger forgot {len(self.uses)} uses and {len(self.claims)} claims")


def _read(database_url: str) -> _Rows:
    engine = create_engine(database_url, isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as connection:
            return {
                table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()


def _restore(database_url: str, rows: _Rows) -> tuple[list[LedgerUse], list[LedgerClaim]]:
    """Restore the rows; return the uses and claims that are no longer as they were."""
    engine = create_engine(database_url)
    try:
        with engine.begin() as connection:
            # PostgreSQL may still finish what a killed process asked for.
            names = ", ".join(table.name for table in metadata.sorted_tables)
            connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
            uses, claims = read_uses(connection), read_claims(connection)
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
            for table in metadata.sorted_tables:
                if rows[table.name]:
                    connection.execute(insert(table), rows[table.name])
            kept_uses, kept_claims = read_uses(connection), read_claims(connection)
        return [use for use in uses if use not in kept_uses], [claim for claim in claims if claim not in kept_claims]
    finally:
        engine.dispose()
