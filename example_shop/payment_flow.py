"""Take an order from "Place order" to paid or cancelled. The shopper pays what the page showed, or nothing.

The steps go from the easiest to undo to the hardest: reserve the money, redeem the benefit, move the money, and commit
the paid order together with the transaction for Omneo. Where the provider takes the money in a single step, the shop
redeems the benefit just before.

Before each call to the provider or to Omneo the shop commits a recovery point, and no database transaction is open
during the call. A crash leaves an order whose recovery point says what may have happened. Once its lease is over,
`resolve` asks the provider. The provider decides: it never captures what was voided, it never voids what was captured,
and a closed reference refuses what arrives later.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, cast

from flask import current_app, url_for
from sqlalchemy import CursorResult, update
from sqlalchemy.exc import SQLAlchemyError

from claimable_benefits import BenefitsError, Declined
from example_shop.checkout import carts
from example_shop.checkout.pricing import Quote
from example_shop.extensions import benefits, db
from example_shop.orders import orders
from example_shop.payments.client import (
    Payment,
    PaymentDeclined,
    PaymentProblem,
    PaymentUnknown,
    PaymentUnreachable,
    Status,
)
from example_shop.payments.connection import payment_provider
from example_shop.storage.models import Cart, Order, State
from example_shop.storage.models import RecoveryPoint as At

ANOTHER_CARD = "You have not been charged: try again, or use another card."
TOO_LATE = "Our payment provider did not answer in time. You have not been charged: please try again."
UNREACHABLE = "Our payment provider cannot be reached. You have not been charged: please try again in a moment."
NOT_APPROVED = "You have not been charged, because the payment was not approved."
NOT_TAKEN = "The payment did not go through, and you have not been charged."
NOT_IN_TIME = "The payment was not approved in time. You have not been charged."
ABANDONED = "The payment was cancelled. You have not been charged."
CART_CHANGED = "Your cart has changed since, so this payment was cancelled. You have not been charged."


# The table: what each recovery point means, and the only ways on from it. `move` allows no other.


class Waits(StrEnum):
    """Who may continue an order before `resolve` does; the value is the setting that says for how many seconds."""

    REQUEST = "SHOP_LEASE_SECONDS"
    SHOPPER = "SHOP_APPROVAL_SECONDS"
    PROVIDER = "SHOP_RESOLVE_SECONDS"


class Stage(NamedTuple):
    """One row: what became of the order as the extension sees it, whom it waits for, and where it may go from here."""

    state: State
    waits_for: Waits | None
    ways: tuple[At, ...]


STAGES = {
    # The money is asked for; as far as the shop knows, none is reserved.
    At.STARTED: Stage(State.OPEN, Waits.REQUEST, (At.AUTHORISED, At.AWAITING_APPROVAL, At.PAYING, At.CANCELLED)),
    # The money is reserved.
    At.AUTHORISED: Stage(State.OPEN, Waits.REQUEST, (At.PAYING, At.CANCELLED)),
    # The shopper is at the provider's page; the benefit is held, not redeemed.
    At.AWAITING_APPROVAL: Stage(State.OPEN, Waits.SHOPPER, (At.PAYING, At.CANCELLED)),
    # The request redeems the benefit, then moves the money.
    At.PAYING: Stage(State.UNKNOWN, Waits.REQUEST, (At.AWAITING_SALE, At.IN_DOUBT, At.PAID, At.CANCELLED)),
    # Single step: the benefit is redeemed, and the money moves when the shopper approves.
    At.AWAITING_SALE: Stage(State.UNKNOWN, Waits.SHOPPER, (At.PAID, At.CANCELLED)),
    # The provider's answer was lost: the money may have moved.
    At.IN_DOUBT: Stage(State.UNKNOWN, Waits.PROVIDER, (At.PAID, At.CANCELLED)),
    # The money has moved, and the transaction is in the outbox. `refund_flow` continues from here.
    At.PAID: Stage(State.PAID, None, (At.PAID, At.REFUNDED)),
    # No money was kept.
    At.CANCELLED: Stage(State.CANCELLED, None, ()),
    At.REFUNDED: Stage(State.CANCELLED, None, ()),
}


# The verbs of the shop's pages and jobs.


def place(cart: Cart, quote: Quote, card: str) -> Order:
    """Place the order for a cart, once for each checkout id, and take it as far as it goes without the shopper.

    Returns the order: paid, cancelled with a reason, waiting for the shopper's approval, or in doubt.
    """
    order, is_new = orders.create(cart, quote, leased_until=_lease_end(At.STARTED))
    if not is_new:
        return order
    if order.total == 0:
        _run(order, start_paying, redeem, record)
    elif current_app.config["PAYMENTS_STYLE"] == "single-step":
        _run(order, start_paying, redeem, partial(sell, card=card), record)
    else:
        _run(order, partial(authorise, card=card), start_paying, redeem, capture, record)
    return order


def continue_after_redirect(order: Order) -> None:
    """Continue once the shopper has approved or declined at the provider's page. Raises `PaymentUnreachable`."""
    if not waits_for_shopper(order):
        return
    payment = _find_payment(order)
    status = payment.status if payment else Status.REDIRECT
    match order.recovery_point, status:
        case _, Status.REDIRECT:
            pass  # not decided yet
        case At.AWAITING_APPROVAL, Status.APPROVED if carts.is_unchanged(order.cart_id, order.checkout_id):
            _run(order, start_paying, redeem, capture, record)
        case At.AWAITING_APPROVAL, Status.APPROVED:
            cancel(order, CART_CHANGED)
        case At.AWAITING_SALE, Status.CAPTURED:
            _run(order, record)
        case _:
            cancel_and_roll_back(order, NOT_APPROVED)


