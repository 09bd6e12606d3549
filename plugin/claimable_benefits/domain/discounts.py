"""Compute what a benefit takes off a cart, to the minor unit of the currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

from claimable_benefits.domain.policy import DiscountKind, Policy
from claimable_benefits.domain.shop import Cart, Line


@dataclass(frozen=True, slots=True)
class Discount:
    """What comes off, in major units: ``lines`` in the order of the cart's lines, and ``shipping``."""

    lines: tuple[Decimal, ...] = ()
    shipping: Decimal = Decimal(0)

    @property
    def amount(self) -> Decimal:
        """The whole discount, in major units."""
        return sum(self.lines, self.shipping)


def discount_for(policy: Policy, cart: Cart) -> Discount:
    """Compute the discount of ``policy`` on ``cart``: at most the price of the lines it fits, or of the shipping."""
    eligible = [line if is_eligible(policy, line) else None for line in cart.lines]
    totals = [_payable(line.total, cart.decimals) if line else Decimal(0) for line in eligible]
    match policy.discount:
        case DiscountKind.PERCENT:
            return Discount(
                split(cents(sum(totals, Decimal(0)) * policy.size / 100, cart.decimals), totals, cart.decimals)
            )
        case DiscountKind.AMOUNT:
            return amount_off(policy, cart, policy.size)
        case DiscountKind.SHIPPING:
            return Discount((Decimal(0),) * len(totals), cart.shipping or Decimal(0))
        case DiscountKind.FREE_ITEM:
            return Discount(_cheapest_unit_free(eligible, cart.decimals))
        case DiscountKind.NONE:
            return Discount((Decimal(0),) * len(totals))


def amount_off(policy: Policy, cart: Cart, amount: Decimal) -> Discount:
    """Split ``amount`` over the lines that ``policy`` fits, capped at what they cost."""
    totals = [_payable(line.total, cart.decimals) if is_eligible(policy, line) else Decimal(0) for line in cart.lines]
    capped = max(Decimal(0), min(cents(amount, cart.decimals), sum(totals, Decimal(0))))
    return Discount(split(capped, totals, cart.decimals))


def is_eligible(policy: Policy, line: Line) -> bool:
    """Whether the line's tags let the policy touch it."""
    return not (line.tags & policy.excludes) and (not policy.fits or bool(line.tags & policy.fits))


def cents(amount: Decimal, decimals: int) -> Decimal:
    """Round half up to the currency's minor unit."""
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def split(amount: Decimal, weights: Sequence[Decimal], decimals: int) -> tuple[Decimal, ...]:
    """Share ``amount`` in proportion to ``weights`` by largest remainder, so that the parts add up exactly."""
    whole = sum(weights, Decimal(0))
    if whole <= 0 or amount <= 0:
        return (Decimal(0),) * len(weights)
    unit = Decimal(1).scaleb(-decimals)
    units = int(amount / unit)
    # Fractions round down below zero too, where Decimal would not: a coupon may be a negative line of the cart.
    shares = [divmod(units * Fraction(weight), Fraction(whole)) for weight in weights]
    parts = [quotient for quotient, _ in shares]
    by_remainder = sorted(range(len(shares)), key=lambda place: (-shares[place][1], place))
    for place in by_remainder[: units - sum(parts)]:
        parts[place] += 1
    return tuple(part * unit for part in parts)


def _payable(price: Decimal, decimals: int) -> Decimal:
    """Round a price down to minor units: it may be finer (fuel, fabric), and the discount is at most the price."""
    return price.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)


def _cheapest_unit_free(eligible: Sequence[Line | None], decimals: int) -> tuple[Decimal, ...]:
    priced = [
        (_payable(line.unit_price, decimals), place)
        for place, line in enumerate(eligible)
        if line is not None and line.unit_price > 0 and line.quantity > 0
    ]
    cheapest = min(priced, default=None)
    return tuple(cheapest[0] if cheapest and place == cheapest[1] else Decimal(0) for place in range(len(eligible)))
