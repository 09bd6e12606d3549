"""What a failure of the database means for the caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from claimable_benefits.errors import LedgerUnavailable

_LONGEST = 200
_OURS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


@contextmanager
def translate_db_errors() -> Iterator[None]:
    """Raise `LedgerUnavailable` where the database is locked, full, read-only, damaged or not reachable."""
    try:
        yield
    except DBAPIError as error:
        if _is_ours(error):
            raise
        raise LedgerUnavailable(f"The ledger cannot be used right now: {words(error)}.") from error
    except sqlite3.OperationalError as error:  # where we speak to the driver ourselves
        raise LedgerUnavailable(f"The ledger cannot be used right now: {words(error)}.") from error
    except PoolTimeout as error:
        raise LedgerUnavailable("The ledger cannot be used right now: every connection is busy.") from error


def _is_ours(error: DBAPIError) -> bool:
    """Whether the statement is wrong, or the row: the database itself is well then."""
    return isinstance(error, _OURS) or getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def words(error: Exception) -> str:
    """Return the message of the database itself, in one line; never the statement, and never its parameters."""
    cause = error.__cause__ if isinstance(error, LedgerUnavailable) and error.__cause__ else error
    said = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip()
    first = " ".join((said.splitlines() or [type(error).__name__])[0].split())
    return first.rstrip(".")[:_LONGEST]
