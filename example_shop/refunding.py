"""Giving money back, so that nothing goes back twice and nothing is lost on the way.

Three steps, like every call to somebody else: what was agreed is committed as an open refund, the payment provider is
called, and the outcome is committed. That last commit holds the refund, the order, the benefit on its way back and what
Omneo is to hear of the sale, all of them or none. A crash in between leaves an open refund; `settle` asks the provider
again with the same reference, which moves nothing a second time.
"""

from __future__ import annotations

from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, update

from example_shop import orders, returns
from example_shop.extensions import benefits, db
from example_shop.models import Order, Refund, RefundLine, RefundState, State
from example_shop.payments.client import PaymentDeclined, PaymentUnknown, PaymentUnreachable
from example_shop.placing import provider
from example_shop.returns import Return

GONE = "Part of this has been returned in another window. Please look it over, then confirm again."
PENDING = "Another refund for this order is still being confirmed. Please try again in a moment."


class NotAgreed(Exception):
    """What the shopper confirmed is not what would happen now; ``str()`` is a sentence for them."""


def refund(order: Order, wanted: dict[int, int] | None, shown: str, reference: str) -> None:
    """Give back what ``wanted`` says (None: all that is left), if that is the amount ``shown`` to the shopper.

    Raises `NotAgreed`, with nothing changed. The refund may be open afterwards: `settle` goes on with it.
    """
    if db.session.get(Refund, reference) is None:
        _agree(order, wanted, shown, reference)
    settle(order)


def settle(order: Order) -> None:
    """Go on with an open refund; where the provider does not answer, it stays open."""
    for open_one in [each for each in order.refunds if each.state is RefundState.OPEN]:
        try:
            if open_one.amount:
                provider().refund(cast(str, order.payment_id), open_one.amount, open_one.reference)
        except PaymentDeclined as no:
            _close(open_one, RefundState.REFUSED, problem=str(no))
            db.session.commit()
        except (PaymentUnknown, PaymentUnreachable):
            current_app.logger.info("Refund %s of order %s is not confirmed yet.", open_one.reference, order.number)
        else:
            _finish(order, open_one)


def _agree(order: Order, wanted: dict[int, int] | None, shown: str, reference: str) -> None:
    """Write down what was agreed, in a commit of its own."""
    if not orders.move(order, State.PAID, State.PAID):  # whoever else returns something waits; reads anew
        db.session.rollback()
        raise NotAgreed(GONE)
    what = returns.everything(order) if wanted is None else returns.returning(order, wanted)
    problem = PENDING if returns.is_pending(order) else GONE if not _is_agreed(what, wanted, shown) else None
    if problem:
        db.session.rollback()
        raise NotAgreed(problem)
    order.refunds.append(_written(what, reference))
    db.session.commit()


def _is_agreed(what: Return, wanted: dict[int, int] | None, shown: str) -> bool:
    complete = wanted is None or sum(part.quantity for part in what.parts) == sum(wanted.values())
    return bool(what.parts) and complete and str(what.amount) == shown


def _written(what: Return, reference: str) -> Refund:
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


def _finish(order: Order, done: Refund) -> None:
    """The money has gone back: record it, give the benefit back, and tell Omneo, in one commit."""
    if _close(done, RefundState.DONE, done_at=orders.now()):
        if done.is_full:
            orders.move(order, State.PAID, State.CANCELLED, cancelled_at=orders.now())
        benefits.refund(
            order.number,
            full_refund=done.is_full,
            transaction=None if done.is_full else orders.transaction(order),
            session=db.session,
            reason="the order was cancelled" if done.is_full else "a part of the order was returned",
        )
    db.session.commit()


def _close(refund: Refund, state: RefundState, **also: Any) -> bool:
    """Move an open refund once; False where another request was faster. The caller commits."""
    this = (Refund.reference == refund.reference, Refund.state == RefundState.OPEN)
    step = update(Refund).where(*this).values(state=state, **also)
    result = cast(CursorResult[Any], db.session.execute(step, execution_options={"synchronize_session": False}))
    db.session.refresh(refund)
    return result.rowcount == 1
