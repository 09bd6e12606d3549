"""The tables. Their unique indexes forbid in the database itself what must never happen."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    event,
)

from claimable_benefits.domain.states import LIVE_CLAIMS, LIVE_USES, UseState
from claimable_benefits.domain.storable import LONGEST_ID, repaired

_LONGEST_WORDS = 2_000


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC and read as UTC: SQLite stores no zone. Raises `ValueError` for a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: the ledger takes aware datetimes only.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """A sentence about a row. It may quote Omneo or an error, so it is repaired and cut: it must never fail itself."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else repaired(value, _LONGEST_WORDS)


metadata = MetaData()
_WHERE = "where"


def _only(rows: ColumnElement[bool]) -> dict[str, ColumnElement[bool]]:
    """The rows that an index is for; `_condition` tells SQLAlchemy when the table is created."""
    return {_WHERE: rows}


@event.listens_for(Table, "before_create")
def _condition(table: Table, connection: Connection, **_: object) -> None:
    # As an argument of the index, it would import every driver of both databases at each start.
    for index in table.indexes:
        if table.metadata is metadata and _WHERE in index.info:
            index.dialect_options[connection.dialect.name]["where"] = index.info[_WHERE]


# One tenant of Omneo's in this database. `shop_id` is no foreign key in the others: each write would be checked.
shops = Table(
    "benefits_shops",
    metadata,
    Column("shop_id", Integer, primary_key=True, autoincrement=True),
    Column("shop_key", String(32), nullable=False, unique=True),  # random, and never another one
    Column("tenant", Text, nullable=False, unique=True),  # the base URL, normalised
    Column("created_at", UtcDateTime, nullable=False),
)


def _shop(*, key: bool = False) -> Column[int]:
    """Whose row it is: the first column of every index that is searched by shop."""
    return Column("shop_id", Integer, primary_key=key, nullable=False, autoincrement=False)


