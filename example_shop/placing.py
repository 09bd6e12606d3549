"""Placing an order, so that nobody pays for nothing and no benefit is used for nothing.

The steps go from the most to the least undoable: reserve the money, redeem the benefit, move the money, and record the
paid order together with what Omneo is to hear of it in one database commit. Where the provider takes money in a single
step (``PAYMENTS_STYLE = "single-step"``), the benefit is redeemed just before it. Each call to somebody else has a
commit before it that says what is under way, and no database transaction is open while it runs:

==========================  ==========================================================================
the row says                and that means
==========================  ==========================================================================
open                        at most reserved; nothing has moved and no benefit is used
unknown, leased             the request that places the order is redeeming and capturing right now
unknown, to be approved     single step: the benefit is redeemed, and the money moves when the shopper approves
unknown, lease over         it was lost on the way: the provider says whether the money moved (`settle`)
paid                        the money has moved, and the transaction lies in the outbox
cancelled                   no money was kept
==========================  ==========================================================================

The provider is the referee: it never captures what was voided and never voids what was captured, and a reference that
is closed stays closed for what is still on its way.
"""

from __future__ import annotations

from collections.abc import Callable
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

ANOTHER_CARD = "You have not been charged: try again, or use another card."
TOO_LATE = "Our payment provider did not answer in time. You have not been charged: please try again."
UNREACHABLE = "Our payment provider cannot be reached. You have not been charged: please try again in a moment."
NOT_APPROVED = "You have not been charged, because the payment was not approved."
NOT_TAKEN = "The payment did not go through, and you have not been charged."
NOT_IN_TIME = "The payment was not approved in time. You have not been charged."
LET_GO = "The payment was let go. You have not been charged."
CART_CHANGED = "Your cart has changed since, so this payment was let go. You have not been charged."

_TAKEN = (Status.CAPTURED, Status.REFUNDED)


def provider() -> PaymentClient:
    """The payment provider; no database transaction of ours stays open while it works."""
    db.session.commit()
    return PaymentClient(current_app.config["PAYMENTS_URL"], current_app.config["PAYMENTS_TIMEOUT"])


def place(order: Order, card: str) -> None:
    """Take an open order as far as it goes: paid, cancelled with a reason, waiting for approval, or unknown."""
    if order.total == 0:
        take(order)
    elif current_app.config["PAYMENTS_STYLE"] == "single-step":
        take(order, lambda: _sell(order, card))
    else:
        _authorise(order, card)


def take(order: Order, pay: Callable[[], bool] | None = None) -> None:
    """Redeem the benefit, move the money, record both.

    ``pay`` moves it and says whether it has moved; by default what is reserved is captured, if there is anything.
    """
    if not _lease(order):
        return  # another request has it in hand, or has brought it to an end
    try:
        with benefits.redeeming(order.number, use_id=order.use_id) if order.use_id else nullcontext():
            has_moved = pay() if pay else _capture(order)
    except Declined as no:
        call_off(order, no.shopper_message)
    except PaymentDeclined:
        pass  # called off inside the block, so that the benefit is given back at once
    except PaymentUnknown:
        _wait_before_asking(order)
    else:
        if has_moved:
            finish(order)


def come_back(order: Order) -> None:
    """Go on after the shopper was at the provider's page; the verbs stand one by one, as redirects need it.

    Raises `PaymentUnreachable`.
    """
    payment = _look(order)
    if payment is None or payment.status is Status.REDIRECT:
        return
    if order.state is State.UNKNOWN and order.approval_url:
        _conclude(order, payment.status)
    elif order.state is not State.OPEN:
        return
    elif payment.status is not Status.APPROVED:
        call_off(order, NOT_APPROVED)
    elif not _still_wanted(order):
        call_off(order, CART_CHANGED)
    elif _lease(order):
        _take_step_by_step(order)


def let_go(order: Order) -> None:
    """The shopper does not approve the payment; where it was captured at this moment, the order is placed after all.

    Raises `PaymentUnreachable` and `PaymentUnknown` where that is not certain.
    """
    if order.state is State.OPEN:
        call_off(order, LET_GO)
    elif _was_captured(order):
        finish(order)
    else:
        _give_up(order, LET_GO)


def finish(order: Order) -> None:
    """Record that the order is paid, close its cart, and hand the sale to the outbox: all of it or nothing."""
    also = {"paid_at": orders.now(), "leased_until": None, "problem": None, "approval_url": None}
    if orders.move(order, State.UNKNOWN, State.PAID, **also):
        carts.close(order.cart_id, order.checkout_id)
        benefits.submit(orders.transaction(order), session=db.session)
    db.session.commit()


def call_off(order: Order, problem: str) -> None:
    """Cancel an unpaid order, say why, and let go of the money that was reserved; nothing if it moved on meanwhile.

    The cart gets a new checkout id with it, so that the shopper may try again at once.
    """
    also = {"problem": problem, "cancelled_at": orders.now(), "leased_until": None, "approval_url": None}
    called_off = order.state in (State.OPEN, State.UNKNOWN) and orders.move(order, order.state, State.CANCELLED, **also)
    if called_off:
        same_cart = (Cart.id == order.cart_id, Cart.checkout_id == order.checkout_id)
        db.session.execute(update(Cart).where(*same_cart).values(checkout_id=new_id()))
    db.session.commit()
    if called_off and order.payment_id:
        _close(order)


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
        call_off(order, NOT_IN_TIME if order.approval_url else NOT_TAKEN)


