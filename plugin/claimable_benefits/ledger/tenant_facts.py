"""What the extension has found out about the tenant, shared by every process over one ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from datetime import datetime

from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger.database import Ledger
from claimable_benefits.ledger.key_values import get_value, set_value

# A worker that never redeems must know in which dialect the shop redeems: only then does it know whether Omneo keeps
# our references. Each process finds out everything else for itself.
_SHARED = frozenset({"redeem", "canary of external_id", "canary of transaction_external_id"})


class TenantFacts(MutableMapping[str, str]):
    """A dictionary whose shared entries are in the ledger, too. While that is unavailable, it is this process's own."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._seen: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._seen and name in _SHARED:
            with suppress(LedgerUnavailable), self._ledger.read() as connection:
                known = get_value(connection, _fact(name))
                if known is not None:
                    self._seen[name] = known
        return self._seen[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._seen[name] = value
        if name in _SHARED:
            with suppress(LedgerUnavailable), self._ledger.write() as connection:
                set_value(connection, _fact(name), value, self._clock())

    def __delitem__(self, name: str) -> None:
        del self._seen[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._seen))

    def __len__(self) -> int:
        return len(self._seen)


def _fact(name: str) -> str:
    return f"form of {name}"
