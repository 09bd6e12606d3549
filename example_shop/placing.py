"""Placing an order, so that nobody pays for nothing and no benefit is used for nothing.

The steps go from the most to the least undoable: reserve the money, redeem the benefit, move the money, and record the
paid order together with what Omneo is to hear of it in one database commit. Each call to somebody else has a commit
before it that says what is under way, and no database transaction is open while it runs:

==========================  ==========================================================================
the row says                and that means
==========================  ==========================================================================
open                        at most reserved; nothing has moved and no benefit is used
unknown, leased             the request that places the order is redeeming and capturing right now
unknown, lease over         it was lost on the way: the provider says whether the money moved (`settle`)
paid                        the money has moved, and the transaction lies in the outbox
cancelled                   no money was kept
==========================  ==========================================================================

The provider is the referee: it never captures what was voided and never voids what was captured.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

from flask import current_app, url_for
from sqlalchemy import update

from claimable_benefits import Declined
from example_shop import carts, orders
from example_shop.extensions import benefits, db
from example_shop.models import Cart, Order, State, new_id
from example_shop.payments.client import (
    Payment,
    PaymentClient,
    PaymentDeclined,
    PaymentProblem,
    PaymentUnknown,
    PaymentUnreachable,
    Status,
)

TOO_LATE = "Our payment provider did not answer in time. You have not been charged: please try again."
UNREACHABLE = "Our payment provider cannot be reached. You have not been charged: please try again in a moment."
NOT_APPROVED = "You have not been charged, because the payment was not approved."
NOT_TAKEN = "The payment did not go through, and you have not been charged."
CART_CHANGED = "Your cart has changed since, so this payment was let go. You have not been charged."


def place(order: Order, card: str) -> None:
    """Take an open order as far as it goes: paid, cancelled with a reason, waiting for approval, or unknown."""
    if order.total == 0:
        take(order)
        return
    try:
        payment = _provider().authorise(order.total, order.currency, card, order.number, _return_url(order))
    except PaymentDeclined as no:
        call_off(order, f"{no} You have not been charged: try again, or use another card.")
    except PaymentUnreachable:
        call_off(order, UNREACHABLE)
    except PaymentUnknown:
        _let_go_of_reference(order)
        call_off(order, TOO_LATE)
    else:
        orders.note(order, payment_id=payment.id, approval_url=payment.approval_url)
        if payment.status is Status.APPROVED:
            take(order)


def take(order: Order) -> None:
    """Redeem the benefit, move the money, record both; the money is reserved already, or there is none to move."""
    if not _lease(order):
        return  # another request has it in hand, or has brought it to an end
    try:
        with benefits.redeeming(order.number, use_id=order.use_id) if order.use_id else nullcontext():
            _capture(order)
    except Declined as no:
        call_off(order, no.shopper_message)
    except PaymentDeclined:
        pass  # called off inside the block, so that the benefit is given back at once
    except PaymentUnknown:
        _wait_before_asking(order)
    else:
        finish(order)


def come_back(order: Order) -> None:
    """Go on after the shopper was at the provider's page; the verbs stand one by one, as redirects need it."""
    payment = _look(order)
    if payment is None or payment.status is Status.REDIRECT or order.state is not State.OPEN:
        return
    if payment.status is not Status.APPROVED:
        call_off(order, NOT_APPROVED)
    elif not _still_wanted(order):
        call_off(order, CART_CHANGED)
    elif _lease(order):
        _take_step_by_step(order)


def finish(order: Order) -> None:
    """Record that the order is paid, close its cart, and hand the sale to the outbox: all of it or nothing."""
    also = {"paid_at": orders.now(), "leased_until": None, "problem": None, "approval_url": None}
    if orders.move(order, State.UNKNOWN, State.PAID, **also):
        carts.close(order.cart_id, order.checkout_id)
        benefits.submit(orders.transaction(order), session=db.session)
    db.session.commit()


def call_off(order: Order, problem: str) -> None:
    """Cancel an order that was not paid, say why, and let go of the money that was reserved for it.

    The cart gets a new checkout id with it, so that the shopper may try again at once.
    """
    also = {"problem": problem, "cancelled_at": orders.now(), "leased_until": None, "approval_url": None}
    moved = orders.move(order, State.OPEN, State.CANCELLED, **also) or orders.move(
        order, State.UNKNOWN, State.CANCELLED, **also
    )
    same_cart = (Cart.id == order.cart_id, Cart.checkout_id == order.checkout_id)
    db.session.execute(update(Cart).where(*same_cart).values(checkout_id=new_id()))
    db.session.commit()
    if moved:
        _void(order)


