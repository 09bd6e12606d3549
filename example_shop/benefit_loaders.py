"""What the extension asks a shop: who is signed in, what is in the cart, and what became of an order."""

from __future__ import annotations

from datetime import datetime

import claimable_benefits
from claimable_benefits import Line, OrderState, Shopper
from example_shop import payment_flow, refund_flow
from example_shop.checkout import carts
from example_shop.checkout.delivery import METHODS
from example_shop.customers import current_customer
from example_shop.customers.formatting import CURRENCY
from example_shop.extensions import benefits, db
from example_shop.orders import orders as shop_orders
from example_shop.storage.models import Order, State


@benefits.shopper_loader
def shopper() -> Shopper | None:
    """Return who is signed in; None for a guest."""
    who = current_customer.get()
    return Shopper(who.customer_id, who.name, who.timezone, who.locale) if who else None


@benefits.cart_loader
def cart() -> claimable_benefits.Cart | None:
    """Return the cart, priced with the chosen delivery."""
    found = carts.current()
    if found is None:
        return None
    lines = tuple(
        Line(row.product.sku, row.product.name, row.quantity, row.product.price, row.product.tags)
        for row in carts.rows(found)
    )
    return claimable_benefits.Cart(found.id, lines, CURRENCY, METHODS[found.shipping].price)


@benefits.order_loader
def order(number: str) -> claimable_benefits.Order | None:
    """Return what became of an order; None where there is no such order.

    Asks the payment provider first, where the payment or a refund is in doubt.
    """
    payment_flow.resolve(number)
    db.session.expire_all()
    found = shop_orders.find(number)
    if found is None:
        return None
    refund_flow.resolve(found)
    return _described(found)


@benefits.orders_loader
def orders(since: datetime, until: datetime) -> list[claimable_benefits.Order]:
    """Return the paid and cancelled orders placed from ``since`` until before ``until`` (aware, UTC).

    Reconciliation compares them with Omneo. Orders of the shop's former system are left out.
    """
    return [_described(found) for found in shop_orders.between(since, until)]


def _described(found: Order) -> claimable_benefits.Order:
    sale = shop_orders.transaction(found) if found.state is State.PAID else None
    return claimable_benefits.Order(found.number, OrderState(found.state), sale)
