"""Price a cart: products, delivery, and the benefit that is applied to it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from example_shop.checkout import carts
from example_shop.checkout.delivery import METHODS, Method
from example_shop.extensions import benefits
from example_shop.storage.models import Cart


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its parts, in Australian dollars.

    ``discounts`` are by row; ``use_id`` names the held benefit that gives them, None without one.
    """

    rows: tuple[carts.CartRow, ...]
    method: Method
    discounts: tuple[Decimal, ...]
    shipping_discount: Decimal = Decimal(0)
    benefit_name: str | None = None
    use_id: str | None = None

    @property
    def subtotal(self) -> Decimal:
        """The products before the discount."""
        return sum((row.total for row in self.rows), Decimal(0))

    @property
    def discount(self) -> Decimal:
        """What the benefit takes off."""
        return sum(self.discounts, self.shipping_discount)

    @property
    def total(self) -> Decimal:
        """What the shopper pays."""
        return self.subtotal + self.method.price - self.discount


def quote(cart: Cart) -> Quote:
    """Price the cart as it is now. A benefit that no longer fits takes nothing off and is not redeemed."""
    rows, method = carts.rows(cart), METHODS[cart.shipping]
    applied = benefits.applied()
    if applied is None or not applied.fit.fits:
        return Quote(rows, method, (Decimal(0),) * len(rows))
    discounts = applied.discount.lines or (Decimal(0),) * len(rows)
    return Quote(rows, method, discounts, applied.discount.shipping, applied.name, applied.use_id)
