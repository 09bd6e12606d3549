"""Quayside Pay: a payment provider that approves, declines, redirects, and can answer late.

A capture moves money, and so does a sale, which is both steps in one. Everything may be repeated: a payment has the
shop's reference, a refund has one of its own. A payment that is voided is never captured, and one that is captured is
never voided: whoever asks first decides.
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
from example_shop.payments.store import UNPAID, PaymentStore, RefundRow, Row

blueprint = Blueprint("payments", __name__, template_folder="templates", static_folder="static")
_KEY = "payments"
_MOVES = {
    "capture": (("approved",), "captured"),
    "void": (UNPAID, "voided"),
}
_AT_AUTHORISE = {cards.DECLINED: "declined", cards.REDIRECT: "redirect", cards.REDIRECT_THEN_DECLINED: "redirect"}
_AT_SALE = {
    cards.DECLINED: "declined",
    cards.CAPTURE_DECLINED: "declined",
    cards.REDIRECT: "redirect-sale",
    cards.REDIRECT_THEN_DECLINED: "redirect-sale",
}
_ASKS = ("redirect", "redirect-sale")
_BANK_DECLINES = (cards.CAPTURE_DECLINED[-4:], cards.REDIRECT_THEN_DECLINED[-4:])


class BankDeclined(HTTPException):
    """402, which Werkzeug does not bring."""

    code = 402
    description = "Your bank declined the payment."


class Provider:
    """What belongs to one app: its payments, and how late its late answers are, in seconds."""

    def __init__(self, folder: Path, late_seconds: float) -> None:
        self.store = PaymentStore(folder)
        self._late_seconds = late_seconds
        self._closing = Event()

    def dawdle(self) -> None:
        """Keep the caller waiting, unless the provider closes."""
        self._closing.wait(self._late_seconds)

    def close(self) -> None:
        """Let everybody go who is kept waiting."""
        self._closing.set()


def create_provider(folder: Path, *, late_seconds: float = 6.0) -> Flask:
    """A payment provider that keeps its payments in ``folder``."""
    app = Flask(__name__, static_folder=None)
    app.extensions[_KEY] = Provider(folder, late_seconds)
    app.register_blueprint(blueprint)
    app.after_request(_guard)
    return app


def provider_of(app: Flask) -> Provider:
    """The provider that ``app`` serves."""
    provider: Provider = app.extensions[_KEY]
    return provider


@blueprint.post("/payments")
def authorise() -> tuple[Response, int]:
    """Reserve money: approved, declined, or redirect with the page where the shopper approves."""
    row = _take(_AT_AUTHORISE.get(_read_wish()["card"], "approved"))
    if row.card == cards.LATE_AUTHORISE[-4:]:
        provider_of(current_app).dawdle()
    return jsonify(_shown(row)), 201


@blueprint.post("/sales")
def sell() -> tuple[Response, int]:
    """Reserve and move money in one step: captured, declined, or redirect; the shopper's approval captures then."""
    card = _read_wish()["card"]
    if card == cards.LATE_AUTHORISE:
        provider_of(current_app).dawdle()  # nothing is charged so far, and the shop may close the reference meanwhile
    row = _take(_AT_SALE.get(card, "captured"))
    if row.card == cards.LATE_CAPTURE[-4:]:
        provider_of(current_app).dawdle()
    return jsonify(_shown(row)), 201


@blueprint.post("/references/<reference>/void")
def close(reference: str) -> Response:
    """Let go of what a reference has reserved, and of what comes with it later; 409 where the money has moved."""
    row = _store().close(reference)
    if row.status in ("captured", "refunded"):
        abort(409, f"A payment that is {row.status} cannot be voided.")
    return jsonify(_shown(row))


@blueprint.get("/payments")
def search() -> Response:
    """The payment for a reference, in a list."""
    return jsonify(data=[_shown(row) for row in _store().with_reference(request.args.get("reference", ""))])


@blueprint.get("/payments/<payment_id>")
def read(payment_id: str) -> Response:
    """One payment."""
    return jsonify(_shown(_find(payment_id)))


