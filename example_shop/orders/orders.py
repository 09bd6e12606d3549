"""Orders: create one from a quote, find it, and describe it to Omneo as a transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from claimable_benefits import Item, Transaction
from example_shop.checkout.pricing import Quote
from example_shop.customers.formatting import CURRENCY
from example_shop.extensions import db
from example_shop.orders.returns import Left, left, refunded
from example_shop.storage.models import Cart, Order, OrderLine, State

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is misheard or misread for another


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def find(number: str) -> Order | None:
    """Return the order with that number, or None."""
    return db.session.get(Order, number)


def for_checkout(checkout_id: str) -> Order | None:
    """Return the order that was placed with that checkout id, or None."""
    return db.session.scalar(select(Order).where(Order.checkout_id == checkout_id))


def of_customer(customer_id: str) -> Sequence[Order]:
    """Return a shopper's orders, newest first, without those that were never paid."""
    theirs = select(Order).where(Order.customer_id == customer_id)
    real = theirs.where((Order.paid_at.is_not(None)) | (Order.state == State.UNKNOWN))
    return db.session.scalars(real.order_by(Order.created_at.desc())).all()


def between(since: datetime, until: datetime) -> Sequence[Order]:
    """Return the paid and cancelled orders placed from ``since`` until before ``until`` (aware), oldest first."""
    placed = select(Order).where(Order.created_at >= since, Order.created_at < until, Order.is_imported.is_(False))
    ended = placed.where(Order.state.in_([State.PAID, State.CANCELLED]))
    return db.session.scalars(ended.order_by(Order.created_at)).all()


def create(cart: Cart, quote: Quote, leased_until: datetime | None) -> tuple[Order, bool]:
    """Commit the quote as an open order; True where this call has created it.

    A second request with the same checkout id gets the order of the first, and False: the first one places it.
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
        leased_until=leased_until,
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


def transaction(order: Order, *, about_to_be_paid_at: datetime | None = None) -> Transaction:
    """Return the sale as Omneo records it: what is left of it after refunds.

    Delivery is an item of its own, so that the items add up to the total. Raises `ValueError` for an unpaid order,
    unless it is ``about_to_be_paid_at`` that time: the sale can be checked before the money moves.
    """
    paid_at = order.paid_at or about_to_be_paid_at
    if paid_at is None:
        raise ValueError(f"Order {order.number} is not paid, so there is no sale to record at Omneo.")
    rest = left(order)
    return Transaction(
        order_number=order.number,
        customer_id=order.customer_id,
        total=order.total - refunded(order),
        total_original=sum((line.price for line in rest), order.shipping),
        transacted_at=paid_at,
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
