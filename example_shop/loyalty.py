"""What the plugin asks a shop: who shops, what is in the cart, and what became of an order."""

from __future__ import annotations

import claimable_benefits
from claimable_benefits import Line, OrderState, Shopper
from example_shop import carts, orders, placing, refunding, visitors
from example_shop.delivery import METHODS
from example_shop.extensions import benefits, db
from example_shop.models import State
from example_shop.money import CURRENCY


@benefits.shopper_loader
def shopper() -> Shopper | None:
    """Whoever is signed in."""
    who = visitors.current()
    return Shopper(who.customer_id, who.name, who.timezone, who.locale) if who else None


@benefits.cart_loader
def cart() -> claimable_benefits.Cart | None:
    """Their cart, priced with the delivery they chose."""
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
    """What became of an order. Where that is not known yet, the payment provider is asked first."""
    placing.settle(number)
    db.session.expire_all()
    found = orders.find(number)
    if found is None:
        return None
    refunding.settle(found)
    state = OrderState(found.state)
    return claimable_benefits.Order(number, state, orders.transaction(found) if found.state is State.PAID else None)
