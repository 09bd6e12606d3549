"""Orders as the shop keeps them: made from a quote, moved from state to state, told to Omneo once they are paid."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError

from claimable_benefits import Item, Transaction
from example_shop.extensions import db
from example_shop.models import Cart, Order, OrderLine, State
from example_shop.money import CURRENCY
from example_shop.pricing import Quote
from example_shop.returns import Left, left, refunded

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread on the phone


def now() -> datetime:
    """This moment, aware."""
    return datetime.now(UTC)


def find(number: str) -> Order | None:
    """The order with that number, or None."""
    return db.session.get(Order, number)


def for_checkout(checkout_id: str) -> Order | None:
    """The order that was placed from that state of a cart, or None."""
    return db.session.scalar(select(Order).where(Order.checkout_id == checkout_id))


def of_customer(customer_id: str) -> Sequence[Order]:
    """A customer's orders, newest first; attempts that came to nothing stay out."""
    theirs = select(Order).where(Order.customer_id == customer_id)
    real = theirs.where((Order.paid_at.is_not(None)) | (Order.state == State.UNKNOWN))
    return db.session.scalars(real.order_by(Order.created_at.desc())).all()


def create(cart: Cart, quote: Quote) -> tuple[Order, bool]:
    """Freeze the quote as an open order, in a commit of its own.

    Whoever comes second with the same checkout id gets the first one's order, and False: it is in other hands.
    """
    checkout_id = cart.checkout_id
    order = Order(
        number=f"FT-{''.join(secrets.choice(_LETTERS) for _ in range(8))}",
        checkout_id=checkout_id,
        cart_id=cart.id,
        customer_id=cart.customer_id,
        name=cart.address.get("name", ""),
        address=dict(cart.address),
        shipping_name=quote.method.name,
        shipping=quote.method.price,
        shipping_discount=quote.shipping_discount,
        currency=CURRENCY,
        total=quote.total,
        use_id=quote.use_id,
        benefit_name=quote.benefit_name,
        created_at=now(),
        lines=_lines(quote),
    )
    db.session.add(order)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        first = for_checkout(checkout_id)
        if first is None:
            raise
        return first, False
    return order, True


def move(order: Order, source: State, target: State, **also: Any) -> bool:
    """Move an order if it still is where we think it is; False where somebody else was faster. The caller commits."""
    step = update(Order).where(Order.number == order.number, Order.state == source).values(state=target, **also)
    result = cast(CursorResult[Any], db.session.execute(step, execution_options={"synchronize_session": False}))
    db.session.refresh(order)
    return result.rowcount == 1


def note(order: Order, **facts: Any) -> None:
    """Write facts about an order down, in a commit of its own."""
    for name, fact in facts.items():
        setattr(order, name, fact)
    db.session.commit()


def transaction(order: Order) -> Transaction:
    """The sale as Omneo is told about it: what is left of it after refunds.

    Delivery is an item of its own, so that the items add up to the total.
    """
    if order.paid_at is None:
        raise ValueError(f"Order {order.number} is not paid, so there is no sale to tell Omneo about.")
    rest = left(order)
    return Transaction(
        order_number=order.number,
        customer_id=order.customer_id,
        total=order.total - refunded(order),
        total_original=sum((line.price for line in rest), order.shipping),
        transacted_at=order.paid_at,
        currency=order.currency,
        items=tuple(_items(order, rest)),
    )


def _lines(quote: Quote) -> list[OrderLine]:
    priced = enumerate(zip(quote.rows, quote.discounts, strict=True))
    return [
        OrderLine(
            position=position,
            sku=row.product.sku,
            name=row.product.name,
            quantity=row.quantity,
            unit_price=row.product.price,
            discount=discount,
        )
        for position, (row, discount) in priced
    ]


def _items(order: Order, rest: Sequence[Left]) -> list[Item]:
    items = [
        _item(order, one.line.sku, one.line.name, one.quantity, one.line.unit_price, one.price - one.paid)
        for one in rest
        if one.quantity
    ]
    if order.shipping:
        name = f"Delivery: {order.shipping_name}"
        items.append(_item(order, "delivery", name, 1, order.shipping, order.shipping_discount))
    return items


def _item(order: Order, sku: str, name: str, quantity: int, price: Decimal, discount: Decimal) -> Item:
    paid = ((price * quantity - discount) / quantity).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Item(name, quantity, price, paid, sku, discount, order.benefit_name if discount else None)
