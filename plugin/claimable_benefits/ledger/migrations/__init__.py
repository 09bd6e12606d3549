"""The ledger's tables, version by version: what Alembic runs.

A released migration is never changed. A change of `tables.py` needs the next migration in ``versions/``, with its
number in `ledger.schema.SCHEMA`. Several versions of the package may serve one ledger during a deployment, so a
migration adds: a new column is nullable, or has a default in the database.
"""
