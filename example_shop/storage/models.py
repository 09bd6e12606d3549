"""The shop's tables: carts, orders and refunds. Products and demo shoppers are in code."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from example_shop.storage.database import Base


def new_id() -> str:
    """Return an id that cannot be guessed."""
    return uuid4().hex


class State(StrEnum):
    """What became of an order, in the words of the extension's ``OrderState``."""

    OPEN = "open"  # not paid, and no money can have moved
    UNKNOWN = "unknown"  # the money may be moving, or may have moved
    PAID = "paid"
    CANCELLED = "cancelled"


class RecoveryPoint(StrEnum):
    """Where the payment of an order continues, also after a crash. `payment_flow` has the ways between them."""

    STARTED = "started"
    AUTHORISED = "authorised"
    AWAITING_APPROVAL = "awaiting_approval"
    PAYING = "paying"
    AWAITING_SALE = "awaiting_sale"
    IN_DOUBT = "in_doubt"
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Cart(Base):
    """One cart of one browser.

    ``checkout_id`` names the current content of the cart, and is a field of the checkout form. The shop places one
    order for each, so a double click and a second tab end at the same order, and an outdated page is refused.
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
    """Pieces of one product in a cart."""

    __tablename__ = "cart_lines"
    __table_args__ = (UniqueConstraint("cart_id", "sku"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    cart_id: Mapped[str] = mapped_column(ForeignKey("carts.id"))
    sku: Mapped[str]
    quantity: Mapped[int]


class Order(Base):
    """What the shopper agreed to at checkout: lines, discount, total, and the held benefit that gives the discount.

    Only `payment_flow.move` changes ``recovery_point``, and with it ``state`` and ``leased_until``.
    """

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
    recovery_point: Mapped[RecoveryPoint] = mapped_column(default=RecoveryPoint.STARTED)
    state: Mapped[State] = mapped_column(default=State.OPEN)
    leased_until: Mapped[datetime | None]  # until then nobody else asks the provider what became of the payment
    problem: Mapped[str | None]  # why the order was cancelled, in a sentence for the shopper
    payment_id: Mapped[str | None]
    approval_url: Mapped[str | None]  # the provider's page, while the payment waits for the shopper's approval
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    is_imported: Mapped[bool] = mapped_column(default=False)  # from the shop's former system: read-only
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
    """What became of a refund."""

    OPEN = "open"  # agreed with the shopper; the provider may or may not have made it
    DONE = "done"
    REFUSED = "refused"  # the provider refused it; no money has moved


class Refund(Base):
    """Money that the shop pays back for an order.

    ``reference`` is made for the page on which the shopper confirms, and is sent to the payment provider: a double
    click and a repeated call end at the same refund. The database allows one open refund for each order.
    """

    __tablename__ = "refunds"

    reference: Mapped[str] = mapped_column(primary_key=True)
    order_number: Mapped[str] = mapped_column(ForeignKey("orders.number"), index=True)
    amount: Mapped[Decimal]
    is_full: Mapped[bool]  # all that was left, delivery included: the order is cancelled with it
    state: Mapped[RefundState] = mapped_column(default=RefundState.OPEN)
    problem: Mapped[str | None]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    lines: Mapped[list[RefundLine]] = relationship(order_by="RefundLine.position", lazy="selectin")

    @property
    def counts(self) -> bool:
        """Whether its pieces no longer belong to the order; those of an open refund do not."""
        return self.state is not RefundState.REFUSED


_open = Refund.__table__.c.state == RefundState.OPEN
Index("refunds_open", Refund.order_number, unique=True, sqlite_where=_open, postgresql_where=_open)


class RefundLine(Base):
    """Pieces of one line of the order that are returned; ``amount`` is what the shopper paid for them."""

    __tablename__ = "refund_lines"

    reference: Mapped[str] = mapped_column(ForeignKey("refunds.reference"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    quantity: Mapped[int]
    amount: Mapped[Decimal]
