"""Orders move once, along their states, and are created once for each checkout id."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import update

from example_shop import orders, placing
from example_shop.delivery import METHODS
from example_shop.extensions import db
from example_shop.models import Cart, Order, State
from example_shop.pricing import Quote

EMPTY = Quote((), METHODS["express"], ())


@pytest.fixture
def order(app: Flask) -> Iterator[Order]:
    """An open order, in an app context."""
    with app.app_context():
        cart = Cart(address={"name": "Mia Ngo"})
        db.session.add(cart)
        db.session.commit()
        yield orders.create(cart, EMPTY)[0]


def elsewhere(order: Order, state: State) -> None:
    """Another request moves the order; this session has not looked since."""
    step = update(Order).where(Order.number == order.number).values(state=state)
    db.session.execute(step, execution_options={"synchronize_session": False})
    db.session.commit()


def test_an_order_is_open_and_holds_what_was_agreed(order: Order) -> None:
    assert (order.state, order.total, order.name) == (State.OPEN, Decimal("14.95"), "Mia Ngo")


def test_whoever_comes_second_gets_the_first_ones_order(order: Order) -> None:
    cart = db.session.get_one(Cart, order.cart_id)
    second, is_new = orders.create(cart, EMPTY)

    assert (second.number, is_new) == (order.number, False)


def test_an_order_moves_from_where_it_is_once(order: Order) -> None:
    first, second = (orders.move(order, State.OPEN, State.UNKNOWN) for _ in range(2))

    assert (first, second) == (True, False)


@pytest.mark.parametrize("state", [State.UNKNOWN, State.PAID])
def test_an_order_that_moved_on_meanwhile_is_not_called_off(order: Order, state: State) -> None:
    elsewhere(order, state)
    placing.call_off(order, "too late")

    assert (order.state, order.problem) == (state, None)


def test_an_order_that_another_request_has_in_hand_is_left_to_it(app: Flask) -> None:
    with app.app_context():
        cart = Cart(address={"name": "Mia Ngo"})
        db.session.add(cart)
        db.session.commit()
        free, _ = orders.create(cart, Quote((), METHODS["pickup"], ()))
        elsewhere(free, State.UNKNOWN)
        placing.take(free)

        assert (free.state, free.paid_at) == (State.UNKNOWN, None)


def test_an_order_that_is_called_off_lets_the_cart_try_again(order: Order) -> None:
    placing.call_off(order, "The card was declined.")
    cart = db.session.get_one(Cart, order.cart_id, populate_existing=True)

    assert (order.state, order.problem) == (State.CANCELLED, "The card was declined.")
    assert cart.checkout_id != order.checkout_id


def test_an_order_that_is_not_paid_is_no_sale(order: Order) -> None:
    with pytest.raises(ValueError, match="is not paid"):
        orders.transaction(order)