def settle(number: str) -> None:
    """Find out what became of an order whose request was lost, by asking the provider; nothing while it is leased."""
    order = orders.find(number)
    if order is None or not _is_lost(order):
        return
    try:
        captured = _was_captured(order)
    except (PaymentUnreachable, PaymentUnknown):
        return  # nobody knows yet; somebody will ask again
    if captured:
        orders.move(order, State.OPEN, State.UNKNOWN)
        finish(order)
    else:
        call_off(order, NOT_TAKEN)


def cancel(order: Order) -> None:
    """Refund a paid order and give its benefit back. Raises `PaymentProblem` where the refund is not certain."""
    if order.payment_id:
        _provider().refund(order.payment_id)
    orders.move(order, State.PAID, State.CANCELLED, cancelled_at=orders.now())
    db.session.commit()
    if order.use_id:
        benefits.give_back(order.number)


def _take_step_by_step(order: Order) -> None:
    try:
        if order.use_id:
            benefits.redeem(order.number, use_id=order.use_id)
        _capture(order)
    except Declined as no:
        call_off(order, no.shopper_message)
    except PaymentDeclined:
        benefits.undo(order.number)
    except PaymentUnknown:
        _wait_before_asking(order)
    else:
        finish(order)


def _capture(order: Order) -> None:
    if not order.payment_id:
        return
    try:
        _provider().capture(order.payment_id)
    except PaymentDeclined as no:
        call_off(order, f"{no} You have not been charged: try again, or use another card.")
        raise
    except PaymentUnreachable as no:
        call_off(order, UNREACHABLE)
        raise PaymentDeclined(UNREACHABLE) from no


def _lease(order: Order) -> bool:
    until = orders.now() + timedelta(seconds=current_app.config["SHOP_LEASE_SECONDS"])
    leased = orders.move(order, State.OPEN, State.UNKNOWN, leased_until=until)
    db.session.commit()
    return leased


def _wait_before_asking(order: Order) -> None:
    # The provider may still be at work, and asking decides: what is not captured by then is voided. The cart is put
    # away meanwhile, so that nobody pays for the same things twice.
    until = orders.now() + timedelta(seconds=current_app.config["SHOP_SETTLE_SECONDS"])
    orders.move(order, State.UNKNOWN, State.UNKNOWN, leased_until=until)
    carts.close(order.cart_id, order.checkout_id)
    db.session.commit()


def _is_lost(order: Order) -> bool:
    if order.state is State.UNKNOWN:
        return order.leased_until is None or order.leased_until < orders.now()
    started_long_ago = order.created_at + timedelta(seconds=current_app.config["SHOP_LEASE_SECONDS"]) < orders.now()
    return order.state is State.OPEN and order.approval_url is None and started_long_ago


def _was_captured(order: Order) -> bool:
    payment = _look(order)
    if payment is not None and payment.status in (Status.APPROVED, Status.REDIRECT):
        try:
            payment = _provider().void(payment.id)
        except PaymentDeclined:
            payment = _look(order)  # it moved in this very moment
    return payment is not None and payment.status in (Status.CAPTURED, Status.REFUNDED)


def _look(order: Order) -> Payment | None:
    if order.payment_id:
        return _provider().find(order.payment_id)
    return _provider().find_by_reference(order.number) if order.total else None


def _let_go_of_reference(order: Order) -> None:
    try:
        late = _provider().find_by_reference(order.number)
    except PaymentUnreachable:
        return  # what was reserved and is never captured lapses by itself
    if late is not None:
        orders.note(order, payment_id=late.id)


def _void(order: Order) -> None:
    if not order.payment_id:
        return
    try:
        _provider().void(order.payment_id)
    except PaymentProblem:
        current_app.logger.info("Payment of order %s was not voided; unused, it lapses by itself.", order.number)


def _still_wanted(order: Order) -> bool:
    cart = db.session.get(Cart, order.cart_id)
    return cart is not None and cart.checkout_id == order.checkout_id and not cart.is_closed


def _provider() -> PaymentClient:
    db.session.commit()  # no transaction of ours stays open while the provider works
    return PaymentClient(current_app.config["PAYMENTS_URL"], current_app.config["PAYMENTS_TIMEOUT"])


def _return_url(order: Order) -> str:
    return url_for("checkout.come_back", number=order.number, _external=True)
