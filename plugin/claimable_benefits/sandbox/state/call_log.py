"""The log of calls: requests, answers and the faults that were applied; never a token."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl, urlencode

MAX_CALLS = 10_000
_REQUEST_BYTES, _ANSWER_BYTES = 16_384, 4_096
_REFERENCE = re.compile(rb'"(?:transaction_)?external_id"\s*:\s*("(?:[^"\\]|\\.){1,255}")')
_REFERENCE_FILTERS = ("filter[external_id]", "filter[transaction_external_id]")
_SECRET_WORDS = (b"token", b"secret", b"password", b"authorization")
_SECRET_NAME = re.compile(rb"token|secret|password|authorization", re.IGNORECASE)
_SECRET = re.compile(
    rb'("[a-z_-]*(?:token|secret|password|authorization)[a-z_-]*"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)', re.IGNORECASE
)
_SECRET_IN_LINK = re.compile(
    rb'([?&][^=&"\s]*(?:token|secret|password|authorization)[^=&"\s]*=)[^&"\s]*', re.IGNORECASE
)
_HIDDEN = b"(hidden)"


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One request and its answer; `at` is the sandbox's time, `real_at` the machine's; `status` None: no answer.

    `late_for` is the number of the call whose connection was closed before this, its request, was applied.
    """

    id: int
    at: datetime
    real_at: datetime
    method: str
    path: str
    query: str
    request: bytes
    status: int | None
    answer: bytes
    faults: Sequence[str]
    seconds: float
    late_for: int | None = None

    @property
    def reference(self) -> str | None:
        """Return the external_id or transaction_external_id that the request carries or asks for."""
        found = _REFERENCE.search(self.request)
        if found:
            try:
                return str(json.loads(found[1]))
            except ValueError:
                return None
        parameters = dict(parse_qsl(self.query)) if self.query else {}
        return next((parameters[name] for name in _REFERENCE_FILTERS if name in parameters), None)

    def to_json(self) -> dict[str, Any]:
        """Return the call as JSON shows it."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "real_at": self.real_at.isoformat(timespec="milliseconds"),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "reference": self.reference,
            "request": self.request.decode("utf-8", "replace"),
            "status": self.status,
            "answer": self.answer.decode("utf-8", "replace"),
            "faults": list(self.faults),
            "late_for": self.late_for,
            "milliseconds": round(self.seconds * 1000, 3),
        }


class CallLog:
    """The last calls of this process, numbered from 1 in the order in which they ended."""

    def __init__(self, limit: int = MAX_CALLS) -> None:
        self._calls: deque[LoggedCall] = deque(maxlen=limit)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def record(
        self,
        *,
        at: datetime,
        method: str,
        path: str,
        query: str,
        request: bytes,
        status: int | None,
        answer: bytes,
        seconds: float,
        faults: Sequence[str] = (),
        late_for: int | None = None,
        bearer: str = "",
    ) -> int:
        """Log a call, truncated and without `bearer` and other secrets; return its number."""
        token, real = bearer.encode("utf-8", "replace"), datetime.now(UTC)
        request, answer = _redact(request[:_REQUEST_BYTES], token), _redact(answer[:_ANSWER_BYTES], token)
        if len(bearer) > 1:
            path, query = path.replace(bearer, "(hidden)"), query.replace(bearer, "(hidden)")
        query = _redact_query(query) if query else ""
        with self._lock:
            number = next(self._ids)
            self._calls.append(
                LoggedCall(number, at, real, method, path, query, request, status, answer, faults, seconds, late_for)
            )
        return number

    def calls(self, since: int = 0, path: str | None = None) -> list[LoggedCall]:
        """Return the calls with a number above `since`; `path` is a pattern."""
        with self._lock:
            calls = list(self._calls)
        return [call for call in calls if call.id > since and (path is None or fnmatchcase(call.path, path))]

    def clear(self) -> None:
        """Forget them; the numbers go on."""
        with self._lock:
            self._calls.clear()


def _redact(raw: bytes, token: bytes) -> bytes:
    if not raw:
        return raw
    if len(token) > 1 and token in raw:
        raw = raw.replace(token, _HIDDEN)
    lowered = raw.lower()
    if any(word in lowered for word in _SECRET_WORDS):
        return _SECRET_IN_LINK.sub(rb"\1" + _HIDDEN, _SECRET.sub(rb'\1"' + _HIDDEN + b'"', raw))
    return raw


def _redact_query(query: str) -> str:
    if not _SECRET_NAME.search(query.encode("utf-8", "replace")):
        return query
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, "(hidden)" if _SECRET_NAME.search(name.encode()) else value) for name, value in pairs])
