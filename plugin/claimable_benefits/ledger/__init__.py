"""Our own record of holds, uses, claims and deliveries: SQLAlchemy Core, tables prefixed ``benefits_``."""

from claimable_benefits.ledger.database import Ledger

__all__ = ["Ledger"]
