"""Room for late looks, for undos with an id, and for deliveries that are read back; order numbers of any length.

Nothing is rewritten: a ledger of a million rows is upgraded in the time that its new, empty indexes take.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_LONGER = (
    ("benefits_uses", "order_number", 255),
    ("benefits_events", "subject", 300),
    ("benefits_outbox", "order_number", 255),
)


def upgrade() -> None:
    _time("benefits_uses", "sweep_at")
    _time("benefits_claims", "sweep_at")
    _time("benefits_outbox", "verify_at")
    for table in ("benefits_uses", "benefits_claims"):
        op.add_column(table, sa.Column("sweeps", sa.Integer, nullable=False, server_default="0"))
    op.add_column("benefits_uses", sa.Column("rollback_id", sa.String(64)))
    op.create_index("benefits_uses_rollback", "benefits_uses", ["rollback_id"], unique=True)
    _wait("benefits_uses_sweep", "benefits_uses", "sweep_at")
    _wait("benefits_claims_sweep", "benefits_claims", "sweep_at")
    _wait("benefits_outbox_verify", "benefits_outbox", "verify_at")
    if _knows_lengths():
        for table, column, _ in _LONGER:
            op.alter_column(table, column, type_=sa.Text())


def downgrade() -> None:
    """Late looks and the ids of undos are forgotten. Refused by the database where an order number is too long."""
    if _knows_lengths():
        for table, column, length in _LONGER:
            op.alter_column(table, column, type_=sa.String(length))
    for index in ("benefits_uses_sweep", "benefits_uses_rollback"):
        op.drop_index(index, "benefits_uses")
    op.drop_index("benefits_claims_sweep", "benefits_claims")
    op.drop_index("benefits_outbox_verify", "benefits_outbox")
    for column in ("rollback_id", "sweeps", "sweep_at"):
        op.drop_column("benefits_uses", column)
    for column in ("sweeps", "sweep_at"):
        op.drop_column("benefits_claims", column)
    op.drop_column("benefits_outbox", "verify_at")


def _time(table: str, name: str) -> None:
    op.add_column(table, sa.Column(name, sa.DateTime(timezone=True)))


def _wait(name: str, table: str, column: str) -> None:
    """An index of the few rows that wait for something."""
    where = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def _knows_lengths() -> bool:
    """SQLite keeps a text of any length in a VARCHAR(255), and cannot change a column's type."""
    return op.get_bind().dialect.name != "sqlite"