@blueprint.post("/payments/<payment_id>/<any(capture, void):verb>")
def change(payment_id: str, verb: str) -> Response:
    """Move the reserved money, or let go of it."""
    row = _find(payment_id)
    sources, target = _MOVES[verb]
    if verb == "capture" and row.status in sources and row.card in _BANK_DECLINES:
        raise BankDeclined
    if not _store().move(payment_id, sources, target) and _find(payment_id).status != target:
        abort(409, f"A payment that is {_find(payment_id).status} cannot be {target}.")
    if verb == "capture" and row.card == cards.LATE_CAPTURE[-4:]:
        provider_of(current_app).dawdle()
    return jsonify(_shown(_find(payment_id)))


@blueprint.post("/payments/<payment_id>/refunds")
def refund(payment_id: str) -> tuple[Response, int]:
    """Give money back, all or some of it, once for each reference."""
    row, (reference, amount) = _find(payment_id), _read_refund()
    earlier = _store().find_refund(reference)
    if earlier is None and row.card == cards.REFUND_DECLINED[-4:]:
        raise BankDeclined(description="Your bank takes no refund on this card.")
    made = _store().refund(payment_id, reference, amount)
    if made is None:
        abort(409, "There is not so much to give back.")
    if (made.payment_id, made.amount) != (payment_id, amount):
        abort(409, "This reference belongs to another refund.")
    if earlier is None and row.card == cards.LATE_REFUND[-4:]:
        provider_of(current_app).dawdle()
    return jsonify(_shown_refund(made)), 200 if earlier else 201


@blueprint.get("/refunds/<reference>")
def read_refund(reference: str) -> Response:
    """One refund, by the shop's reference."""
    made = _store().find_refund(reference)
    if made is None:
        abort(404, f"There is no refund {reference}.")
    return jsonify(_shown_refund(made))


@blueprint.get("/approve/<payment_id>")
def approve(payment_id: str) -> str | AnyResponse:
    """The page where the shopper approves a payment."""
    row = _find(payment_id)
    if row.status not in _ASKS:
        return redirect(row.return_url, 303)
    amount = format_currency(Decimal(row.amount).scaleb(-2), row.currency, locale="en_AU")
    return render_template("payments/approve.html", payment=row, amount=amount, shop=urlsplit(row.return_url).netloc)


@blueprint.post("/approve/<payment_id>")
def decide(payment_id: str) -> AnyResponse:
    """The shopper's answer; then back to the shop."""
    row = _find(payment_id)
    approved = "approve" in request.form
    _store().move(payment_id, ("redirect",), "approved" if approved else "declined")
    sold = approved and row.card not in _BANK_DECLINES
    _store().move(payment_id, ("redirect-sale",), "captured" if sold else "declined")
    return redirect(row.return_url, 303)


@blueprint.app_errorhandler(HTTPException)
def explain(error: HTTPException) -> tuple[Response, int]:
    """Say what is wrong in JSON."""
    code = error.code or 500
    return jsonify(error=error.name, message=error.description), code


def _store() -> PaymentStore:
    return provider_of(current_app).store


def _find(payment_id: str) -> Row:
    row = _store().find(payment_id)
    if row is None:
        abort(404, f"There is no payment {payment_id}.")
    return row


def _take(status: str) -> Row:
    wish = _read_wish()
    return _store().add(
        wish["reference"], wish["amount"], wish["currency"], wish["card"][-4:], status, wish["return_url"]
    )


def _read_refund() -> tuple[str, int]:
    wish = request.get_json(silent=True)
    wish = wish if isinstance(wish, dict) else {}
    reference, amount = wish.get("reference"), wish.get("amount")
    if not isinstance(reference, str) or not reference:
        abort(422, "reference is missing.")
    if isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0:
        abort(422, "amount is a whole number of cents above zero.")
    return reference, amount


def _read_wish() -> dict[str, Any]:
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


def _shown(row: Row) -> dict[str, Any]:
    asks = row.status in _ASKS
    return {
        "id": row.id,
        "reference": row.reference,
        "amount": row.amount,
        "currency": row.currency,
        "card": row.card,
        "status": "redirect" if asks else row.status,
        "refunded": _store().refunded(row.id),
        "approval_url": url_for("payments.approve", payment_id=row.id, _external=True) if asks else None,
    }


def _shown_refund(made: RefundRow) -> dict[str, Any]:
    return {"reference": made.reference, "payment_id": made.payment_id, "amount": made.amount}


def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
