"""Refund an order or some of it, so that nothing is refunded twice and a crash loses nothing.

Three steps, as with every call to another service: commit what was agreed as an open refund, call the payment provider,
and commit the outcome. That last commit holds the refund, the order, the return of its benefit and the change of its
transaction at Omneo, all of them or none. A crash in between leaves an open refund; `resolve` calls the provider again
with the same reference, which moves no money a second time.

================  =================================================  =================================
the refund is     and that means                                     ways on
================  =================================================  =================================
open              agreed; the provider may or may not have made it   done, refused
done              the money is refunded; an order of which nothing
                  is left is cancelled
refused           no money has moved; its pieces are the order's
                  again
================  =================================================  =================================
"""

from __future__ import annotations

from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, update

from example_shop import payment_flow
from example_shop.extensions import benefits, db
from example_shop.orders import orders, returns
from example_shop.orders.returns import Return
from example_shop.payments.client import PaymentDeclined, PaymentUnknown, PaymentUnreachable
from example_shop.payments.connection import payment_provider
from example_shop.storage.models import Order, RecoveryPoint, Refund, RefundLine, RefundState

OUTDATED = "Part of this has been returned in another window. Please check it, then confirm again."
PENDING = "Another refund for this order is still being confirmed. Please try again in a moment."


class NotAgreed(Exception):
    """What the shopper confirmed is not what would happen now; ``str()`` is a sentence for them."""


def refund(order: Order, wanted: dict[int, int] | None, shown: str, reference: str) -> None:
    """Refund what ``wanted`` says (pieces by position of the line; None: all that is left), once for ``reference``.

    ``shown`` is the amount that the shopper has confirmed. Raises `NotAgreed`, with nothing changed, where the refund
    would differ from it. The refund may still be open afterwards: `resolve` continues with it.
    """
    if db.session.get(Refund, reference) is None:
        _agree(order, wanted, shown, reference)
    resolve(order)


def resolve(order: Order) -> None:
    """Call the provider for an open refund and commit the outcome; without an answer the refund stays open."""
    for each in [refund for refund in order.refunds if refund.state is RefundState.OPEN]:
        try:
            if each.amount:
                payment_provider().refund(cast(str, order.payment_id), each.amount, each.reference)
        except PaymentDeclined as no:
            _move(each, RefundState.REFUSED, problem=str(no))
            db.session.commit()
        except (PaymentUnknown, PaymentUnreachable):
            current_app.logger.info("Refund %s of order %s is not confirmed yet.", each.reference, order.number)
        else:
            _record(order, each)


def _agree(order: Order, wanted: dict[int, int] | None, shown: str, reference: str) -> None:
    """Commit the agreed refund. The order's row is locked meanwhile, so that two requests agree one after the other."""
    if not payment_flow.move(order, RecoveryPoint.PAID):
        db.session.rollback()
        raise NotAgreed(OUTDATED)
    what = returns.everything(order) if wanted is None else returns.returning(order, wanted)
    problem = PENDING if returns.is_pending(order) else None if _is_as_shown(what, wanted, shown) else OUTDATED
    if problem:
        db.session.rollback()
        raise NotAgreed(problem)
    order.refunds.append(_new_refund(what, reference))
    db.session.commit()


def _record(order: Order, made: Refund) -> None:
    """Commit the refund together with the order, its benefit and its transaction at Omneo."""
    if _move(made, RefundState.DONE, done_at=orders.now()):
        if made.is_full:
            payment_flow.move(order, RecoveryPoint.REFUNDED, cancelled_at=orders.now())
        benefits.refund(
            order.number,
            full_refund=made.is_full,
            transaction=None if made.is_full else orders.transaction(order),
            session=db.session,
            reason="the order was cancelled" if made.is_full else "a part of the order was returned",
        )
    db.session.commit()


def _is_as_shown(what: Return, wanted: dict[int, int] | None, shown: str) -> bool:
    is_complete = wanted is None or sum(part.quantity for part in what.parts) == sum(wanted.values())
    return bool(what.parts) and is_complete and str(what.amount) == shown


def _new_refund(what: Return, reference: str) -> Refund:
    return Refund(
        reference=reference,
        amount=what.amount,
        is_full=what.is_full,
        created_at=orders.now(),
        lines=[
            RefundLine(position=part.line.position, name=part.line.name, quantity=part.quantity, amount=part.amount)
            for part in what.parts
        ],
    )


def _move(refund: Refund, target: RefundState, **also: Any) -> bool:
    """Move an open refund once; False where another request was faster. The caller commits."""
    this = (Refund.reference == refund.reference, Refund.state == RefundState.OPEN)
    step = update(Refund).where(*this).values(state=target, **also)
    result = cast(CursorResult[Any], db.session.execute(step, execution_options={"synchronize_session": False}))
    db.session.refresh(refund)
    return result.rowcount == 1
