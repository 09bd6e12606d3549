"""A copy of a ledger's rows, to restore later: what last night's backup does, on every database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.tables import metadata


@dataclass(frozen=True)
class LedgerCopy:
    """Every row of every table, as it was when the copy was taken."""

    rows: Mapping[str, list[dict[str, Any]]]


def copy_of(ledger: Ledger) -> LedgerCopy:
    with ledger.read() as connection:
        tables = metadata.sorted_tables
        return LedgerCopy(
            {one.name: [dict(row) for row in connection.execute(select(one)).mappings()] for one in tables}
        )


def restore(ledger: Ledger, copy: LedgerCopy) -> None:
    with ledger.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
        for table in metadata.sorted_tables:
            if copy.rows[table.name]:
                connection.execute(insert(table), copy.rows[table.name])
