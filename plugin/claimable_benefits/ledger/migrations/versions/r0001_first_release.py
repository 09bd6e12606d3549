"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_LIVE_USE = sa.text("state IN ('held', 'redeeming', 'in_doubt', 'redeemed')")
_HELD = sa.text("state = 'held'")
_LIVE_CLAIM = sa.text("state IN ('claiming', 'in_doubt')")


def upgrade() -> None:
    _shops()
    _uses()
    _claims()
    _events()
    _outbox()
    _tombstones()
    _small_tables()


def downgrade() -> None:
    raise NotImplementedError("There is no version before the first one.")


def _time(name: str, *, needed: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not needed)


def _shop(*, key: bool = False) -> sa.Column[int]:
    return sa.Column("shop_id", sa.Integer, primary_key=key, nullable=False, autoincrement=False)


def _shops() -> None:
    op.create_table(
        "benefits_shops",
        sa.Column("shop_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("shop_key", sa.String(32), nullable=False, unique=True),
        sa.Column("tenant", sa.Text, nullable=False, unique=True),
        _time("created_at", needed=True),
    )


def _uses() -> None:
    op.create_table(
        "benefits_uses",
        _shop(),
        sa.Column("use_id", sa.String(36), primary_key=True),
        sa.Column("reference", sa.String(80), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("customer_id", sa.String(255), nullable=False),
        sa.Column("profile_id", sa.String(255), nullable=False),
        sa.Column("benefit_id", sa.String(255), nullable=False),
        sa.Column("definition_handle", sa.String(255), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("cart_id", sa.String(255), nullable=False),
        sa.Column("order_number", sa.Text),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("baseline_remaining", sa.Integer),
        sa.Column("redemption_id", sa.String(255)),
        _time("held_until", needed=True),
        _time("sent_at"),
        _time("redeemed_at"),
        _time("rollback_sent_at"),
        sa.Column("rollback_baseline_remaining", sa.Integer),
        sa.Column("rollback_baseline_count", sa.Integer),
        sa.Column("rollback_id", sa.String(255)),
        _time("lease_until"),
        _time("due_at"),
        sa.Column("attempts", sa.Integer, nullable=False),
        _time("sweep_at"),
        sa.Column("sweeps", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("note", sa.Text),
        _time("created_at", needed=True),
        _time("updated_at", needed=True),
    )
    for name, column in {"customer": "customer_id", "cart": "cart_id", "order": "order_number"}.items():
        op.create_index(f"benefits_uses_{name}", "benefits_uses", ["shop_id", column])
    slot = ["shop_id", "profile_id", "benefit_id", "slot"]
    _unique("benefits_uses_live", "benefits_uses", slot, _LIVE_USE)
    _unique("benefits_uses_held", "benefits_uses", ["shop_id", "cart_id"], _HELD)
    op.create_index("benefits_uses_due", "benefits_uses", ["shop_id", "state", "due_at"])
    op.create_index("benefits_uses_reference", "benefits_uses", ["shop_id", "reference"], unique=True)
    for name in ("redemption", "rollback"):
        op.create_index(f"benefits_uses_{name}", "benefits_uses", ["shop_id", f"{name}_id"], unique=True)
    _waiting("benefits_uses_sweep", "benefits_uses", "sweep_at")


def _claims() -> None:
    op.create_table(
        "benefits_claims",
        _shop(),
        sa.Column("claim_id", sa.String(36), primary_key=True),
        sa.Column("reference", sa.String(80), nullable=False, unique=True),
        sa.Column("customer_id", sa.String(255), nullable=False),
        sa.Column("profile_id", sa.String(255), nullable=False),
        sa.Column("definition_id", sa.String(255), nullable=False),
        sa.Column("definition_handle", sa.String(255), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("benefit_id", sa.String(255)),
        _time("sent_at", needed=True),
        _time("lease_until"),
        _time("due_at"),
        sa.Column("attempts", sa.Integer, nullable=False),
        _time("sweep_at"),
        sa.Column("sweeps", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("note", sa.Text),
        _time("created_at", needed=True),
        _time("updated_at", needed=True),
    )
    op.create_index("benefits_claims_customer", "benefits_claims", ["shop_id", "customer_id"])
    _unique("benefits_claims_live", "benefits_claims", ["shop_id", "profile_id", "definition_handle"], _LIVE_CLAIM)
    op.create_index("benefits_claims_due", "benefits_claims", ["shop_id", "state", "due_at"])
    _waiting("benefits_claims_sweep", "benefits_claims", "sweep_at")


def _events() -> None:
    op.create_table(
        "benefits_events",
        _shop(),
        sa.Column("event_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.Text, nullable=False),
        _time("at", needed=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("from_state", sa.String(20)),
        sa.Column("to_state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("ix_benefits_events_subject", "benefits_events", ["subject"])


def _outbox() -> None:
    op.create_table(
        "benefits_outbox",
        _shop(key=True),
        sa.Column("order_number", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        _time("first_look_at"),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("use_id", sa.String(36), sa.ForeignKey("benefits_uses.use_id")),
        sa.Column("customer_id", sa.String(255)),
        sa.Column("redemption_id", sa.String(255)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        _time("lease_until"),
        _time("due_at", needed=True),
        sa.Column("transaction_id", sa.String(255)),
        _time("delivered_at"),
        _time("verify_at"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("note", sa.Text),
        _time("created_at", needed=True),
        _time("updated_at", needed=True),
    )
    op.create_index("benefits_outbox_due", "benefits_outbox", ["shop_id", "state", "due_at"])
    _waiting("benefits_outbox_verify", "benefits_outbox", "verify_at")


def _tombstones() -> None:
    op.create_table(
        "benefits_tombstones",
        _shop(key=True),
        sa.Column("reference_digest", sa.String(64), primary_key=True),
        sa.Column("redemption_id", sa.String(255)),
        sa.Column("rollback_id", sa.String(255)),
        sa.Column("state", sa.String(20), nullable=False),
        _time("pruned_at", needed=True),
    )
    for name in ("redemption", "rollback"):
        op.create_index(f"benefits_tombstones_{name}", "benefits_tombstones", ["shop_id", f"{name}_id"])


def _small_tables() -> None:
    op.create_table(
        "benefits_profiles",
        _shop(key=True),
        sa.Column("customer_id", sa.String(255), primary_key=True),
        sa.Column("profile_id", sa.String(255), nullable=False),
        _time("seen_at", needed=True),
    )
    op.create_table(
        "benefits_key_values",
        _shop(key=True),
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        _time("updated_at", needed=True),
    )


def _unique(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def _waiting(name: str, table: str, column: str) -> None:
    """An index of the few rows that wait for something."""
    where = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, table, ["shop_id", column], sqlite_where=where, postgresql_where=where)
