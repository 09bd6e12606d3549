"""The client of Omneo's API, which the services call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.cache.thread_pool import Gather, one_by_one
from claimable_benefits.errors import (
    AuthenticationError,
    InvalidResponse,
    NotApplied,
    PermissionDenied,
    Rejected,
    SettingsError,
)
from claimable_benefits.omneo import codec, paths
from claimable_benefits.omneo._http import INTERACTIVE, WORKER_TIMEOUTS, Http, Timeouts, Token, Transport
from claimable_benefits.omneo.benefits import Benefits
from claimable_benefits.omneo.definitions import Definitions
from claimable_benefits.omneo.dialects import NO_SUCH_ROUTE, Dialect, Dialects
from claimable_benefits.omneo.parsing import FieldReader
from claimable_benefits.omneo.payloads import PayloadWriter
from claimable_benefits.omneo.profiles import Profiles
from claimable_benefits.omneo.redemption_periods import RedemptionPeriods
from claimable_benefits.omneo.redemptions import Redemptions
from claimable_benefits.omneo.session import ApiCall, Session, within
from claimable_benefits.omneo.transactions import Transactions


class OmneoClient(Profiles, Benefits, Redemptions, RedemptionPeriods, Transactions, Definitions):
    """One tenant of Omneo; safe to share between threads, and to be closed once when the process ends.

    Reads raise `NotApplied` or one of its subclasses, `InvalidResponse` or `Rejected`. Writes are sent once and raise
    `NotApplied` where nothing was applied, `Rejected` for a definite no, and `OutcomeUnknown` where the write is in
    doubt. Ids are opaque texts, times aware, amounts ``Decimal``.

    :param base_url: up to and with ``/api/v3`` (Omneo facts 1.1).
    :param token: the API token, or a callable that is asked for it before every call.
    :param timezone: the IANA zone in which times go out.
    :param identity_handle: the handle of the identities that hold the shop's customer ids (Omneo facts 2).
    :param dialect: ``auto`` detects it with reads and falls back call by call; ``guide`` and ``reference`` use theirs
        alone.
    :param dates: ``utc``, or ``echo`` for tenants that repeat local times instead of converting them (Omneo facts 1.5).
    :param transport: replaces the network in tests.
    :param on_dialect: called once with the dialect that ``auto`` detected.
    :param variants: stores the variant of each call that has worked, by purpose; a new dictionary where left out.
    :param gather: runs independent reads, at the same time where it can.
    :param breakers: circuit breakers by lane: ``read``, ``redeem`` (and claim, and rollback), ``deliver``.
    :param proxy: the address of a proxy, ``off``, or ``environment`` for the one that the environment names.
    :param timeouts: in seconds, for the calls of a shopper's request; `for_workers` has longer ones.
    """

    def __init__(
        self,
        base_url: str,
        token: str | Callable[[], str],
        *,
        timezone: str,
        identity_handle: str = "ecommerce",
        dialect: str = "auto",
        dates: str = "utc",
        transport: Transport | None = None,
        on_dialect: Callable[[str], None] | None = None,
        variants: MutableMapping[str, str] | None = None,
        timeouts: Timeouts = INTERACTIVE,
        gather: Gather = one_by_one,
        breakers: Mapping[str, CircuitBreaker] | None = None,
        proxy: str = "environment",
    ) -> None:
        zone = codec.zone_named(timezone)
        if zone is None:
            raise SettingsError("OMNEO_TIMEZONE", f"{timezone!r} is no time zone.", "Use a name like Australia/Sydney.")
        if dates not in {"utc", "echo"}:
            raise SettingsError("OMNEO_DATES", f"{dates!r} is not known.", "Use utc or echo.")
        dialects = Dialects(dialect, self._answers, paths.DEFINITIONS, on_dialect, variants)
        http = Http(base_url, Token(token), transport, proxy)
        reader = FieldReader(zone, echo=dates == "echo")
        super().__init__(
            Session(http, dialects, reader, PayloadWriter(zone), identity_handle, timeouts, gather, breakers or {})
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; calls made after this raise `ConnectionFailed`."""
        self._session.http.close()

    def clock_ahead_of(self, now: datetime) -> timedelta:
        """Return by how much Omneo's clock is ahead of ``now``, an aware time; zero before the first answer."""
        return self._session.http.clock_offset.ahead_of(now)

    def known_variant(self, purpose: str) -> str | None:
        """The variant of a call (``redeem``, ``claim``, ``record a transaction``) that has worked; None before."""
        return self._session.dialects.known_variant(purpose)

    def is_resting(self, lane: str) -> bool:
        """Whether a circuit breaker would stop a call of this lane (``redeem`` or ``deliver``), or a read before it."""
        breakers = self._session.breakers
        return any(breakers[name].is_resting for name in ("read", lane) if name in breakers)

    def has_open_breaker(self) -> bool:
        """Whether a circuit breaker is open: calls failed, or Omneo asked for a pause, and none has worked since."""
        return any(breaker.is_open for breaker in self._session.breakers.values())

    def for_workers(self) -> Self:
        """Return the client with the worker's timeouts of ten seconds; both share connections and `close`."""
        twin = copy.copy(self)
        twin._session = self._session.with_timeouts(WORKER_TIMEOUTS)  # noqa: SLF001 - the twin is ours
        return twin

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit all calls of this thread in a block to ``seconds`` in all; a call after that is not sent."""
        return within(seconds)

    def dialect(self) -> Dialect:
        """Return the tenant's dialect; detects it on first use, and raises `NotApplied` where it cannot."""
        return self._session.dialects.dialect()

    def _answers(self, path: str) -> bool:
        """Whether the tenant has a list at ``path``, by a read that changes nothing."""
        try:
            self._session.read(
                ApiCall("GET", path, query={"page[size]": "1"}), lambda body: codec.elements(codec.data(body))
            )
        except (AuthenticationError, PermissionDenied) as refusal:
            if refusal.status != 403:
                raise
        except Rejected:
            return False
        except InvalidResponse as problem:
            if problem.status in NO_SUCH_ROUTE:
                return False
            # Raised before a write, so it has to say that nothing was applied.
            raise NotApplied(problem.message, request=problem.request, status=problem.status) from problem
        return True
