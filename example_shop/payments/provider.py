"""Quayside Pay: a payment provider that approves, declines, redirects, and can answer late.

A capture moves money, and so does a sale, which is both steps in one. The shop may repeat every call: a payment has
the shop's reference, and a refund has its own. A voided payment is never captured, and a captured one is never voided:
the first call decides.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from babel.numbers import format_currency
from flask import Blueprint, Flask, Response, abort, current_app, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from example_shop.payments import cards
from example_shop.payments.store import UNPAID, PaymentRow, PaymentStore, RefundRow

blueprint = Blueprint("payments", __name__, template_folder="templates", static_folder="static")
_KEY = "payments"
_MOVES = {
    "capture": (("approved",), "captured"),
    "void": (UNPAID, "voided"),
}
_STATUS_AT_AUTHORISE = {
    cards.DECLINED: "declined",
    cards.REDIRECT: "redirect",
    cards.REDIRECT_THEN_DECLINED: "redirect",
}
_STATUS_AT_SALE = {
    cards.DECLINED: "declined",
    cards.CAPTURE_DECLINED: "declined",
    cards.REDIRECT: "redirect-sale",
    cards.REDIRECT_THEN_DECLINED: "redirect-sale",
}
_WAITING = ("redirect", "redirect-sale")
_BANK_DECLINES = (cards.CAPTURE_DECLINED[-4:], cards.REDIRECT_THEN_DECLINED[-4:])


class BankDeclined(HTTPException):
    """402 Payment Required, which Werkzeug does not have."""

    code = 402
    description = "Your bank declined the payment."


class Provider:
    """The state of one provider app: its payments, and how late its late answers are, in seconds."""

    def __init__(self, folder: Path, late_seconds: float) -> None:
        self.store = PaymentStore(folder)
        self._late_seconds = late_seconds
        self._closing = Event()

    def delay(self) -> None:
        """Delay the answer, unless the provider closes."""
        self._closing.wait(self._late_seconds)

    def close(self) -> None:
        """End all delays."""
        self._closing.set()


def create_provider(folder: Path, *, late_seconds: float = 6.0) -> Flask:
    """Create a payment provider that stores its payments in ``folder``; its late answers take ``late_seconds``."""
    app = Flask(__name__, static_folder=None)
    app.extensions[_KEY] = Provider(folder, late_seconds)
    app.register_blueprint(blueprint)
    app.after_request(_add_headers)
    return app


def provider_of(app: Flask) -> Provider:
    """Return the state of the provider app ``app``."""
    provider: Provider = app.extensions[_KEY]
    return provider


@blueprint.post("/payments")
def authorise() -> tuple[Response, int]:
    """Reserve money: approved, declined, or redirect with the page where the shopper approves."""
    row = _take(_STATUS_AT_AUTHORISE.get(_read_payment_body()["card"], "approved"))
    if row.card == cards.LATE_AUTHORISE[-4:]:
        provider_of(current_app).delay()
    return jsonify(_serialized(row)), 201


@blueprint.post("/sales")
def sell() -> tuple[Response, int]:
    """Reserve and move money in one step: captured, declined, or redirect; the shopper's approval captures then."""
    card = _read_payment_body()["card"]
    if card == cards.LATE_AUTHORISE:
        provider_of(current_app).delay()  # before the charge: the shop may close the reference meanwhile
    row = _take(_STATUS_AT_SALE.get(card, "captured"))
    if row.card == cards.LATE_CAPTURE[-4:]:
        provider_of(current_app).delay()
    return jsonify(_serialized(row)), 201


@blueprint.post("/references/<reference>/void")
def close(reference: str) -> Response:
    """Void what a reference has reserved, and what arrives with it later; 409 where the money has moved."""
    row = _store().close(reference)
    if row.status in ("captured", "refunded"):
        abort(409, f"A payment that is {row.status} cannot be voided.")
    return jsonify(_serialized(row))


@blueprint.get("/payments")
def search() -> Response:
    """Return the payment for a reference, in a list."""
    return jsonify(data=[_serialized(row) for row in _store().with_reference(request.args.get("reference", ""))])


@blueprint.get("/payments/<payment_id>")
def read(payment_id: str) -> Response:
    """Return one payment."""
    return jsonify(_serialized(_find(payment_id)))


@blueprint.post("/payments/<payment_id>/<any(capture, void):verb>")
def change(payment_id: str, verb: str) -> Response:
    """Move the reserved money, or release it."""
    row = _find(payment_id)
    sources, target = _MOVES[verb]
    if verb == "capture" and row.status in sources and row.card in _BANK_DECLINES:
        raise BankDeclined
    if not _store().move(payment_id, sources, target) and _find(payment_id).status != target:
        abort(409, f"A payment that is {_find(payment_id).status} cannot be {target}.")
    if verb == "capture" and row.card == cards.LATE_CAPTURE[-4:]:
        provider_of(current_app).delay()
    return jsonify(_serialized(_find(payment_id)))


