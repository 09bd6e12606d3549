"""What a database's failure means for the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError, TimeoutError

from claimable_benefits.errors import LedgerUnavailable

_LONGEST = 200
# These say that the statement is wrong, or the row: the database itself is well.
_OURS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


@contextmanager
def told() -> Iterator[None]:
    """Turn a database that is locked, full, read-only, damaged or away into `LedgerUnavailable`."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, _OURS):
            raise
        raise LedgerUnavailable(f"The ledger cannot be used right now: {words(error)}.") from error
    except TimeoutError as error:
        raise LedgerUnavailable("The ledger cannot be used right now: every connection is busy.") from error


def words(error: Exception) -> str:
    """What the database itself says, in one line; never the statement, and never its parameters."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    first = " ".join((said.splitlines() or [type(error).__name__])[0].split())
    return first.rstrip(".")[:_LONGEST]
