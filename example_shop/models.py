"""What the shop remembers: carts and orders. Products and demo shoppers stand in code."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from example_shop.database import Base


def new_id() -> str:
    """An id that nobody can guess."""
    return uuid4().hex


class State(StrEnum):
    """Where an order stands; the same words as the plugin's ``OrderState``.

    open ─▶ unknown ─▶ paid ─▶ cancelled (refunded)
      └────────┴─▶ cancelled (nothing was charged)
    """

    OPEN = "open"  # not paid; at most authorised, or waiting for the shopper at the payment provider
    UNKNOWN = "unknown"  # the money is about to move, or has moved unseen: a capture, or the shopper's approval
    PAID = "paid"
    CANCELLED = "cancelled"


class Cart(Base):
    """One cart of one browser.

    ``checkout_id`` names the cart as it is now and goes out in the checkout form: an order is placed once for each, so
    a double click, a second tab and a stale page end at the same order or are sent back.
    """

    __tablename__ = "carts"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    customer_id: Mapped[str | None]
    checkout_id: Mapped[str] = mapped_column(default=new_id)
    shipping: Mapped[str] = mapped_column(default="standard")
    address: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    is_closed: Mapped[bool] = mapped_column(default=False)  # bought, or being paid for
    lines: Mapped[list[CartLine]] = relationship(order_by="CartLine.id", lazy="selectin")


class CartLine(Base):
    """So many pieces of one product."""

    __tablename__ = "cart_lines"
    __table_args__ = (UniqueConstraint("cart_id", "sku"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    cart_id: Mapped[str] = mapped_column(ForeignKey("carts.id"))
    sku: Mapped[str]
    quantity: Mapped[int]


class Order(Base):
    """What was agreed at checkout, frozen: lines, discount, total, and the use of a benefit that belongs to it."""

    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(primary_key=True)
    checkout_id: Mapped[str] = mapped_column(unique=True)
    cart_id: Mapped[str] = mapped_column(ForeignKey("carts.id"), index=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    name: Mapped[str]
    address: Mapped[dict[str, str]] = mapped_column(JSON)
    shipping_name: Mapped[str]
    shipping: Mapped[Decimal]
    shipping_discount: Mapped[Decimal]
    currency: Mapped[str]
    total: Mapped[Decimal]
    use_id: Mapped[str | None]
    benefit_name: Mapped[str | None]
    state: Mapped[State] = mapped_column(default=State.OPEN)
    problem: Mapped[str | None]  # why it was called off, in a sentence for the shopper
    payment_id: Mapped[str | None]
    approval_url: Mapped[str | None]  # where the shopper approves a payment that asks for it
    leased_until: Mapped[datetime | None]  # until then the request that places the order settles it, nobody else
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    is_imported: Mapped[bool] = mapped_column(default=False)  # from the shop's former system: to be looked at only
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", lazy="selectin")
    refunds: Mapped[list[Refund]] = relationship(order_by="Refund.created_at", lazy="selectin")

    @property
    def subtotal(self) -> Decimal:
        """The lines before any discount."""
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def discount(self) -> Decimal:
        """What the benefit took off, lines and shipping together."""
        return sum((line.discount for line in self.lines), self.shipping_discount)


class OrderLine(Base):
    """One product of an order; ``unit_price`` per piece, ``discount`` for the whole line."""

    __tablename__ = "order_lines"

    order_number: Mapped[str] = mapped_column(ForeignKey("orders.number"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    name: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal]
    discount: Mapped[Decimal]

    @property
    def total(self) -> Decimal:
        """The price of the line before the discount."""
        return self.unit_price * self.quantity


class RefundState(StrEnum):
    """Where a refund stands."""

    OPEN = "open"  # agreed with the shopper; the payment provider may or may not have done it
    DONE = "done"
    REFUSED = "refused"  # the provider said no; nothing has moved


class Refund(Base):
    """Money that goes back for an order.

    ``reference`` was made for the page on which the shopper confirmed it, and goes out to the payment provider: a
    double click and a repeated call end at the same refund. The database allows one open refund for each order.
    """

    __tablename__ = "refunds"

    reference: Mapped[str] = mapped_column(primary_key=True)
    order_number: Mapped[str] = mapped_column(ForeignKey("orders.number"), index=True)
    amount: Mapped[Decimal]
    is_full: Mapped[bool]  # all that was left of the order, delivery included: the order is cancelled with it
    state: Mapped[RefundState] = mapped_column(default=RefundState.OPEN)
    problem: Mapped[str | None]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    lines: Mapped[list[RefundLine]] = relationship(order_by="RefundLine.position", lazy="selectin")

    @property
    def counts(self) -> bool:
        """Whether its pieces are gone from the order; those of an open refund are spoken for."""
        return self.state is not RefundState.REFUSED


_open = Refund.__table__.c.state == RefundState.OPEN
Index("refunds_open", Refund.order_number, unique=True, sqlite_where=_open, postgresql_where=_open)


class RefundLine(Base):
    """Pieces of one line of the order that come back; ``amount`` is what was paid for them."""

    __tablename__ = "refund_lines"

    reference: Mapped[str] = mapped_column(ForeignKey("refunds.reference"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    quantity: Mapped[int]
    amount: Mapped[Decimal]
