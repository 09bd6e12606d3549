"""Decide whether a benefit fits a cart, and if not, why, as a stable code."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from claimable_benefits.domain.discounts import Discount, is_eligible, payable
from claimable_benefits.domain.policy import DiscountKind, Place, Policy
from claimable_benefits.domain.shop import Cart


class Misfit(StrEnum):
    """Why a benefit does not fit; a stable code."""

    STORE_ONLY = "store_only"
    NOT_ONLINE = "not_online"  # no policy says where it is used
    ACCOUNT_ONLY = "account_only"
    EMPTY_CART = "empty_cart"
    OTHER_CURRENCY = "other_currency"
    BELOW_MINIMUM = "below_minimum"
    NO_MATCHING_ITEM = "no_matching_item"
    SHIPPING_IS_FREE = "shipping_is_free"
    NOTHING_TO_TAKE_OFF = "nothing_to_take_off"


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether it fits: ``misfit`` is None where it does; ``missing`` is what the subtotal lacks, in major units."""

    misfit: Misfit | None = None
    missing: Decimal = Decimal(0)

    @property
    def fits(self) -> bool:
        """Whether the benefit can be applied to the cart."""
        return self.misfit is None


def fit(policy: Policy, cart: Cart, discount: Discount) -> Fit:
    """Decide whether ``policy`` fits ``cart``, given the ``discount`` that it would bring."""
    if Place.CHECKOUT not in policy.used_at:
        return Fit(_elsewhere(policy))
    if not cart.lines:
        return Fit(Misfit.EMPTY_CART)
    if not policy.takes(cart.currency):
        return Fit(Misfit.OTHER_CURRENCY)
    minimum = policy.minimum.in_currency(cart.currency) or Decimal(0)
    if cart.subtotal < minimum:
        return Fit(Misfit.BELOW_MINIMUM, minimum - cart.subtotal)
    if not any(is_eligible(policy, line) for line in cart.lines):
        return Fit(Misfit.NO_MATCHING_ITEM)
    if policy.discount is DiscountKind.SHIPPING and _is_shipping_free(cart):
        return Fit(Misfit.SHIPPING_IS_FREE)
    # Shipping that is not chosen yet may cost something; a benefit without a discount takes nothing off.
    may_be_zero = policy.discount is DiscountKind.NONE or (
        policy.discount is DiscountKind.SHIPPING and cart.shipping is None
    )
    if not may_be_zero and discount.amount == 0:
        return Fit(Misfit.NOTHING_TO_TAKE_OFF)
    return Fit()


def _is_shipping_free(cart: Cart) -> bool:
    """Whether the chosen method costs nothing; a negative price is an adjustment, and a part of a cent is no price."""
    return cart.shipping is not None and payable(cart.shipping, cart.minor_digits) <= 0


def _elsewhere(policy: Policy) -> Misfit:
    """Say where a benefit is used that is not used at checkout; without a policy, not online."""
    if policy.from_account:
        return Misfit.ACCOUNT_ONLY
    return Misfit.STORE_ONLY if policy.used_at else Misfit.NOT_ONLINE