@blueprint.post("/payments/<payment_id>/refunds")
def refund(payment_id: str) -> tuple[Response, int]:
    """Refund all of a payment or some of it, once for each reference."""
    row, (reference, amount) = _find(payment_id), _read_refund_body()
    earlier = _store().find_refund(reference)
    if earlier is None and row.card == cards.REFUND_DECLINED[-4:]:
        raise BankDeclined(description="Your bank takes no refund on this card.")
    made = _store().refund(payment_id, reference, amount)
    if made is None:
        abort(409, "The amount is more than what is left to refund.")
    if (made.payment_id, made.amount) != (payment_id, amount):
        abort(409, "This reference belongs to another refund.")
    if earlier is None and row.card == cards.LATE_REFUND[-4:]:
        provider_of(current_app).delay()
    return jsonify(_serialized_refund(made)), 200 if earlier else 201


@blueprint.get("/refunds/<reference>")
def read_refund(reference: str) -> Response:
    """Return one refund, by the shop's reference."""
    made = _store().find_refund(reference)
    if made is None:
        abort(404, f"There is no refund {reference}.")
    return jsonify(_serialized_refund(made))


@blueprint.get("/approve/<payment_id>")
def approve(payment_id: str) -> str | AnyResponse:
    """Show the page where the shopper approves a payment."""
    row = _find(payment_id)
    if row.status not in _WAITING:
        return redirect(row.return_url, 303)
    amount = format_currency(Decimal(row.amount).scaleb(-2), row.currency, locale="en_AU")
    return render_template("payments/approve.html", payment=row, amount=amount, shop=urlsplit(row.return_url).netloc)


@blueprint.post("/approve/<payment_id>")
def decide(payment_id: str) -> AnyResponse:
    """Record the shopper's answer, and redirect to the shop."""
    row = _find(payment_id)
    approved = "approve" in request.form
    _store().move(payment_id, ("redirect",), "approved" if approved else "declined")
    sold = approved and row.card not in _BANK_DECLINES
    _store().move(payment_id, ("redirect-sale",), "captured" if sold else "declined")
    return redirect(row.return_url, 303)


@blueprint.app_errorhandler(HTTPException)
def show_error(error: HTTPException) -> tuple[Response, int]:
    """Describe the error in JSON."""
    code = error.code or 500
    return jsonify(error=error.name, message=error.description), code


def _store() -> PaymentStore:
    return provider_of(current_app).store


def _find(payment_id: str) -> PaymentRow:
    row = _store().find(payment_id)
    if row is None:
        abort(404, f"There is no payment {payment_id}.")
    return row


def _take(status: str) -> PaymentRow:
    wish = _read_payment_body()
    return _store().add(
        wish["reference"], wish["amount"], wish["currency"], wish["card"][-4:], status, wish["return_url"]
    )


def _read_refund_body() -> tuple[str, int]:
    wish = request.get_json(silent=True)
    wish = wish if isinstance(wish, dict) else {}
    reference, amount = wish.get("reference"), wish.get("amount")
    if not isinstance(reference, str) or not reference:
        abort(422, "reference is missing.")
    if isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0:
        abort(422, "amount is a whole number of cents above zero.")
    return reference, amount


def _read_payment_body() -> dict[str, Any]:
    wish = request.get_json(silent=True)
    if not isinstance(wish, dict):
        abort(422, "Send the payment as a JSON object.")
    for key in ("currency", "card", "reference", "return_url"):
        if not isinstance(wish.get(key), str) or not wish[key]:
            abort(422, f"{key} is missing.")
    if isinstance(wish.get("amount"), bool) or not isinstance(wish.get("amount"), int) or wish["amount"] <= 0:
        abort(422, "amount is a whole number of cents above zero.")
    if urlsplit(wish["return_url"]).scheme not in ("http", "https"):
        abort(422, "return_url is a web address.")
    return wish


def _serialized(row: PaymentRow) -> dict[str, Any]:
    is_waiting = row.status in _WAITING
    return {
        "id": row.id,
        "reference": row.reference,
        "amount": row.amount,
        "currency": row.currency,
        "card": row.card,
        "status": "redirect" if is_waiting else row.status,
        "refunded": _store().refunded(row.id),
        "approval_url": url_for("payments.approve", payment_id=row.id, _external=True) if is_waiting else None,
    }


def _serialized_refund(made: RefundRow) -> dict[str, Any]:
    return {"reference": made.reference, "payment_id": made.payment_id, "amount": made.amount}


def _add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
