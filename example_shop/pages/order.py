"""The pages of one order: the confirmation and the order itself."""

from __future__ import annotations

from flask import Blueprint, abort, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from example_shop import payment_flow, refund_flow
from example_shop.checkout import carts
from example_shop.customers import current_customer
from example_shop.extensions import benefits, db
from example_shop.orders import orders, returns
from example_shop.pages import checkout
from example_shop.storage.models import Order, State

blueprint = Blueprint("orders", __name__)
_REFRESH_SECONDS = "2"  # while a payment or a refund is being confirmed


@blueprint.get("/orders/<number>")
def show(number: str) -> Response:
    """Show one order, with what Omneo recorded of it."""
    return _page("order.html", own(number))


@blueprint.get("/orders/<number>/thanks")
def thanks(number: str) -> Response:
    """Show the confirmation; while the payment is being confirmed, a page that says so and refreshes itself."""
    order = own(number)
    if order.state is State.CANCELLED or payment_flow.waits_for_shopper(order):
        return checkout.go_to(order)
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
    customer = current_customer.get()
    name = customer.first_name if customer else order.name.split(maxsplit=1)[0]
    cart, is_waiting = carts.current(), payment_flow.waits_for_shopper(order)
    page = make_response(
        render_template(
            template,
            order=order,
            first_name=name,
            record=benefits.record(order.number),
            left={rest.line.position: rest.quantity for rest in returns.left(order)},
            refunded=returns.refunded(order),
            is_refund_open=returns.is_pending(order),
            is_waiting=is_waiting,
            is_in_cart=cart is not None and cart.id == order.cart_id,
        )
    )
    is_being_confirmed = order.state in (State.OPEN, State.UNKNOWN) and not is_waiting
    if is_being_confirmed or returns.is_pending(order):
        page.headers["Refresh"] = _REFRESH_SECONDS
    return page


def own(number: str) -> Order:
    """Return the shopper's order of that number, after resolving what is in doubt about it; or 404."""
    order = orders.find(number)
    if order is None or not current_customer.may_see(order.number, order.customer_id):
        abort(404)
    payment_flow.resolve(number)
    refund_flow.resolve(order)
    return order
