"""What is left of an order, and what comes back for a part of it, to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from example_shop.models import Order, OrderLine, RefundState

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one line: ``quantity`` pieces, for which ``paid`` was paid."""

    line: OrderLine
    quantity: int
    paid: Decimal

    @property
    def price(self) -> Decimal:
        """What they cost before the discount."""
        return self.line.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Part:
    """Pieces of one line that come back, and what was paid for them."""

    line: OrderLine
    quantity: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Return:
    """What the shopper sends back, and the ``amount`` that goes back for it.

    ``is_full``: nothing of the order is left, so that delivery (``shipping``, as it was paid) comes back too.
    """

    parts: tuple[Part, ...]
    shipping: Decimal
    is_full: bool

    @property
    def amount(self) -> Decimal:
        """What goes back to the card."""
        return sum((part.amount for part in self.parts), self.shipping)


def left(order: Order) -> list[Left]:
    """What is left of each line; the pieces of an open refund are gone too."""
    gone = _gone(order)
    return [
        Left(line, line.quantity - gone[line.position], sum(_shares(line)[gone[line.position] :], Decimal(0)))
        for line in order.lines
    ]


def refunded(order: Order) -> Decimal:
    """What has gone back for an order, or is about to."""
    return sum((refund.amount for refund in order.refunds if refund.counts), Decimal(0))


def is_pending(order: Order) -> bool:
    """Whether a refund is agreed and not confirmed by the payment provider."""
    return any(refund.state is RefundState.OPEN for refund in order.refunds)


def returning(order: Order, wanted: Mapping[int, int]) -> Return:
    """What comes back for so many pieces by position of the line; more than are left count as all that are left."""
    gone = _gone(order)
    parts = []
    for rest in left(order):
        quantity = max(0, min(wanted.get(rest.line.position, 0), rest.quantity))
        first = gone[rest.line.position]
        if quantity:
            amount = sum(_shares(rest.line)[first : first + quantity], Decimal(0))
            parts.append(Part(rest.line, quantity, amount))
    is_full = sum(part.quantity for part in parts) == sum(rest.quantity for rest in left(order))
    shipping = order.shipping - order.shipping_discount if is_full else Decimal(0)
    return Return(tuple(parts), shipping, is_full)


def everything(order: Order) -> Return:
    """All that is left of an order."""
    return returning(order, {rest.line.position: rest.quantity for rest in left(order)})


def _gone(order: Order) -> dict[int, int]:
    gone = {line.position: 0 for line in order.lines}
    for refund in order.refunds:
        for part in refund.lines if refund.counts else ():
            gone[part.position] += part.quantity
    return gone


def _shares(line: OrderLine) -> list[Decimal]:
    """What was paid for each piece: the discount is spread over them by largest remainder, so the cents add up."""
    cents = int((line.total - line.discount) / _CENT)
    each, over = divmod(cents, line.quantity)
    return [(each + (place < over)) * _CENT for place in range(line.quantity)]