def abandon(order: Order) -> None:
    """Cancel a payment that the shopper does not approve. Where its money has just moved, the order is paid instead.

    Raises `PaymentUnreachable` and `PaymentUnknown` where that is uncertain; nothing changes then.
    """
    if order.state is State.OPEN:
        cancel(order, ABANDONED)
    elif _close_reference(order):
        record(order)
    else:
        cancel_and_roll_back(order, ABANDONED)


def resolve(number: str) -> None:
    """Find out from the provider what became of an order whose lease is over, and continue from its recovery point.

    Where the money has moved, the order is paid. Where it has not, it never will: the order is cancelled, and the
    extension's worker, which asks the order loader, rolls the benefit back.
    """
    order = orders.find(number)
    if order is None or order.leased_until is None or order.leased_until >= orders.now():
        return
    try:
        has_moved = _close_reference(order)
    except (PaymentUnreachable, PaymentUnknown):
        return  # still in doubt: the next call asks again
    if has_moved:
        move(order, At.PAYING)  # an open order is found paid only where the shop's database has lost commits
        record(order)
    else:
        cancel(order, NOT_IN_TIME if waits_for_shopper(order) else NOT_TAKEN)


def waits_for_shopper(order: Order) -> bool:
    """Whether the shopper has to approve the payment at the provider's page first."""
    return STAGES[order.recovery_point].waits_for is Waits.SHOPPER


# The steps. Each returns whether the next one may follow at once, and raises what the provider or Omneo refuses.

Step = Callable[[Order], bool]


def _run(order: Order, *steps: Step) -> None:
    """Take the steps one after the other, until one has to wait or fails; a definite no cancels the order."""
    try:
        for step in steps:
            if not step(order):
                return
    except Declined as no:
        cancel(order, no.shopper_message)
    except PaymentDeclined as no:
        cancel_and_roll_back(order, f"{no} {ANOTHER_CARD}")
    except PaymentUnreachable:
        cancel_and_roll_back(order, UNREACHABLE)
    except PaymentUnknown:
        wait_for_provider(order)


def authorise(order: Order, card: str) -> bool:
    """Reserve the money. Where the shopper has to approve that first, the order waits for them.

    An authorisation without an answer is not waited for: the shop closes its reference, and another card works at once.
    """
    try:
        payment = payment_provider().authorise(order.total, order.currency, card, order.number, _return_url(order))
    except PaymentUnknown:
        _try_to_close_reference(order)
        cancel(order, TOO_LATE)
        return False
    if payment.status is Status.APPROVED:
        move(order, At.AUTHORISED, payment_id=payment.id)
    elif payment.status is Status.REDIRECT:
        move(order, At.AWAITING_APPROVAL, payment_id=payment.id, approval_url=payment.approval_url)
    db.session.commit()
    return order.recovery_point is At.AUTHORISED


def start_paying(order: Order) -> bool:
    """Lease the order to this request, and commit that money may move; False where another request came first."""
    is_leased = move(order, At.PAYING, approval_url=None)
    db.session.commit()
    return is_leased


