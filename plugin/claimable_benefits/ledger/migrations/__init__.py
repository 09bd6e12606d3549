"""How the ledger's tables came to be what they are, version by version: what Alembic runs.

A released migration is never changed. Whoever changes `tables.py` writes the next one into ``versions/`` and adds its
number to `ledger.schema.REVISIONS`. Several versions of the package may serve one ledger during a deployment, so a
migration adds: a new column is nullable, or has a default in the database.
"""
