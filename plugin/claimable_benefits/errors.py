"""Everything this package raises on purpose.

BenefitsError
├── SettingsError                start-up: a setting, a policy file or a database is wrong; quotes key and remedy
│   └── LoaderNotRegistered      the shop has registered no function for it
├── InvalidValue                 a value that the shop gives: names the field and what to write; a ValueError, too
├── LoaderError                  a function that the shop registered raised, or returned something else
├── Declined                     anticipated: a sentence for the shopper and a stable reason code
├── ConflictError                another request or worker moved the same row of the ledger first
├── LedgerUnavailable            the ledger's database is locked, full, read-only or down: nothing was written
└── OmneoError                   a call to Omneo failed
    ├── NotApplied               nothing was applied: a repeat is safe
    │   ├── StillLoading         nothing can be shown yet: the read goes on in the background
    │   ├── ConnectionFailed     the request did not reach Omneo, or a read got no answer
    │   ├── AuthenticationError  401, or no token to send
    │   ├── PermissionDenied     403: the token lacks a scope
    │   └── RateLimited          429: Omneo asks for a pause
    ├── OutcomeUnknown           the request went out and no readable answer came back: in doubt
    ├── Rejected                 a definite no, with Omneo's status and words
    └── InvalidResponse          an answer to a read that the extension cannot parse
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from click import ClickException


class BenefitsError(Exception):
    """The root: catch this to catch everything this package raises on purpose."""


class SettingsError(BenefitsError, ClickException):
    """A setting is missing or wrong; the sentence names the key and the remedy.

    It is an error of the command line too, so that any ``flask …`` command says it in one line.
    """

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        self.key = key
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{key}: {problem} {remedy}")


class InvalidValue(BenefitsError, ValueError):
    """A value that the shop gives cannot be used: ``field`` names it, the sentence says what to write instead.

    It is raised where the shop writes the value, before anything is stored or sent.
    """

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        self.field = field
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{field} {problem} {remedy}")


class LoaderNotRegistered(SettingsError):
    """The shop has not registered a loader; `key` is its decorator."""


class LoaderError(BenefitsError):
    """A function that the shop registered failed: ``loader`` names it, ``problem`` says what it did.

    Where the function raised, that error is the cause of this one.
    """

    def __init__(self, loader: str, problem: str) -> None:
        self.loader = loader
        self.problem = problem
        super().__init__(f"The {loader} {problem}")


class Declined(BenefitsError):
    """A refusal that was anticipated.

    ``reason`` is a stable code, ``shopper_message`` a sentence that is safe to show as it is.
    """

    def __init__(self, reason: str, shopper_message: str, **facts: Any) -> None:
        self.reason = reason
        self.shopper_message = shopper_message
        self.facts = facts
        super().__init__(f"{reason}: {shopper_message}")


class ConflictError(BenefitsError):
    """Another request or worker moved the row first: read it again and decide on what it says now."""


class LedgerUnavailable(BenefitsError):
    """The ledger's database cannot be read or written now: nothing was written, and trying again is safe."""


class OmneoError(BenefitsError):
    """A call to Omneo failed.

    ``request`` is method and path without the query (a query may carry an e-mail address), ``status`` the HTTP status
    where there was an answer. Neither holds a token.
    """

    def __init__(self, message: str, *, request: str = "", status: int | None = None) -> None:
        self.message = message
        self.request = request
        self.status = status
        where = " ".join(part for part in (request, str(status) if status is not None else "") if part)
        super().__init__(f"{message} ({where})" if where else message)


class NotApplied(OmneoError):
    """Nothing was applied at Omneo, so a repeat is safe: an open circuit breaker, a spent budget, a failed read."""


class StillLoading(NotApplied):
    """Omneo takes longer than a page waits; the read goes on in the background, and a later page shows its result."""


class ConnectionFailed(NotApplied):
    """The request did not reach Omneo, or a read got no answer."""


class AuthenticationError(NotApplied):
    """Omneo does not accept the token (401), or there is no token to send."""


class PermissionDenied(NotApplied):
    """The token lacks a scope for this call (403)."""


class RateLimited(NotApplied):
    """Omneo asks for a pause (429); ``retry_after`` is in seconds, None where it does not say."""

    def __init__(
        self, message: str, *, request: str = "", status: int | None = 429, retry_after: float | None = None
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message, request=request, status=status)


class OutcomeUnknown(OmneoError):
    """A write went out and no readable answer came back: it may or may not have happened."""


class Rejected(OmneoError):
    """A definite no (404, 409, 422 …); ``fields`` holds Omneo's messages by field name."""

    def __init__(
        self,
        message: str,
        *,
        request: str = "",
        status: int,
        fields: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.fields = dict(fields or {})
        super().__init__(message, request=request, status=status)

    @property
    def words(self) -> str:
        """Omneo's message, and its sentences about single fields."""
        about = [sentence for sentences in self.fields.values() for sentence in sentences]
        return " ".join([self.message, *(sentence for sentence in about if sentence not in self.message)])


class InvalidResponse(OmneoError):
    """Omneo answered a read with something other than what its documentation promises."""
