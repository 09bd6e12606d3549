"""An order's own pages: the thank-you, the order, and its cancellation."""

from __future__ import annotations

from flask import Blueprint, abort, flash, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from example_shop import carts, orders, placing, visitors
from example_shop.extensions import benefits, db
from example_shop.models import Order, State
from example_shop.payments.client import PaymentProblem

blueprint = Blueprint("orders", __name__)
_LOOK_AGAIN = "2"  # seconds until the browser asks again while a payment is being confirmed


@blueprint.get("/orders/<number>")
def show(number: str) -> Response:
    """One order, with what the loyalty programme knows of it."""
    return _page("order.html", _own(number))


@blueprint.get("/orders/<number>/thanks")
def thanks(number: str) -> Response:
    """The confirmation; while the payment is being confirmed it says so, and looks again by itself."""
    order = _own(number)
    if order.state is State.CANCELLED:
        return redirect(url_for("orders.show", number=number), 303)
    return _page("thanks.html" if order.state is State.PAID else "confirming.html", order)


@blueprint.post("/orders/<number>/cancel")
def cancel(number: str) -> Response:
    """Refund the order and give its benefit back."""
    order = _own(number)
    try:
        if order.paid_at is not None and not order.is_imported:
            placing.cancel(order)
    except PaymentProblem:
        flash("The refund could not be confirmed, so your order stands as it is. Please try again.", "problem")
    return redirect(url_for("orders.show", number=number), 303)


@blueprint.post("/orders/<number>/again")
def again(number: str) -> Response:
    """Put the products of an order into the cart."""
    order = _own(number)
    cart = carts.current_or_new()
    for line in order.lines:
        carts.put(cart, line.sku, line.quantity)
    db.session.commit()
    return redirect(url_for("carts.show"), 303)


def _page(template: str, order: Order) -> Response:
    shopper = visitors.current()
    name = shopper.first_name if shopper else order.name.split(maxsplit=1)[0]
    page = make_response(render_template(template, order=order, first_name=name, record=benefits.record(order.number)))
    if order.state in (State.OPEN, State.UNKNOWN):
        page.headers["Refresh"] = _LOOK_AGAIN
    return page


def _own(number: str) -> Order:
    order = orders.find(number)
    if order is None or not visitors.may_see(order.number, order.customer_id):
        abort(404)
    placing.settle(number)
    return order