uses = Table(
    "benefits_uses",
    metadata,
    _shop(),
    Column("use_id", String(36), primary_key=True),
    Column("reference", String(80), nullable=False),  # what Omneo gets as external_id
    Column("channel", String(16), nullable=False),  # checkout, account, store or claim
    Column("customer_id", String(LONGEST_ID), nullable=False),
    Column("profile_id", String(LONGEST_ID), nullable=False),
    Column("benefit_id", String(LONGEST_ID), nullable=False),
    Column("definition_handle", String(LONGEST_ID), nullable=False),
    Column("name", Text, nullable=False),
    Column("code", Text),
    Column("instructions", Text, nullable=False, default=""),
    Column("slot", Integer, nullable=False),
    Column("cart_id", String(LONGEST_ID), nullable=False),
    Column("order_number", Text),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("baseline_remaining", Integer),  # uses left as Omneo said before it was sent; null for unlimited
    Column("redemption_id", String(LONGEST_ID)),
    Column("held_until", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("redeemed_at", UtcDateTime),
    Column("rollback_sent_at", UtcDateTime),
    Column("rollback_baseline_remaining", Integer),  # uses left just before the rollback was sent; null for unlimited
    Column(
        "rollback_baseline_count", Integer
    ),  # how often Omneo counted it as used then, where nothing is left to count
    Column("rollback_id", String(LONGEST_ID)),  # Omneo's id of the reversal or return
    Column("lease_until", UtcDateTime),  # one process works on this row until then
    Column("due_at", UtcDateTime),  # when the worker looks at it next
    Column("attempts", Integer, nullable=False, default=0),
    Column("sweep_at", UtcDateTime),  # when the worker next looks for late evidence about a resolved row; null: never
    Column("sweeps", Integer, nullable=False, default=0, server_default="0"),
    Column("failures", Integer, nullable=False, default=0, server_default="0"),  # how often work on it raised, in a row
    Column("note", Words),  # why it is in this state
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
_live = uses.c.state.in_(LIVE_USES)
_held = uses.c.state == UseState.HELD
# One live use per benefit and slot: two tabs, two devices and a double click end in the same row.
Index(
    "benefits_uses_live",
    uses.c.shop_id,
    uses.c.profile_id,
    uses.c.benefit_id,
    uses.c.slot,
    unique=True,
    info=_only(_live),
)
# One hold per cart: Omneo's transaction carries a single redemption_id (Omneo facts 11).
Index("benefits_uses_held", uses.c.shop_id, uses.c.cart_id, unique=True, info=_only(_held))
Index("benefits_uses_due", uses.c.shop_id, uses.c.state, uses.c.due_at)
# One reference, redemption, and reversal or return belongs to one use. Two tenants may give the same ids.
Index("benefits_uses_reference", uses.c.shop_id, uses.c.reference, unique=True)
Index("benefits_uses_redemption", uses.c.shop_id, uses.c.redemption_id, unique=True)
Index("benefits_uses_rollback", uses.c.shop_id, uses.c.rollback_id, unique=True)
Index("benefits_uses_customer", uses.c.shop_id, uses.c.customer_id)
Index("benefits_uses_cart", uses.c.shop_id, uses.c.cart_id)
Index("benefits_uses_order", uses.c.shop_id, uses.c.order_number)
_swept = uses.c.sweep_at.is_not(None)
Index("benefits_uses_sweep", uses.c.shop_id, uses.c.sweep_at, info=_only(_swept))

claims = Table(
    "benefits_claims",
    metadata,
    _shop(),
    Column("claim_id", String(36), primary_key=True),
    Column("reference", String(80), nullable=False, unique=True),
    Column("customer_id", String(LONGEST_ID), nullable=False),
    Column("profile_id", String(LONGEST_ID), nullable=False),
    Column("definition_id", String(LONGEST_ID), nullable=False),
    Column("definition_handle", String(LONGEST_ID), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("benefit_id", String(LONGEST_ID)),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("attempts", Integer, nullable=False, default=0),
    Column("sweep_at", UtcDateTime),
    Column("sweeps", Integer, nullable=False, default=0, server_default="0"),
    Column("failures", Integer, nullable=False, default=0, server_default="0"),  # how often work on it raised, in a row
    Column("note", Words),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
_live_claim = claims.c.state.in_(LIVE_CLAIMS)
Index(
    "benefits_claims_live",
    claims.c.shop_id,
    claims.c.profile_id,
    claims.c.definition_handle,
    unique=True,
    info=_only(_live_claim),
)
Index("benefits_claims_customer", claims.c.shop_id, claims.c.customer_id)
Index("benefits_claims_due", claims.c.shop_id, claims.c.state, claims.c.due_at)
_swept_claim = claims.c.sweep_at.is_not(None)
Index("benefits_claims_sweep", claims.c.shop_id, claims.c.sweep_at, info=_only(_swept_claim))

events = Table(
    "benefits_events",
    metadata,
    _shop(),
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False, index=True),  # a use_id, a claim_id, or an order number
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("from_state", String(20)),
    Column("to_state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
)

outbox = Table(
    "benefits_outbox",
    metadata,
    _shop(key=True),
    Column("order_number", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("external_id", Text, nullable=False),  # the order's name at Omneo, once chosen kept: a prefix may change
    Column("first_look_at", UtcDateTime),  # when Omneo was found to have no other shop's sale of that name
    Column("content", Text, nullable=False),  # the transaction, a full snapshot as JSON
    Column("use_id", String(36), ForeignKey(uses.c.use_id)),
    Column("customer_id", String(LONGEST_ID)),
    Column("redemption_id", String(LONGEST_ID)),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("due_at", UtcDateTime, nullable=False),
    Column("transaction_id", String(LONGEST_ID)),
    Column("delivered_at", UtcDateTime),
    Column("verify_at", UtcDateTime),  # when the worker reads back what was delivered; null: never
    Column("failures", Integer, nullable=False, default=0, server_default="0"),  # how often work on it raised, in a row
    Column("note", Words),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
Index("benefits_outbox_due", outbox.c.shop_id, outbox.c.state, outbox.c.due_at)
_verified = outbox.c.verify_at.is_not(None)
Index("benefits_outbox_verify", outbox.c.shop_id, outbox.c.verify_at, info=_only(_verified))

profiles = Table(
    "benefits_profiles",
    metadata,
    _shop(key=True),
    Column("customer_id", String(LONGEST_ID), primary_key=True),
    Column("profile_id", String(LONGEST_ID), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

# What is left of a use that was pruned: its redemption and rollback at Omneo, and no person.
tombstones = Table(
    "benefits_tombstones",
    metadata,
    _shop(key=True),
    Column("reference_digest", String(64), primary_key=True),  # SHA-256, hexadecimal
    Column("redemption_id", String(LONGEST_ID)),
    Column("rollback_id", String(LONGEST_ID)),
    Column("state", String(20), nullable=False),
    Column("pruned_at", UtcDateTime, nullable=False),
)
Index("benefits_tombstones_redemption", tombstones.c.shop_id, tombstones.c.redemption_id)
Index("benefits_tombstones_rollback", tombstones.c.shop_id, tombstones.c.rollback_id)

key_values = Table(
    "benefits_key_values",
    metadata,
    _shop(key=True),
    Column("name", String(80), primary_key=True),  # such as "dialect" or "deliveries paused until"
    Column("value", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
