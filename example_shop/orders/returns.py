"""What is left of an order, and what a return of some of it refunds, to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from example_shop.storage.models import Order, OrderLine, RefundState

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one line: ``quantity`` pieces, for which the shopper paid ``paid``."""

    line: OrderLine
    quantity: int
    paid: Decimal

    @property
    def price(self) -> Decimal:
        """Their price before the discount."""
        return self.line.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Part:
    """Pieces of one line that are returned, and what the shopper paid for them."""

    line: OrderLine
    quantity: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Return:
    """What the shopper returns, and the ``amount`` that the shop refunds.

    ``is_full``: nothing of the order is left, so that the shop refunds the delivery too (``shipping``, as paid).
    """

    parts: tuple[Part, ...]
    shipping: Decimal
    is_full: bool

    @property
    def amount(self) -> Decimal:
        """What the card is refunded."""
        return sum((part.amount for part in self.parts), self.shipping)


def left(order: Order) -> list[Left]:
    """Return what is left of each line; the pieces of an open refund are not."""
    returned = _returned(order)
    return [
        Left(line, line.quantity - returned[line.position], sum(_shares(line)[returned[line.position] :], Decimal(0)))
        for line in order.lines
    ]


def refunded(order: Order) -> Decimal:
    """Return what was refunded for an order, or is about to be."""
    return sum((refund.amount for refund in order.refunds if refund.counts), Decimal(0))


def is_pending(order: Order) -> bool:
    """Whether a refund is agreed, and not yet confirmed by the payment provider."""
    return any(refund.state is RefundState.OPEN for refund in order.refunds)


def returning(order: Order, wanted: Mapping[int, int]) -> Return:
    """Return the refund for ``wanted`` pieces (by position of the line), at most for those that are left."""
    returned = _returned(order)
    parts = []
    for rest in left(order):
        quantity = max(0, min(wanted.get(rest.line.position, 0), rest.quantity))
        first = returned[rest.line.position]
        if quantity:
            amount = sum(_shares(rest.line)[first : first + quantity], Decimal(0))
            parts.append(Part(rest.line, quantity, amount))
    is_full = sum(part.quantity for part in parts) == sum(rest.quantity for rest in left(order))
    shipping = order.shipping - order.shipping_discount if is_full else Decimal(0)
    return Return(tuple(parts), shipping, is_full)


def everything(order: Order) -> Return:
    """Return everything that is left of an order."""
    return returning(order, {rest.line.position: rest.quantity for rest in left(order)})


def _returned(order: Order) -> dict[int, int]:
    returned = {line.position: 0 for line in order.lines}
    for refund in order.refunds:
        for part in refund.lines if refund.counts else ():
            returned[part.position] += part.quantity
    return returned


def _shares(line: OrderLine) -> list[Decimal]:
    """What each piece cost: the discount is spread over the pieces by largest remainder, so that the cents add up."""
    cents = int((line.total - line.discount) / _CENT)
    each, over = divmod(cents, line.quantity)
    return [(each + (place < over)) * _CENT for place in range(line.quantity)]
