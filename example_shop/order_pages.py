"""An order's own pages: the thank-you and the order."""

from __future__ import annotations

from flask import Blueprint, abort, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from example_shop import carts, checkout, orders, placing, refunding, returns, visitors
from example_shop.extensions import benefits, db
from example_shop.models import Order, State

blueprint = Blueprint("orders", __name__)
_LOOK_AGAIN = "2"  # seconds until the browser asks again while a payment is being confirmed


@blueprint.get("/orders/<number>")
def show(number: str) -> Response:
    """One order, with what the loyalty programme knows of it."""
    return _page("order.html", own(number))


@blueprint.get("/orders/<number>/thanks")
def thanks(number: str) -> Response:
    """The confirmation; while the payment is being confirmed it says so, and looks again by itself."""
    order = own(number)
    if order.state is State.CANCELLED or checkout.waits(order):
        return checkout.land(order)
    return _page("thanks.html" if order.state is State.PAID else "confirming.html", order)


@blueprint.post("/orders/<number>/again")
def again(number: str) -> Response:
    """Put the products of an order into the cart."""
    order = own(number)
    cart = carts.current_or_new()
    for line in order.lines:
        carts.put(cart, line.sku, line.quantity)
    db.session.commit()
    return redirect(url_for("carts.show"), 303)


def _page(template: str, order: Order) -> Response:
    shopper = visitors.current()
    name = shopper.first_name if shopper else order.name.split(maxsplit=1)[0]
    cart = carts.current()
    page = make_response(
        render_template(
            template,
            order=order,
            first_name=name,
            record=benefits.record(order.number),
            left={rest.line.position: rest.quantity for rest in returns.left(order)},
            refunded=returns.refunded(order),
            is_refund_open=returns.is_pending(order),
            is_waiting=checkout.waits(order),
            is_in_cart=cart is not None and cart.id == order.cart_id,
        )
    )
    unclear = order.state in (State.OPEN, State.UNKNOWN) or returns.is_pending(order)
    if unclear and not checkout.waits(order):
        page.headers["Refresh"] = _LOOK_AGAIN
    return page


def own(number: str) -> Order:
    """The visitor's order of that number, with what is in doubt about it settled as far as it can be; or 404."""
    order = orders.find(number)
    if order is None or not visitors.may_see(order.number, order.customer_id):
        abort(404)
    placing.settle(number)
    refunding.settle(order)
    return order
