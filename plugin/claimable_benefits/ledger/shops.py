"""Which shop a row belongs to. Every row bears a shop's id, and every statement of the ledger keeps to one shop.

One database may hold the rows of several apps with a tenant of Omneo's each: their customers, carts, order numbers and
Omneo's ids may be the same texts. A shop is one tenant in one database; its id and key are stamped once, when an app
first uses the ledger with the address of that tenant.

A connection knows its shop: `Ledger.read` and `Ledger.write` open it for theirs, `Ledger.join` names it on a connection
of the host's. The functions of this package take it from there by `run`, so a caller can neither forget nor mix it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Integer,
    Table,
    bindparam,
    select,
)

from claimable_benefits.ledger.tables import shops
from claimable_benefits.ledger.upsert import insert_for

OPTION = "benefits_shop"  # SQLAlchemy's execution option, on a connection
THIS_SHOP = "this_shop"  # the parameter of every statement
_KEY_BYTES = 8


@dataclass(frozen=True, slots=True)
class Shop:
    """One tenant in one database. ``shop_id`` stands in the rows, ``key`` in the audience of form tokens."""

    shop_id: int
    key: str
    tenant: str


def find_shop(connection: Connection, tenant: str) -> Shop | None:
    """Read the shop of a tenant's address, or None where no app has used the ledger with it."""
    query = select(shops.c.shop_id, shops.c.shop_key, shops.c.tenant).where(shops.c.tenant == tenant)
    row = connection.execute(query).first()
    return Shop(*row) if row is not None else None


def stamp_shop(connection: Connection, tenant: str, now: datetime) -> Shop:
    """Write the shop of a tenant's address, unless another process has just done so; return it. ``now`` is aware."""
    row = {"shop_key": token_hex(_KEY_BYTES), "tenant": tenant, "created_at": now}
    connection.execute(insert_for(connection)(shops).values(row).on_conflict_do_nothing())
    stamped = find_shop(connection, tenant)
    if stamped is None:
        raise LookupError(f"The ledger does not keep the shop of {tenant}.")
    return stamped


def own(table: Table) -> ColumnElement[bool]:
    """Return the condition that a row is this shop's; `run` says which shop that is."""
    return table.c.shop_id == bindparam(THIS_SHOP, type_=Integer)


def columns_of(table: Table) -> list[Column[Any]]:
    """Return the columns that are read: all but the shop's id, which the caller knows."""
    return [column for column in table.c if column is not table.c.shop_id]


def shop_of(connection: Connection) -> int:
    """Return the id of the shop that a connection acts for. Raises `LookupError` for a connection without one."""
    try:
        found: int = connection.get_execution_options()[OPTION]
    except KeyError:
        raise LookupError("This connection names no shop: open it with Ledger.read, write or join.") from None
    return found


def run(connection: Connection, statement: Executable, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """Execute a statement that keeps to this shop's rows by `own`, with ``values`` for its other parameters."""
    return connection.execute(statement, {**(values or {}), THIS_SHOP: shop_of(connection)})
