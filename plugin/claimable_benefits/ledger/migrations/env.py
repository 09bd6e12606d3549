"""What Alembic runs first. The caller has begun a transaction and holds the lock, and commits."""

from __future__ import annotations

from alembic import context

from claimable_benefits.ledger.schema import VERSION_TABLE
from claimable_benefits.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
