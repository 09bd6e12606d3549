"""The shop's background job: resolve orders and refunds whose request was lost.

Their pages do it too, and so does the extension's worker where a benefit is involved; this job finds the rest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from example_shop import payment_flow, refund_flow
from example_shop.extensions import db
from example_shop.orders import orders
from example_shop.storage.models import Order, Refund, RefundState, State


def unresolved() -> Sequence[str]:
    """Return the numbers of orders that are neither paid nor cancelled, or have an open refund; oldest first."""
    refunding = select(Refund.order_number).where(Refund.state == RefundState.OPEN)
    waiting = Order.state.in_([State.OPEN, State.UNKNOWN]) | Order.number.in_(refunding)
    return db.session.scalars(select(Order.number).where(waiting).order_by(Order.created_at)).all()


def resolve_all() -> int:
    """Resolve each of them once; returns how many still wait. An order that raises does not stop the others."""
    for number in unresolved():
        try:
            _resolve(number)
        except Exception:
            db.session.rollback()
            current_app.logger.exception("Order %s cannot be resolved now; the next run tries again.", number)
    db.session.expire_all()
    return len(unresolved())


def _resolve(number: str) -> None:
    payment_flow.resolve(number)
    order = orders.find(number)
    if order is not None:
        refund_flow.resolve(order)


@click.command("resolve-orders")
@click.option("--every", type=click.FloatRange(min=0.1), help="Repeat until Ctrl-C, with so many seconds in between.")
@with_appcontext
def resolve_orders(every: float | None) -> None:
    """Find out what became of orders and refunds whose request was lost."""
    click.echo(f"{resolve_all()} orders are still open.")
    while every:
        db.session.close()
        time.sleep(every)
        resolve_all()
