"""Amounts and dates as each shopper writes them, and amounts in the database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask, session

from example_shop.customers.formatting import moment, money
from example_shop.extensions import db
from example_shop.storage.models import Cart, Order

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("customer", "price", "less", "when"),
    [
        ("", "$1,234.50", "\N{MINUS SIGN}$9.95", "15 January 2026, 11:00 pm"),
        ("1001", "$1,234.50", "\N{MINUS SIGN}$9.95", "15 January 2026, 11:00 pm"),
        ("1004", "A$1,234.50", "\N{MINUS SIGN}A$9.95", "15 January 2026, 13:00"),
    ],
)
def test_money_and_dates_follow_the_shopper(app: Flask, customer: str, price: str, less: str, when: str) -> None:
    with app.test_request_context():
        session["customer_id"] = customer
        written = (money(Decimal("1234.50")), money(Decimal("-9.95")), moment(NOON).replace("\u202f", " "))

    assert (price, less, when) == written


@pytest.mark.parametrize("amount", ["0.00", "0.01", "9.95", "126.05", "99999.99"])
def test_amounts_come_back_from_the_database_as_they_went_in(app: Flask, amount: str) -> None:
    with app.app_context():
        cart = Cart()
        db.session.add(cart)
        db.session.flush()
        order = Order(number=f"T-{amount}", checkout_id=f"T-{amount}", cart_id=cart.id, name="T", address={},
                      shipping_name="x", shipping=Decimal(0), shipping_discount=Decimal(0), currency="AUD",
                      total=Decimal(amount), created_at=NOON)  # fmt: skip
        db.session.add(order)
        db.session.flush()
        db.session.refresh(order)
        kept = (order.total, order.created_at)
        db.session.rollback()

    assert (Decimal(amount), NOON) == kept
