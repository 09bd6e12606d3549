"""Orders: created once for each checkout id, and listed by shopper and by period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask

from example_shop.checkout.delivery import METHODS
from example_shop.checkout.pricing import Quote
from example_shop.extensions import db
from example_shop.orders import orders
from example_shop.storage.models import Cart, Order, State

EMPTY = Quote((), METHODS["express"], ())


@pytest.fixture
def order(app: Flask) -> Iterator[Order]:
    """An open order, in an app context."""
    with app.app_context():
        cart = Cart(address={"name": "Mia Ngo"})
        db.session.add(cart)
        db.session.commit()
        yield orders.create(cart, EMPTY, leased_until=None)[0]


def test_an_order_is_open_and_holds_what_was_agreed(order: Order) -> None:
    assert (order.state, order.total, order.name) == (State.OPEN, Decimal("14.95"), "Mia Ngo")


def test_a_second_request_for_a_checkout_gets_the_order_of_the_first(order: Order) -> None:
    cart = db.session.get_one(Cart, order.cart_id)
    second, is_new = orders.create(cart, EMPTY, leased_until=None)

    assert (second.number, is_new) == (order.number, False)


def test_an_order_that_is_not_paid_is_no_sale(order: Order) -> None:
    with pytest.raises(ValueError, match="is not paid"):
        orders.transaction(order)


@pytest.mark.parametrize(
    ("state", "is_listed"), [(State.OPEN, False), (State.UNKNOWN, False), (State.PAID, True), (State.CANCELLED, True)]
)
def test_a_period_lists_the_paid_and_cancelled_orders_placed_in_it(order: Order, state: State, is_listed: bool) -> None:
    order.state = state
    db.session.commit()
    placed, minute = order.created_at, timedelta(minutes=1)
    periods = [(placed, placed + minute), (placed - minute, placed), (placed + minute, placed + 2 * minute)]
    found = [order.number in [each.number for each in orders.between(*period)] for period in periods]

    assert found == [is_listed, False, False]


def test_a_period_leaves_out_the_orders_of_the_former_system(order: Order) -> None:
    order.state, order.is_imported = State.PAID, True
    db.session.commit()

    assert order.number not in [each.number for each in orders.between(order.created_at, orders.now())]