def _authorise(order: Order, card: str) -> None:
    try:
        payment = provider().authorise(order.total, order.currency, card, order.number, _return_url(order))
    except PaymentDeclined as no:
        call_off(order, f"{no} {ANOTHER_CARD}")
    except PaymentUnreachable:
        call_off(order, UNREACHABLE)
    except PaymentUnknown:
        _close(order)
        call_off(order, TOO_LATE)
    else:
        orders.note(order, payment_id=payment.id, approval_url=payment.approval_url)
        if payment.status is Status.APPROVED:
            take(order)


def _sell(order: Order, card: str) -> bool:
    """Reserve and move the money in one step; False where the shopper has to approve it first."""
    try:
        payment = provider().sell(order.total, order.currency, card, order.number, _return_url(order))
    except (PaymentDeclined, PaymentUnreachable) as no:
        raise _called_off(order, no) from no
    until = orders.now() + _seconds("SHOP_APPROVAL" if payment.status is Status.REDIRECT else "SHOP_LEASE")
    orders.note(order, payment_id=payment.id, approval_url=payment.approval_url, leased_until=until)
    return payment.status is Status.CAPTURED


def _conclude(order: Order, status: Status) -> None:
    """The shopper has decided on a single-step payment, for which the benefit was redeemed before."""
    if status is Status.CAPTURED:
        finish(order)
    else:
        _give_up(order, NOT_APPROVED)


def _give_up(order: Order, problem: str) -> None:
    call_off(order, problem)
    if order.use_id and order.state is State.CANCELLED:
        benefits.rollback(order.number)


def _take_step_by_step(order: Order) -> None:
    try:
        if order.use_id:
            benefits.redeem(order.number, use_id=order.use_id)
        _capture(order)
    except Declined as no:
        call_off(order, no.shopper_message)
    except PaymentDeclined:
        benefits.rollback(order.number)
    except PaymentUnknown:
        _wait_before_asking(order)
    else:
        finish(order)


def _capture(order: Order) -> bool:
    """Move what is reserved. True: from here on the order is paid, also where there was nothing to pay."""
    if order.payment_id:
        try:
            provider().capture(order.payment_id)
        except (PaymentDeclined, PaymentUnreachable) as no:
            raise _called_off(order, no) from no
    return True


def _called_off(order: Order, no: PaymentDeclined | PaymentUnreachable) -> PaymentDeclined:
    """Call the order off for a definite no, and give what to raise, so that the benefit is given back."""
    problem = UNREACHABLE if isinstance(no, PaymentUnreachable) else f"{no} {ANOTHER_CARD}"
    call_off(order, problem)
    return PaymentDeclined(problem)


def _lease(order: Order) -> bool:
    until = orders.now() + _seconds("SHOP_LEASE")
    leased = orders.move(order, State.OPEN, State.UNKNOWN, leased_until=until, approval_url=None)
    db.session.commit()
    return leased


def _wait_before_asking(order: Order) -> None:
    # The provider may still be at work, and asking decides: what is not captured by then is voided. The cart is put
    # away meanwhile, so that nobody pays for the same things twice.
    until = orders.now() + _seconds("SHOP_SETTLE")
    orders.move(order, State.UNKNOWN, State.UNKNOWN, leased_until=until)
    carts.close(order.cart_id, order.checkout_id)
    db.session.commit()


def _is_lost(order: Order) -> bool:
    if order.state is State.UNKNOWN:
        return order.leased_until is None or order.leased_until < orders.now()
    patience = _seconds("SHOP_APPROVAL" if order.approval_url else "SHOP_LEASE")
    return order.state is State.OPEN and order.created_at + patience < orders.now()


def _was_captured(order: Order) -> bool:
    """Whether the money has moved; if not, it never will: the reference is closed. Raises where nobody knows."""
    if order.total == 0:
        return False
    try:
        return provider().close(order.number).status in _TAKEN
    except PaymentDeclined:
        payment = _look(order)
        if payment is not None and order.payment_id is None:
            orders.note(order, payment_id=payment.id)  # a refund needs it one day
        return payment is not None and payment.status in _TAKEN


def _look(order: Order) -> Payment | None:
    if order.payment_id:
        return provider().find(order.payment_id)
    return provider().find_by_reference(order.number) if order.total else None


def _close(order: Order) -> None:
    try:
        provider().close(order.number)
    except PaymentProblem:
        current_app.logger.info("Payment of order %s was not closed; unused, it lapses by itself.", order.number)


def _still_wanted(order: Order) -> bool:
    cart = db.session.get(Cart, order.cart_id)
    return cart is not None and cart.checkout_id == order.checkout_id and not cart.is_closed


def _seconds(setting: str) -> timedelta:
    return timedelta(seconds=current_app.config[f"{setting}_SECONDS"])


def _return_url(order: Order) -> str:
    return url_for("checkout.come_back", number=order.number, _external=True)
