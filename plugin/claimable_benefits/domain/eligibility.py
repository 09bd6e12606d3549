"""Whether a benefit fits a cart, and if not, why, in a sentence for the shopper."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from claimable_benefits.domain.discounts import Discount, is_eligible
from claimable_benefits.domain.policy import DiscountKind, Place, Policy
from claimable_benefits.domain.shop import Cart


class Misfit(StrEnum):
    """Why a benefit does not fit; a stable code."""

    STORE_ONLY = "store_only"
    ACCOUNT_ONLY = "account_only"
    EMPTY_CART = "empty_cart"
    BELOW_MINIMUM = "below_minimum"
    NO_MATCHING_ITEM = "no_matching_item"
    SHIPPING_IS_FREE = "shipping_is_free"
    NOTHING_TO_TAKE_OFF = "nothing_to_take_off"


@dataclass(frozen=True, slots=True)
class Fit:
    """The answer: ``misfit`` is None where it fits; ``missing`` is what the subtotal lacks, in major units."""

    misfit: Misfit | None = None
    missing: Decimal = Decimal(0)

    @property
    def fits(self) -> bool:
        return self.misfit is None


def fit(policy: Policy, cart: Cart, discount: Discount) -> Fit:
    """Judge ``policy`` against ``cart``, given the ``discount`` it would bring."""
    if Place.CHECKOUT not in policy.used_at:
        return Fit(Misfit.ACCOUNT_ONLY if policy.from_account else Misfit.STORE_ONLY)
    if not cart.lines:
        return Fit(Misfit.EMPTY_CART)
    if cart.subtotal < policy.minimum:
        return Fit(Misfit.BELOW_MINIMUM, policy.minimum - cart.subtotal)
    if not any(is_eligible(policy, line) for line in cart.lines):
        return Fit(Misfit.NO_MATCHING_ITEM)
    if policy.discount is DiscountKind.SHIPPING and cart.shipping == 0:
        return Fit(Misfit.SHIPPING_IS_FREE)
    # Shipping that is not chosen yet will cost something; a service without a price fits as it is.
    waits = policy.discount is DiscountKind.NONE or (policy.discount is DiscountKind.SHIPPING and cart.shipping is None)
    if not waits and discount.amount == 0:
        return Fit(Misfit.NOTHING_TO_TAKE_OFF)
    return Fit()
