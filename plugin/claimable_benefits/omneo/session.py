"""One conversation with one tenant: every call passes here, gets its verdict, and leaves one line where it failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from claimable_benefits.errors import Malformed, OmneoError, Rejected
from claimable_benefits.omneo import paths, verdicts, wire
from claimable_benefits.omneo._http import Http, Timeouts
from claimable_benefits.omneo.dialects import Dialects
from claimable_benefits.omneo.reading import Reader
from claimable_benefits.omneo.verdicts import Answer
from claimable_benefits.omneo.writing import Writer

T = TypeVar("T")
Parse = Callable[[object], T]
Verdict = Callable[[verdicts.Outcome, str], OmneoError | None]

log = logging.getLogger("claimable_benefits.omneo")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to ``template``, filled with ``ids``.

    ``query`` and ``body`` stay out of every error and log: they may hold an e-mail address.
    """

    method: str
    template: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """What every call needs."""

    http: Http
    dialects: Dialects
    reader: Reader
    writer: Writer
    identity_handle: str
    timeouts: Timeouts

    def waiting(self, timeouts: Timeouts) -> Session:
        """The same conversation with another patience."""
        return replace(self, timeouts=timeouts)

    def read(self, call: Call, parse: Parse[T]) -> T:
        """The parsed body of a call that changes nothing, whatever its method."""
        return self._run(call, parse, verdicts.of_read, verdicts.unreadable_read)

    def find(self, call: Call, parse: Parse[T]) -> T | None:
        """As ``read``; None where Omneo's API says that there is no such thing (404)."""
        try:
            return self.read(call, parse)
        except Rejected as refusal:
            if refusal.status != 404:
                raise
            return None

    def write(self, call: Call, parse: Parse[T]) -> T:
        """The parsed body of a call that changes something; it is sent once and never repeated."""
        return self._run(call, parse, verdicts.of_write, verdicts.unreadable_write)

    def _run(
        self,
        call: Call,
        parse: Parse[T],
        judge: Verdict,
        unreadable: Callable[[Malformed, str, int], OmneoError],
    ) -> T:
        path = paths.fill(call.template, call.ids)
        request = f"{call.method} {path}"
        body = None if call.body is None else wire.dump(call.body)
        started = time.perf_counter()
        outcome = self.http.send(call.method, path, self.timeouts, call.query, body)
        error = judge(outcome, request)
        if error is None and isinstance(outcome, Answer):
            try:
                return parse(wire.load(outcome.body))
            except Malformed as problem:
                error = unreadable(problem, request, outcome.status)
        if error is None:
            raise AssertionError("A call without an answer always has an error.")
        _tell(error, time.perf_counter() - started)
        raise error


def _tell(error: OmneoError, seconds: float) -> None:
    # A 404 is how Omneo says "no such thing" and how a dialect says "no such route": worth a line, no alarm.
    level = logging.INFO if error.status in {404, 405} else logging.WARNING
    kind = type(error).__name__
    log.log(level, "%s: %s after %.0f ms, %s", error.request, error.status or "no answer", seconds * 1000, kind)
