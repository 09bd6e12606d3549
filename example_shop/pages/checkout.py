"""The checkout page, and the pages between it and a placed order."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from example_shop import payment_flow
from example_shop.checkout import carts, delivery
from example_shop.checkout.pricing import Quote, quote
from example_shop.customers import current_customer
from example_shop.customers.formatting import money
from example_shop.extensions import db
from example_shop.orders import orders
from example_shop.payments import cards
from example_shop.payments.client import PaymentUnknown, PaymentUnreachable
from example_shop.storage.models import Cart, Order, State

blueprint = Blueprint("checkout", __name__)
_UNREACHABLE = "Our payment provider cannot be reached right now. Please try again in a moment."


@blueprint.get("/checkout")
def show() -> str | Response:
    """Show the checkout page; where this checkout already has an order, go on to that order."""
    cart = carts.current()
    if cart is None or not cart.lines:
        flash("Your cart is empty.")
        return redirect(url_for("carts.show"))
    pending = orders.for_checkout(cart.checkout_id)
    if pending is not None:
        payment_flow.resolve(pending.number)
        return go_to(pending)
    return _page(cart, quote(cart))


@blueprint.post("/checkout/delivery")
def update() -> Response:
    """Save address and delivery, and show the new price."""
    cart = carts.current()
    if cart is not None:
        _save(cart)
    return redirect(url_for("checkout.show"), 303)


@blueprint.post("/checkout/draft")
def draft() -> tuple[str, int]:
    """Save what is typed so far; a script on the page sends it before the shopper submits another form."""
    cart = carts.current()
    if cart is not None:
        _save(cart)
    return "", 204


@blueprint.post("/checkout")
def place() -> str | Response | tuple[str, int]:
    """Place the order, once for each checkout id, if it costs what the page showed."""
    checkout_id = request.form.get("checkout_id", "")
    earlier = orders.for_checkout(checkout_id)
    cart = carts.current()
    if earlier is not None and _is_ours(earlier, cart):
        return go_to(earlier)
    if cart is None or not cart.lines:
        return redirect(url_for("carts.show"), 303)
    _save(cart)
    now = quote(cart)
    objection = _objection(cart, checkout_id, now)
    wrong = {} if objection else _problems(cart, now)
    if objection or wrong:
        return _page(cart, now, problem=objection, wrong=wrong), 409 if objection else 422
    return go_to(payment_flow.place(cart, now, _card()))


@blueprint.get("/checkout/return/<number>")
def come_back(number: str) -> Response:
    """Continue after the payment provider's page, where the shopper approved or declined."""
    order = _own(number)
    try:
        payment_flow.continue_after_redirect(order)
    except PaymentUnreachable:
        flash(_UNREACHABLE, "problem")
    return go_to(order)


@blueprint.get("/checkout/waiting/<number>")
def waiting(number: str) -> str | Response:
    """Ask the shopper to approve a payment at the provider's page, or to pay another way."""
    order = _own(number)
    payment_flow.resolve(number)
    is_waiting = payment_flow.waits_for_shopper(order)
    return render_template("waiting.html", order=order) if is_waiting else go_to(order)


@blueprint.post("/checkout/waiting/<number>")
def pay_another_way(number: str) -> Response:
    """Cancel a payment that waits for approval."""
    order = _own(number)
    try:
        if payment_flow.waits_for_shopper(order):
            payment_flow.abandon(order)
    except (PaymentUnknown, PaymentUnreachable):
        flash(_UNREACHABLE, "problem")
    return go_to(order)


def _page(cart: Cart, now: Quote, problem: str | None = None, wrong: dict[str, str] | None = None) -> str:
    customer = current_customer.get()
    db.session.commit()  # the panel may call Omneo while the page is rendered: no transaction is open meanwhile
    return render_template(
        "checkout.html",
        cart=cart,
        quote=now,
        address=cart.address or (customer.address if customer else {}),
        methods=delivery.METHODS.values(),
        fields=delivery.FIELDS,
        states=delivery.STATES,
        test_cards=[(cards.spaced(card), about) for card, about in cards.TEST_CARDS],
        problem=problem,
        wrong=wrong or {},
    )


def _save(cart: Cart) -> None:
    cart.address = {**cart.address, **delivery.read_address(request.form)}
    if request.form.get("shipping") in delivery.METHODS:
        cart.shipping = request.form["shipping"]
    db.session.commit()


def _objection(cart: Cart, checkout_id: str, now: Quote) -> str | None:
    """Return why this page may not place an order: it shows another cart or another total. None where it may."""
    if checkout_id != cart.checkout_id:
        return "Your cart has changed in another window. Please check it, then place your order again."
    shown = _shown_total()
    if shown != now.total:
        return _new_total(shown, now.total) + " Nothing has been charged: place your order if you agree."
    return None


def _problems(cart: Cart, now: Quote) -> dict[str, str]:
    wrong = delivery.problems(cart.address, now.method)
    if now.total and not cards.is_plausible(_card()):
        wrong["card"] = "Enter the number of your card, 12 to 19 digits."
    return wrong


def _card() -> str:
    return "".join(request.form.get("card", "").replace("-", " ").split())


def _shown_total() -> Decimal:
    try:
        shown = Decimal(request.form.get("shown_total", ""))
    except InvalidOperation:
        shown = Decimal("NaN")
    return shown if shown.is_finite() else abort(400, "This form is incomplete. Go back to the checkout.")


def _why_cancelled(order: Order, total: Decimal) -> str:
    """Return why the order was cancelled, and its new total where that has changed."""
    problem = order.problem or payment_flow.NOT_TAKEN
    return problem if total == order.total else f"{problem} {_new_total(order.total, total)}"


def _new_total(old: Decimal, new: Decimal) -> str:
    return f"The total was {money(old)} and is now {money(new)}."


def go_to(order: Order) -> Response:
    """Redirect to the page for the order's state; a repeated request ends there too."""
    current_customer.remember_order(order.number)
    if payment_flow.waits_for_shopper(order):
        page = order.approval_url if request.endpoint == "checkout.place" else None
        return redirect(page or url_for("checkout.waiting", number=order.number), 303)
    if order.state is not State.CANCELLED:
        return redirect(url_for("orders.thanks", number=order.number), 303)
    cart = carts.current()
    if order.paid_at is not None or cart is None or cart.id != order.cart_id:
        return redirect(url_for("orders.show", number=order.number), 303)
    flash(_why_cancelled(order, quote(cart).total), "problem")
    return redirect(url_for("checkout.show"), 303)


def _is_ours(order: Order, cart: Cart | None) -> bool:
    return (cart is not None and order.cart_id == cart.id) or current_customer.may_see(order.number, order.customer_id)


def _own(number: str) -> Order:
    order = orders.find(number)
    if order is None or not _is_ours(order, carts.current()):
        abort(404)
    return order
