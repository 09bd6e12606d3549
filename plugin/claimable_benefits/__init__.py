"""Loyalty benefits from Omneo in a Flask shop: claimed, used in checkout, and never lost or redeemed twice."""

from claimable_benefits.domain.shop import Cart, Item, Line, Order, OrderState, Shopper, Transaction
from claimable_benefits.errors import BenefitsError, Declined, OmneoError, SettingsError
from claimable_benefits.extension import ClaimableBenefits

__all__ = [
    "BenefitsError",
    "Cart",
    "ClaimableBenefits",
    "Declined",
    "Item",
    "Line",
    "OmneoError",
    "Order",
    "OrderState",
    "SettingsError",
    "Shopper",
    "Transaction",
]
