"""The checkout page, and the way from it to an order."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from example_shop import carts, delivery, orders, placing, visitors
from example_shop.extensions import db
from example_shop.models import Cart, Order, State
from example_shop.money import money
from example_shop.payments import cards
from example_shop.payments.client import PaymentUnknown, PaymentUnreachable
from example_shop.pricing import Quote, quote

blueprint = Blueprint("checkout", __name__)


@blueprint.get("/checkout")
def show() -> str | Response:
    """The checkout page."""
    cart = carts.current()
    if cart is None or not cart.lines:
        flash("Your cart is empty.")
        return redirect(url_for("carts.show"))
    pending = orders.for_checkout(cart.checkout_id)
    if pending is not None:
        placing.settle(pending.number)
        return land(pending)
    return _page(cart, quote(cart))


@blueprint.post("/checkout/delivery")
def update() -> Response:
    """Remember address and delivery, and price the cart anew."""
    cart = carts.current()
    if cart is not None:
        _remember(cart)
    return redirect(url_for("checkout.show"), 303)


@blueprint.post("/checkout/draft")
def draft() -> tuple[str, int]:
    """Remember what is typed so far; a script on the page sends it before another form takes the shopper away."""
    cart = carts.current()
    if cart is not None:
        _remember(cart)
    return "", 204


@blueprint.post("/checkout")
def place() -> str | Response | tuple[str, int]:
    """Place the order, once for each checkout id."""
    checkout_id = request.form.get("checkout_id", "")
    earlier = orders.for_checkout(checkout_id)
    cart = carts.current()
    if earlier is not None and _is_ours(earlier, cart):
        return land(earlier)
    if cart is None or not cart.lines:
        return redirect(url_for("carts.show"), 303)
    _remember(cart)
    now = quote(cart)
    objection = _objection(cart, checkout_id, now)
    wrong = {} if objection else _problems(cart, now)
    if objection or wrong:
        return _page(cart, now, problem=objection, wrong=wrong), 409 if objection else 422
    order, is_new = orders.create(cart, now)
    if is_new:
        placing.place(order, _card())
    return land(order)


@blueprint.get("/checkout/return/<number>")
def come_back(number: str) -> Response:
    """Where the payment provider sends the shopper after they approved or declined."""
    order = _own(number)
    try:
        placing.come_back(order)
    except PaymentUnreachable:
        flash("Our payment provider cannot be reached right now. Try again in a moment.", "problem")
    return land(order)


@blueprint.get("/checkout/waiting/<number>")
def waiting(number: str) -> str | Response:
    """A payment waits for the shopper's approval: go on with it, or pay another way."""
    order = _own(number)
    placing.settle(number)
    return render_template("waiting.html", order=order) if waits(order) else land(order)


@blueprint.post("/checkout/waiting/<number>")
def pay_another_way(number: str) -> Response:
    """Let go of a payment that waits for approval."""
    order = _own(number)
    try:
        if waits(order):
            placing.let_go(order)
    except (PaymentUnknown, PaymentUnreachable):
        flash("Our payment provider cannot be reached right now. Try again in a moment.", "problem")
    return land(order)


def _page(cart: Cart, now: Quote, problem: str | None = None, wrong: dict[str, str] | None = None) -> str:
    shopper = visitors.current()
    db.session.commit()  # the panel may ask Omneo while the page is made: no transaction stays open meanwhile
    return render_template(
        "checkout.html",
        cart=cart,
        quote=now,
        address=cart.address or (shopper.address if shopper else {}),
        methods=delivery.METHODS.values(),
        fields=delivery.FIELDS,
        states=delivery.STATES,
        test_cards=[(cards.spaced(card), about) for card, about in cards.TEST_CARDS],
        problem=problem,
        wrong=wrong or {},
    )


def _remember(cart: Cart) -> None:
    cart.address = {**cart.address, **delivery.read_address(request.form)}
    if request.form.get("shipping") in delivery.METHODS:
        cart.shipping = request.form["shipping"]
    db.session.commit()


def _objection(cart: Cart, checkout_id: str, now: Quote) -> str | None:
    """Why this page may not place an order: it does not show what would be bought, or what it would cost."""
    if checkout_id != cart.checkout_id:
        return "Your cart has changed in another window. Please look it over, then place your order again."
    shown = _shown_total()
    if shown != now.total:
        return _new_total(shown, now.total) + " Nothing has been charged: place your order if that is fine with you."
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


def _what_now(order: Order, total: Decimal) -> str:
    """Why an attempt came to nothing, and what the order costs now if that has changed."""
    problem = order.problem or placing.NOT_TAKEN
    return problem if total == order.total else f"{problem} {_new_total(order.total, total)}"


def _new_total(old: Decimal, new: Decimal) -> str:
    return f"The total was {money(old)} and is now {money(new)}."


def land(order: Order) -> Response:
    """Go where an order in this state belongs; a repeated request ends there too."""
    visitors.remember_order(order.number)
    if waits(order):
        page = order.approval_url if request.endpoint == "checkout.place" else None
        return redirect(page or url_for("checkout.waiting", number=order.number), 303)
    if order.state is not State.CANCELLED:
        return redirect(url_for("orders.thanks", number=order.number), 303)
    cart = carts.current()
    if order.paid_at is not None or cart is None or cart.id != order.cart_id:
        return redirect(url_for("orders.show", number=order.number), 303)
    flash(_what_now(order, quote(cart).total), "problem")
    return redirect(url_for("checkout.show"), 303)


def waits(order: Order) -> bool:
    """Whether the order waits for the shopper's approval at the payment provider."""
    return order.state in (State.OPEN, State.UNKNOWN) and order.approval_url is not None


def _is_ours(order: Order, cart: Cart | None) -> bool:
    return (cart is not None and order.cart_id == cart.id) or visitors.may_see(order.number, order.customer_id)


def _own(number: str) -> Order:
    order = orders.find(number)
    if order is None or not _is_ours(order, carts.current()):
        abort(404)
    return order
