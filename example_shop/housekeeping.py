"""What a shop does behind the counter: find out what became of orders whose request was lost.

Their own pages do it too, and so does the plugin's worker where a benefit is at stake; this is for all the others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from example_shop import placing
from example_shop.extensions import db
from example_shop.models import Order, State


def unsettled() -> Sequence[str]:
    """The numbers of orders that are neither paid nor cancelled; oldest first."""
    doubtful = Order.state.in_([State.OPEN, State.UNKNOWN])
    return db.session.scalars(select(Order.number).where(doubtful).order_by(Order.created_at)).all()


def settle_all() -> int:
    """Ask the payment provider about each of them once; gives how many are still open afterwards."""
    for number in unsettled():
        try:
            placing.settle(number)
        except Exception:  # one order that cannot be settled must not keep the others waiting
            db.session.rollback()
            current_app.logger.exception("Order %s cannot be settled now; the next round tries again.", number)
    db.session.expire_all()
    return len(unsettled())


@click.command("settle-orders")
@click.option("--every", type=click.FloatRange(min=0.1), help="Go on until Ctrl-C, with so many seconds in between.")
@with_appcontext
def settle_orders(every: float | None) -> None:
    """Find out what became of orders whose request was lost."""
    click.echo(f"{settle_all()} orders are still open.")
    while every:
        db.session.close()
        time.sleep(every)
        settle_all()
