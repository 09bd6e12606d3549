"""The values that the shop gives to the extension: shopper, cart, order and transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from claimable_benefits.domain.references import check_order_number


@dataclass(frozen=True, slots=True)
class Shopper:
    """The person signed in to the shop.

    ``customer_id`` is the shop's own id for that person and the identifier of their identity at Omneo. ``timezone``
    is an IANA name, ``locale`` a name like ``en_AU``; where they are missing, the shop's settings decide.
    """

    customer_id: str
    name: str = ""
    timezone: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart. ``unit_price`` is in major units of the cart's currency; ``tags`` are the shop's own."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    tags: frozenset[str] = field(default_factory=frozenset)

    @property
    def total(self) -> Decimal:
        """The price of the line, in major units."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """What the shopper is about to buy.

    ``id`` identifies this cart for its whole life (holds belong to it). ``currency`` is an ISO 4217 code. ``shipping``
    is the price of the chosen method in major units, None while none is chosen. ``decimals`` is the number of digits of
    the currency's minor unit.
    """

    id: str
    lines: tuple[Line, ...]
    currency: str
    shipping: Decimal | None = None
    decimals: int = 2

    @property
    def subtotal(self) -> Decimal:
        """The price of all lines without shipping, in major units."""
        return sum((line.total for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a transaction, in major units (Omneo facts 13.6).

    ``price`` and ``price_paid`` are per unit, ``discount`` is for the whole line. Raises `ValueError` for an amount
    that is not an exact, finite number.
    """

    name: str
    quantity: int
    price: Decimal
    price_paid: Decimal
    sku: str | None = None
    discount: Decimal = Decimal(0)
    discount_reason: str | None = None

    def __post_init__(self) -> None:
        _check_amounts(self, "price", "price_paid", "discount")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A completed sale as the shop records it at Omneo.

    ``total`` is what was charged, ``total_original`` the price before discounts, both in major units. ``transacted_at``
    is an aware datetime. ``customer_id`` is None for a guest. ``is_void`` cancels the whole sale. Raises `ValueError`
    for a time without a zone, an amount that is not an exact, finite number, and an empty order number.
    """

    order_number: str
    customer_id: str | None
    total: Decimal
    total_original: Decimal
    transacted_at: datetime
    currency: str
    items: tuple[Item, ...] = ()
    is_void: bool = False

    def __post_init__(self) -> None:
        check_order_number(self.order_number)
        if self.transacted_at.tzinfo is None:
            raise ValueError("transacted_at needs a time zone: pass an aware datetime.")
        _check_amounts(self, "total", "total_original")


def _check_amounts(record: object, *names: str) -> None:
    """Refuse floats, which have no exact cents, and NaN, which would stop the delivery later."""
    for name in names:
        amount = getattr(record, name)
        if isinstance(amount, bool) or not isinstance(amount, Decimal | int) or not Decimal(amount).is_finite():
            raise ValueError(f"{name} is {amount!r}: pass a finite Decimal.")


class OrderState(StrEnum):
    """What the shop knows of an order."""

    OPEN = "open"  # not paid, and no payment is under way
    UNKNOWN = "unknown"  # a payment is under way, or its answer was lost
    PAID = "paid"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """The answer of the merchant's order loader; a paid order has its transaction."""

    number: str
    state: OrderState
    transaction: Transaction | None = None
