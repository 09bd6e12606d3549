"""The session with one tenant: sends every call, turns its outcome into a value or an error, and logs errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.cache.thread_pool import Gather, one_by_one
from claimable_benefits.errors import InvalidResponse, NotApplied, OmneoError, RateLimited, Rejected
from claimable_benefits.omneo import codec, outcomes, paths
from claimable_benefits.omneo._http import Http, Timeouts
from claimable_benefits.omneo.dialects import Dialects
from claimable_benefits.omneo.outcomes import HttpAnswer
from claimable_benefits.omneo.parsing import FieldReader
from claimable_benefits.omneo.payloads import PayloadWriter

T = TypeVar("T")
Parse = Callable[[object], T]
FindError = Callable[[outcomes.Outcome, str], OmneoError | None]

log = logging.getLogger("claimable_benefits.omneo")

# A write with such an answer was applied: it must be looked up, whatever the parser did not expect.
_UNEXPECTED_SHAPE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_SHORTEST_CALL = 0.05  # seconds: no answer comes faster
_DEFAULT_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request to ``template``, filled with ``ids``.

    ``query`` and ``body`` stay out of every error and log: they may hold an e-mail address.
    """

    method: str
    template: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, object] | None = field(default=None, repr=False)
    lane: str = "redeem"  # the circuit breaker of a write; reads have their own


@dataclass(frozen=True, slots=True)
class Session:
    """What every call needs."""

    http: Http
    dialects: Dialects
    reader: FieldReader
    writer: PayloadWriter
    identity_handle: str
    timeouts: Timeouts
    gather: Gather = one_by_one
    breakers: Mapping[str, CircuitBreaker] = field(default_factory=dict)

    def with_timeouts(self, timeouts: Timeouts) -> Session:
        """Return the same session with other timeouts."""
        return replace(self, timeouts=timeouts)

    def read(self, call: ApiCall, parse: Parse[T]) -> T:
        """Return the parsed body of a call that changes nothing, whatever its method."""
        return self._run(replace(call, lane="read"), parse, outcomes.of_read, outcomes.unreadable_read)

    def find(self, call: ApiCall, parse: Parse[T]) -> T | None:
        """As `read`; None where Omneo answers 404."""
        try:
            return self.read(call, parse)
        except Rejected as refusal:
            if refusal.status != 404:
                raise
            return None

    def write(self, call: ApiCall, parse: Parse[T]) -> T:
        """Return the parsed body of a call that changes something; it is sent once and never repeated."""
        return self._run(call, parse, outcomes.of_write, outcomes.unreadable_write)

    def _run(
        self,
        call: ApiCall,
        parse: Parse[T],
        find_error: FindError,
        unreadable: Callable[[InvalidResponse, str, int], OmneoError],
    ) -> T:
        path = paths.fill(call.template, call.ids)
        request = f"{call.method} {path}"
        body = None if call.body is None else codec.dump(call.body)
        breaker = self.breakers.get(call.lane)
        if breaker and not breaker.allow_request():
            raise NotApplied(
                "The circuit breaker is open after recent failures, so nothing was sent to Omneo.", request=request
            )
        started = time.perf_counter()
        outcome = self.http.send(call.method, path, _within_deadline(self.timeouts, request), call.query, body)
        error = find_error(outcome, request)
        if breaker:
            _note(breaker, outcome, error)
        if error is None and isinstance(outcome, HttpAnswer):
            try:
                return parse(codec.load(outcome.body))
            except InvalidResponse as problem:
                error = unreadable(problem, request, outcome.status)
            except _UNEXPECTED_SHAPE as problem:
                kind = type(problem).__name__  # its own words may quote the answer, which is about a person
                log.error("Omneo's answer to %s cannot be parsed: %s.", request, kind)  # noqa: TRY400
                error = unreadable(InvalidResponse("Omneo's answer cannot be parsed."), request, outcome.status)
        if error is None:
            raise AssertionError("A call without an answer always has an error.")
        _log_error(error, time.perf_counter() - started)
        raise error


_deadline: ContextVar[float | None] = ContextVar("deadline of the calls to Omneo", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit all calls of this thread in the block to ``seconds`` in all; a call after that is not sent."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def _within_deadline(timeouts: Timeouts, request: str) -> Timeouts:
    deadline = _deadline.get()
    if deadline is None:
        return timeouts
    left = deadline - time.monotonic()
    if left <= _SHORTEST_CALL:
        raise NotApplied("Nothing was sent to Omneo, as there is no time left.", request=request)
    names = ("connect", "read", "pool", "total")
    return Timeouts(**{name: min(getattr(timeouts, name), left) for name in names})


def _note(breaker: CircuitBreaker, outcome: outcomes.Outcome, error: OmneoError | None) -> None:
    """Count a missing answer and a server error as failures: any other answer shows that Omneo works."""
    if isinstance(error, RateLimited):
        breaker.record_failure(min(error.retry_after or _DEFAULT_PAUSE, _LONGEST_PAUSE))
    elif not isinstance(outcome, HttpAnswer) or outcome.status >= 500 or outcome.status == HTTPStatus.REQUEST_TIMEOUT:
        breaker.record_failure()
    else:
        breaker.record_success()


def _log_error(error: OmneoError, seconds: float) -> None:
    # Omneo answers 404 for a missing record, and a dialect for a missing route: neither is worth a warning.
    level = logging.INFO if error.status in {404, 405} else logging.WARNING
    kind = type(error).__name__
    log.log(level, "%s: %s after %.0f ms, %s", error.request, error.status or "no answer", seconds * 1000, kind)
