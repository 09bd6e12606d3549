"""The values that the shop gives to the extension: shopper, cart, order and transaction.

Each turns what the shop writes into one normal form: ids into text, amounts into `Decimal`, lists into tuples. Each
raises `InvalidValue`, a `ValueError`, for what has no normal form, with the name of the field and what to write.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import StrEnum

from claimable_benefits.domain.currencies import decimals_of
from claimable_benefits.domain.references import order_number_of
from claimable_benefits.domain.values import (
    boolean,
    choice_of,
    currency_code,
    exact_amount,
    free_text,
    given_time,
    optional_id,
    optional_text,
    tag_set,
    text_id,
    tuple_of,
    whole_number,
)
from claimable_benefits.errors import InvalidValue

_MOST_DECIMALS = 6


def _set(record: object, **values: object) -> None:
    """Replace fields of a frozen value by their normal form."""
    for name, value in values.items():
        if getattr(record, name) is not value:  # nearly all are in it already, and every page makes a cart
            object.__setattr__(record, name, value)


@dataclass(frozen=True, slots=True)
class Shopper:
    """The person signed in to the shop.

    ``customer_id`` is the shop's own id for that person and the identifier of their identity at Omneo; an integer or
    a UUID becomes text. ``timezone`` is an IANA name, ``locale`` a name like ``en_AU``; where they are missing, the
    shop's settings decide.
    """

    customer_id: str
    name: str = ""
    timezone: str | None = None
    locale: str | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            customer_id=text_id(self.customer_id, "Shopper.customer_id"),
            name=free_text(self.name, "Shopper.name"),
            timezone=optional_text(self.timezone, "Shopper.timezone"),
            locale=optional_text(self.locale, "Shopper.locale"),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart. ``unit_price`` is in major units of the cart's currency; ``tags`` are the shop's own.

    A return or an adjustment has a negative quantity or price.
    """

    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    tags: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        _set(
            self,
            sku=free_text(self.sku, "Line.sku"),
            name=free_text(self.name, "Line.name"),
            quantity=whole_number(self.quantity, "Line.quantity"),
            unit_price=exact_amount(self.unit_price, "Line.unit_price"),
            tags=tag_set(self.tags, "Line.tags"),
        )

    @property
    def total(self) -> Decimal:
        """The price of the line, in major units."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """What the shopper is about to buy.

    ``id`` identifies this cart for its whole life (holds belong to it). ``currency`` is an ISO 4217 code. ``shipping``
    is the price of the chosen method in major units, None while none is chosen. ``decimals`` is the number of digits of
    the currency's minor unit, only for a shop that prices in other digits than its currency has.
    """

    id: str
    lines: tuple[Line, ...]
    currency: str
    shipping: Decimal | None = None
    decimals: int | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            id=text_id(self.id, "Cart.id"),
            lines=tuple_of(Line, self.lines, "Cart.lines"),
            currency=currency_code(self.currency, "Cart.currency"),
            shipping=None if self.shipping is None else exact_amount(self.shipping, "Cart.shipping"),
        )
        if self.decimals is not None and (type(self.decimals) is not int or not 0 <= self.decimals <= _MOST_DECIMALS):
            remedy = "Leave it out: the currency decides."
            raise InvalidValue("Cart.decimals", f"is {self.decimals!r}, which is no number of digits.", remedy)

    @property
    def minor_digits(self) -> int:
        """The digits after the point in this cart's prices: 2 for AUD, 0 for JPY, unless ``decimals`` says others."""
        return decimals_of(self.currency) if self.decimals is None else self.decimals

    @property
    def subtotal(self) -> Decimal:
        """The price of all lines without shipping, in major units."""
        return sum((line.total for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a transaction, in major units (Omneo facts 13.6).

    ``price`` and ``price_paid`` are per unit, ``discount`` is for the whole line.
    """

    name: str
    quantity: int
    price: Decimal
    price_paid: Decimal
    sku: str | None = None
    discount: Decimal = Decimal(0)
    discount_reason: str | None = None

    def __post_init__(self) -> None:
        if self.name is None:
            raise InvalidValue("Item.name", "is None.", "Give the name under which the shop sells it.")
        _set(
            self,
            name=free_text(self.name, "Item.name"),
            quantity=whole_number(self.quantity, "Item.quantity"),
            price=exact_amount(self.price, "Item.price"),
            price_paid=exact_amount(self.price_paid, "Item.price_paid"),
            sku=optional_text(self.sku, "Item.sku"),
            discount=exact_amount(self.discount, "Item.discount"),
            discount_reason=optional_text(self.discount_reason, "Item.discount_reason"),
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """A completed sale as the shop records it at Omneo.

    ``total`` is what was charged, ``total_original`` the price before discounts, both in major units. ``transacted_at``
    is best an aware datetime: one without a zone is read in ``BENEFITS_NAIVE_TIMEZONE`` where the extension gets it.
    ``customer_id`` is None for a guest. ``is_void`` cancels the whole sale.
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
        _set(
            self,
            order_number=order_number_of(self.order_number, "Transaction.order_number"),
            customer_id=optional_id(self.customer_id, "Transaction.customer_id"),
            total=exact_amount(self.total, "Transaction.total"),
            total_original=exact_amount(self.total_original, "Transaction.total_original"),
            transacted_at=given_time(self.transacted_at, "Transaction.transacted_at"),
            currency=currency_code(self.currency, "Transaction.currency"),
            items=tuple_of(Item, self.items, "Transaction.items"),
            is_void=boolean(self.is_void, "Transaction.is_void"),
        )

    @property
    def is_naive(self) -> bool:
        """Whether its time has no zone, as the times of SQLite's and MySQL's columns have none."""
        return self.transacted_at.utcoffset() is None

    def in_zone(self, zone: tzinfo) -> Transaction:
        """Return the sale with an aware time: one without a zone is wall-clock time in ``zone``."""
        return replace(self, transacted_at=self.transacted_at.replace(tzinfo=zone)) if self.is_naive else self


class OrderState(StrEnum):
    """What the shop knows of an order."""

    OPEN = "open"  # not paid, and no payment is under way
    UNKNOWN = "unknown"  # a payment is under way, or its answer was lost
    PAID = "paid"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """The answer of the merchant's order loader; a paid order has its transaction.

    ``state`` may be given as its text, such as ``"paid"``.
    """

    number: str
    state: OrderState
    transaction: Transaction | None = None

    def __post_init__(self) -> None:
        if self.transaction is not None and not isinstance(self.transaction, Transaction):
            kind = type(self.transaction).__name__
            raise InvalidValue("Order.transaction", f"is a {kind}.", "Give a Transaction, or None.")
        _set(
            self,
            number=order_number_of(self.number, "Order.number"),
            state=choice_of(OrderState, self.state, "Order.state"),
        )
        if self.transaction is not None and self.transaction.order_number != self.number:
            problem = f"is that of order {self.transaction.order_number}, not of order {self.number}."
            raise InvalidValue("Order.transaction", problem, "Give each order its own.")
