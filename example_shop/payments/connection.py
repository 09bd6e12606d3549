"""The payment provider that the shop is configured for."""

from __future__ import annotations

from flask import current_app

from example_shop.extensions import db
from example_shop.payments.client import PaymentClient


def payment_provider() -> PaymentClient:
    """Return the client for one call. Commits first: no database transaction of the shop is open during the call."""
    db.session.commit()
    return PaymentClient(current_app.config["PAYMENTS_URL"], current_app.config["PAYMENTS_TIMEOUT"])
