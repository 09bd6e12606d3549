"""Compute what a benefit takes off a cart, to the minor unit of the currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
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
    """Compute the discount of ``policy`` on ``cart``: at most the price of the lines it fits, or of the shipping.

    It is never more than the shopper pays for the cart, which returns and adjustments may have lowered. It is zero
    where the policy's amount is given in other currencies than the cart's.
    """
    match policy.discount:
        case DiscountKind.PERCENT:
            return amount_off(policy, cart, max(Decimal(0), _net(policy, cart)) * policy.size / 100)
        case DiscountKind.AMOUNT:
            return amount_off(policy, cart, policy.amount.in_currency(cart.currency) or Decimal(0))
        case DiscountKind.SHIPPING:
            return Discount(_nothing(cart), max(Decimal(0), min(_shipping(cart), _charged(cart))))
        case DiscountKind.FREE_ITEM:
            return Discount(_cheapest_unit_free(policy, cart))
        case DiscountKind.NONE:
            return Discount(_nothing(cart))


def amount_off(policy: Policy, cart: Cart, amount: Decimal) -> Discount:
    """Split ``amount`` over the lines that ``policy`` fits, capped at what they cost and at what the shopper pays."""
    prices = [max(Decimal(0), price) for price in _eligible_prices(policy, cart)]
    most = min(sum(prices, Decimal(0)), _charged(cart))
    capped = max(Decimal(0), min(cents(amount, cart.minor_digits), most))
    return Discount(split(capped, prices, cart.minor_digits))


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


def payable(price: Decimal, decimals: int) -> Decimal:
    """Round a price down to minor units: it may be finer (fuel, fabric), and the discount is at most the price."""
    return price.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_FLOOR)


def _eligible_prices(policy: Policy, cart: Cart) -> list[Decimal]:
    """What each line that ``policy`` fits costs, in whole minor units; zero for the other lines."""
    digits = cart.minor_digits
    return [payable(line.total, digits) if is_eligible(policy, line) else Decimal(0) for line in cart.lines]


def _net(policy: Policy, cart: Cart) -> Decimal:
    """What the lines that ``policy`` fits cost together, returns and adjustments among them subtracted."""
    return sum(_eligible_prices(policy, cart), Decimal(0))


def _shipping(cart: Cart) -> Decimal:
    return payable(cart.shipping or Decimal(0), cart.minor_digits)


def _charged(cart: Cart) -> Decimal:
    """What the shopper pays without a benefit: nothing where returns and adjustments exceed the rest."""
    lines = sum((payable(line.total, cart.minor_digits) for line in cart.lines), Decimal(0))
    return max(Decimal(0), lines + _shipping(cart))


def _nothing(cart: Cart) -> tuple[Decimal, ...]:
    return (Decimal(0),) * len(cart.lines)


def _cheapest_unit_free(policy: Policy, cart: Cart) -> tuple[Decimal, ...]:
    priced = [
        (payable(line.unit_price, cart.minor_digits), place)
        for place, line in enumerate(cart.lines)
        if is_eligible(policy, line) and line.unit_price > 0 and line.quantity > 0
    ]
    if not priced:
        return _nothing(cart)
    price, chosen = min(priced)
    off = min(price, _charged(cart))
    return tuple(off if place == chosen else Decimal(0) for place in range(len(cart.lines)))
