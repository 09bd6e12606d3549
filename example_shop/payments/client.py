"""The client of the payment provider: one method for each call, one exception for each kind of failure.

PaymentProblem
├── PaymentDeclined      a definite no; ``str()`` is a sentence for the shopper
├── PaymentUnreachable   nothing was sent, or it was a read: the shop may retry
└── PaymentUnknown       a request went out and no readable answer came back: it may or may not have happened
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

import requests
from urllib3.exceptions import NewConnectionError

Read = TypeVar("Read")
# Raised while reading an answer that is not JSON, or not the expected JSON.
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError)


class PaymentProblem(Exception):
    """The root of all payment errors."""


class PaymentDeclined(PaymentProblem):
    """The bank or the provider refuses."""


class PaymentUnreachable(PaymentProblem):
    """The provider cannot be reached; nothing has changed there."""


class PaymentUnknown(PaymentProblem):
    """The provider may or may not have done what the shop asked."""


class Status(StrEnum):
    """The status of a payment at the provider."""

    REDIRECT = "redirect"  # the shopper has to approve it on the provider's page
    APPROVED = "approved"  # the money is reserved
    DECLINED = "declined"
    CAPTURED = "captured"  # the money has moved; some of it may be refunded
    VOIDED = "voided"
    REFUNDED = "refunded"  # all of it is refunded


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the provider describes it; ``amount`` in major units."""

    id: str
    reference: str
    amount: Decimal
    currency: str
    status: Status
    approval_url: str | None = None

    @property
    def has_moved(self) -> bool:
        """Whether the money has moved, also where it was refunded since."""
        return self.status in (Status.CAPTURED, Status.REFUNDED)


class PaymentClient:
    """The provider at ``base_url``; ``timeout`` in seconds, for the connection and for each wait for an answer."""

    def __init__(self, base_url: str, timeout: float = 3.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout

    def authorise(self, amount: Decimal, currency: str, card: str, reference: str, return_url: str) -> Payment:
        """Reserve the money. Raises `PaymentDeclined`, `PaymentUnreachable`, `PaymentUnknown`.

        The provider keeps one payment for each ``reference``, so a repeated call reserves nothing twice.
        """
        wish = {"amount": int(amount.scaleb(2)), "currency": currency, "card": card, "reference": reference}
        return _not_declined(self._write("/payments", wish | {"return_url": return_url}))

    def capture(self, payment_id: str) -> Payment:
        """Move the reserved money. Raises like `authorise`."""
        return self._write(f"/payments/{payment_id}/capture")

    def sell(self, amount: Decimal, currency: str, card: str, reference: str, return_url: str) -> Payment:
        """Reserve and move the money in one step; a redirect moves it when the shopper approves. Raises likewise."""
        wish = {"amount": int(amount.scaleb(2)), "currency": currency, "card": card, "reference": reference}
        return _not_declined(self._write("/sales", wish | {"return_url": return_url}))

    def void(self, payment_id: str) -> Payment:
        """Release the reserved money. Raises `PaymentDeclined` where it has moved already, else like `authorise`."""
        return self._write(f"/payments/{payment_id}/void")

    def close(self, reference: str) -> Payment:
        """Void what was asked for with ``reference``, and what may arrive later. Raises like `void`."""
        return self._write(f"/references/{reference}/void")

    def refund(self, payment_id: str, amount: Decimal, reference: str) -> None:
        """Refund ``amount``, once for each ``reference``, also where the call is repeated. Raises like `authorise`."""
        wish = {"amount": int(amount.scaleb(2)), "reference": reference}
        self._send(f"/payments/{payment_id}/refunds", wish, _refund_reference)

    def find(self, payment_id: str) -> Payment | None:
        """Return the payment with that id, or None. Raises `PaymentUnreachable`."""
        return next(iter(self._read(f"/payments/{payment_id}")), None)

    def find_by_reference(self, reference: str) -> Payment | None:
        """Return the payment with that reference, or None. Raises `PaymentUnreachable`."""
        return next(iter(self._read("/payments", {"reference": reference})), None)

    def _write(self, path: str, body: Mapping[str, Any] | None = None) -> Payment:
        return self._send(path, body or {}, _payment)

    def _send(self, path: str, body: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Read]) -> Read:
        try:
            answer = requests.post(self._base_url + path, json=body, timeout=self._timeout)
        except requests.RequestException as error:
            if _was_never_sent(error):
                raise PaymentUnreachable("Our payment provider cannot be reached.") from error
            raise PaymentUnknown("Our payment provider did not answer in time.") from error
        return _read_write_answer(answer, read)

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> list[Payment]:
        try:
            answer = requests.get(self._base_url + path, params=query, timeout=self._timeout)
            if answer.status_code == requests.codes.not_found:
                return []
            answer.raise_for_status()
            body = answer.json()
            return [_payment(each) for each in body.get("data", [body])]
        except (requests.RequestException, *_UNREADABLE) as error:
            raise PaymentUnreachable("Our payment provider cannot be reached.") from error


def _was_never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def _not_declined(payment: Payment) -> Payment:
    if payment.status is Status.DECLINED:
        raise PaymentDeclined("Your card was declined.")
    return payment


def _read_write_answer(answer: requests.Response, read: Callable[[Mapping[str, Any]], Read]) -> Read:
    try:
        body = answer.json()
        if answer.ok:
            return read(body)
        message = str(body["message"])
    except _UNREADABLE as error:
        raise PaymentUnknown("Our payment provider gave an answer that we cannot read.") from error
    if answer.status_code >= requests.codes.server_error:
        raise PaymentUnknown(message)
    raise PaymentDeclined(message)


def _refund_reference(body: Mapping[str, Any]) -> str:
    return str(body["reference"])


def _payment(body: Mapping[str, Any]) -> Payment:
    return Payment(
        id=str(body["id"]),
        reference=str(body["reference"]),
        amount=Decimal(body["amount"]).scaleb(-2),
        currency=str(body["currency"]),
        status=Status(body["status"]),
        approval_url=body.get("approval_url"),
    )
