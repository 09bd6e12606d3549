"""The ledger as a later release would have it: with a second migration, in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from claimable_benefits.ledger.schema import SCHEMA, Schema

_SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("benefits_uses", sa.Column("colour", sa.String(16), nullable=False, server_default="none"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("benefits_uses", "channel", type_=sa.Text())
    op.create_index("benefits_uses_colour", "benefits_uses", ["colour"])


def downgrade():
    op.drop_index("benefits_uses_colour", "benefits_uses")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("benefits_uses", "channel", type_=sa.String(16))
    op.drop_column("benefits_uses", "colour")
"""


def later_schema(folder: Path) -> Schema:
    """Version 0002, which adds a column and, on PostgreSQL, lets channels be longer; made in ``folder`` at first."""
    migrations = folder / "later migrations"
    if not migrations.exists():
        shutil.copytree(SCHEMA.folder, migrations, ignore=shutil.ignore_patterns("__pycache__"))
        (migrations / "versions" / "r0002_colours.py").write_text(_SECOND, encoding="utf-8")
    return Schema(migrations, (*SCHEMA.revisions, "0002"))