def redeem(order: Order) -> bool:
    """Redeem the benefit, if the order has one. Raises `Declined` where that is impossible, before any money moves.

    A shop without single-step payments may write ``with benefits.redeeming(number):`` around its capture instead, which
    rolls back where the block raises. Here one pair of verbs, `redeem` and `rollback`, serves every list of steps.
    Whatever is wrong with the sale that `record` submits later is found here, while nothing is charged.
    """
    sale = orders.transaction(order, about_to_be_paid_at=orders.now())
    if order.use_id:
        benefits.redeem(order.number, use_id=order.use_id, transaction=sale, session=db.session)
    return True


def capture(order: Order) -> bool:
    """Move the reserved money."""
    payment_provider().capture(cast(str, order.payment_id))
    return True


def sell(order: Order, card: str) -> bool:
    """Reserve and move the money in one step. Where the shopper has to approve it first, the order waits for them."""
    payment = payment_provider().sell(order.total, order.currency, card, order.number, _return_url(order))
    if payment.status is Status.REDIRECT:
        move(order, At.AWAITING_SALE, payment_id=payment.id, approval_url=payment.approval_url)
    else:
        order.payment_id = payment.id
    db.session.commit()
    return payment.status is Status.CAPTURED


def record(order: Order) -> bool:
    """Commit the paid order, its closed cart and its transaction for Omneo together: all of them or none."""
    if move(order, At.PAID, paid_at=orders.now(), problem=None, approval_url=None):
        carts.close(order.cart_id, order.checkout_id)
        benefits.submit(orders.transaction(order), session=db.session)
    db.session.commit()
    return True


# The ways out of the steps.


def cancel(order: Order, problem: str) -> None:
    """Cancel an unpaid order and say why, let the shopper check out again, and release the reserved money."""
    is_cancelled = move(order, At.CANCELLED, problem=problem, cancelled_at=orders.now(), approval_url=None)
    if is_cancelled:
        carts.reopen(order.cart_id, order.checkout_id)
    db.session.commit()
    if is_cancelled and order.payment_id:
        _try_to_close_reference(order)


def cancel_and_roll_back(order: Order, problem: str) -> None:
    """Cancel the order, and take its redemption back at once, so that the benefit is there for the next attempt."""
    cancel(order, problem)
    if order.use_id and order.recovery_point is At.CANCELLED:
        try:
            benefits.rollback(order.number, reason="the payment failed")
        except (BenefitsError, SQLAlchemyError):
            current_app.logger.exception("Order %s: the extension's worker rolls its benefit back.", order.number)


def wait_for_provider(order: Order) -> None:
    """Give the provider time before `resolve` asks, as asking voids what is not captured by then.

    The cart is closed meanwhile, so that the shopper does not pay for the same things twice.
    """
    move(order, At.IN_DOUBT)
    carts.close(order.cart_id, order.checkout_id)
    db.session.commit()


# What they all use.


def move(order: Order, target: At, **also: Any) -> bool:
    """Move an order along a way of `STAGES`, with other columns; the caller commits.

    Returns False, with nothing changed, where there is no such way, or where another request has moved the order since
    it was read.
    """
    source = order.recovery_point
    if target not in STAGES[source].ways:
        return False
    reached = {"recovery_point": target, "state": STAGES[target].state, "leased_until": _lease_end(target)}
    step = update(Order).where(Order.number == order.number, Order.recovery_point == source).values(**reached, **also)
    result = cast(CursorResult[Any], db.session.execute(step, execution_options={"synchronize_session": False}))
    db.session.refresh(order)
    return result.rowcount == 1


def _lease_end(point: At) -> datetime | None:
    waits_for = STAGES[point].waits_for
    return orders.now() + timedelta(seconds=current_app.config[waits_for]) if waits_for else None


def _close_reference(order: Order) -> bool:
    """Close the order's reference at the provider; returns whether its money has moved. If not, it never will.

    Raises `PaymentUnreachable` and `PaymentUnknown`.
    """
    if order.total == 0:
        return False
    try:
        return payment_provider().close(order.number).has_moved
    except PaymentDeclined:  # the provider does not close what it has captured
        payment = _find_payment(order)
        if payment is not None and order.payment_id is None:
            order.payment_id = payment.id  # a refund will need it
            db.session.commit()
        return payment is not None and payment.has_moved


def _try_to_close_reference(order: Order) -> None:
    try:
        payment_provider().close(order.number)
    except PaymentProblem:
        current_app.logger.info("The payment of order %s is not closed; the bank releases it later.", order.number)


def _find_payment(order: Order) -> Payment | None:
    if order.payment_id:
        return payment_provider().find(order.payment_id)
    return payment_provider().find_by_reference(order.number) if order.total else None


def _return_url(order: Order) -> str:
    return url_for("checkout.come_back", number=order.number, _external=True)
