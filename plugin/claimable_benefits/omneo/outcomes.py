"""Turn the outcome of a call, an answer or none, into the error that says what is known.

A read may always be repeated. A write that was sent and got no readable answer is in doubt. Only 401, 403 and 429 count
as "nothing was applied": as far as is known, Omneo sends them before its own code runs.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from claimable_benefits.errors import (
    AuthenticationError,
    ConnectionFailed,
    InvalidResponse,
    NotApplied,
    OmneoError,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
)
from claimable_benefits.omneo import codec

_LONGEST_MESSAGE = 300
_LONGEST_PAUSE = 900.0  # a quarter of an hour: after that, one call shows whether it is over
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer; ``body`` is None where it could not be read completely, ``at`` is the server's time, aware."""

    status: int
    body: bytes | None
    content_type: str
    at: datetime
    retry_after: str | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_html(self) -> bool:
        return "html" in self.content_type.lower() or (self.body or b"").lstrip()[:1] == b"<"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A call without an answer; ``sent`` is whether any of it may have reached Omneo."""

    sent: bool
    reason: str


Outcome = HttpAnswer | NoAnswer


def of_read(outcome: Outcome, request: str) -> OmneoError | None:
    """Return the error of a call that changes nothing; None where there is an answer to parse."""
    if isinstance(outcome, NoAnswer):
        return ConnectionFailed(f"Omneo did not answer: {outcome.reason}.", request=request)
    status = outcome.status
    if (error := _not_applied(outcome, request)) is not None:
        return error
    if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
        return NotApplied("Omneo could not answer.", request=request, status=status)
    if outcome.is_success:
        return InvalidResponse("Omneo sent a web page.", request=request, status=status) if outcome.is_html else None
    if status < 400:
        return InvalidResponse("Omneo sent us elsewhere, and we did not go.", request=request, status=status)
    if outcome.is_html:
        return InvalidResponse("Something other than Omneo's API answered.", request=request, status=status)
    return _refused(outcome, request)


def of_write(outcome: Outcome, request: str) -> OmneoError | None:
    """Return the error of a call that changes something; None where there is an answer to parse."""
    if isinstance(outcome, NoAnswer):
        if not outcome.sent:
            return ConnectionFailed(f"Nothing was sent to Omneo: {outcome.reason}.", request=request)
        return OutcomeUnknown(f"Omneo did not answer: {outcome.reason}.", request=request)
    status = outcome.status
    if (error := _not_applied(outcome, request)) is not None:
        return error
    if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT or status < 200:
        return OutcomeUnknown("Omneo failed while it worked on this.", request=request, status=status)
    if outcome.is_success:
        return None
    if status < 400:
        return Rejected("Omneo sent us elsewhere, and we did not go.", request=request, status=status)
    return _refused(outcome, request)


def unreadable_write(problem: InvalidResponse, request: str, status: int) -> OutcomeUnknown:
    """Return the error of a write whose success cannot be parsed: in doubt."""
    return OutcomeUnknown(problem.message, request=request, status=status)


def unreadable_read(problem: InvalidResponse, request: str, status: int) -> InvalidResponse:
    """Return the parser's error with the call that it is about."""
    return InvalidResponse(problem.message, request=request, status=status)


def _not_applied(answer: HttpAnswer, request: str) -> NotApplied | None:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return AuthenticationError("Omneo does not accept the token.", request=request, status=answer.status)
    if answer.status == HTTPStatus.FORBIDDEN:
        return PermissionDenied("The token lacks a permission for this.", request=request, status=answer.status)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        pause = retry_after(answer.retry_after, answer.at)
        return RateLimited("Omneo asks for a pause.", request=request, status=answer.status, retry_after=pause)
    return None


def _refused(answer: HttpAnswer, request: str) -> Rejected:
    body = _json_of(answer)
    message = _plain(body.get("message")) or f"Omneo refused this with status {answer.status}."
    return Rejected(message, request=request, status=answer.status, fields=_fields(body.get("errors")))


def _json_of(answer: HttpAnswer) -> Mapping[str, object]:
    if answer.is_html:
        return {}
    try:
        return codec.mapping(codec.load(answer.body))
    except InvalidResponse:
        return {}


def _fields(errors: object) -> dict[str, tuple[str, ...]]:
    named = list(codec.mapping(errors).items())[:_MOST_FIELDS]
    return {_plain(name): _messages(value) for name, value in named if _messages(value)}


def _messages(value: object) -> tuple[str, ...]:
    several = value[:_MOST_FIELDS] if isinstance(value, list) else [value]
    return tuple(message for message in map(_plain, several) if message)


def _plain(value: object) -> str:
    """Make short plain text of Omneo's words: no markup, no control characters."""
    bare = re.sub(r"<[^>]*>", " ", html.unescape(codec.text(value)[: 10 * _LONGEST_MESSAGE]))
    spaced = " ".join("".join(letter if letter.isprintable() else " " for letter in bare).split())
    return spaced if len(spaced) <= _LONGEST_MESSAGE else spaced[: _LONGEST_MESSAGE - 1] + "…"


def retry_after(value: str | None, at: datetime) -> float | None:
    """Return the seconds to wait, from a ``Retry-After`` in seconds or as an HTTP date; None where it is unreadable."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdecimal():
        return min(float(value.strip()[:10]), _LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(value)
        return min(max((until - at).total_seconds(), 0.0), _LONGEST_PAUSE)
    except (ValueError, TypeError, IndexError, OverflowError):  # TypeError: a date without a zone
        return None
