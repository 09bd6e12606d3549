"""The shop's first data: the order in Mia's history in the sandbox's demo data."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from flask import Flask

from example_shop.customers.formatting import CURRENCY
from example_shop.extensions import db
from example_shop.orders import orders
from example_shop.storage.models import Cart, Order, OrderLine, RecoveryPoint, State

_OLD_ORDER = "100007"
_AGE = timedelta(days=40)


def add_old_order(app: Flask) -> None:
    """Add the old order once, so that the link in Mia's history leads to it."""
    with app.app_context():
        if orders.find(_OLD_ORDER) is None:
            db.session.add(Cart(id=_OLD_ORDER, customer_id="1001", checkout_id=_OLD_ORDER, is_closed=True))
            db.session.flush()
            db.session.add(_old_order())
            db.session.commit()


def _old_order() -> Order:
    then = orders.now() - _AGE
    return Order(
        number=_OLD_ORDER,
        checkout_id=_OLD_ORDER,
        cart_id=_OLD_ORDER,
        customer_id="1001",
        name="Mia Ngo",
        address={"email": "mia@example.com"},
        shipping_name="Pick up",
        shipping=Decimal(0),
        shipping_discount=Decimal(0),
        currency=CURRENCY,
        total=Decimal("89.50"),
        benefit_name="Welcome Gift",
        recovery_point=RecoveryPoint.PAID,
        state=State.PAID,
        is_imported=True,
        created_at=then,
        paid_at=then,
        lines=[
            _line(0, "LIN-SH-M", "Linen Shirt", "89.50", "0.00"),
            _line(1, "GIFT", "Welcome Gift", "12.00", "12.00"),
        ],
    )


def _line(position: int, sku: str, name: str, price: str, discount: str) -> OrderLine:
    return OrderLine(
        position=position, sku=sku, name=name, quantity=1, unit_price=Decimal(price), discount=Decimal(discount)
    )
