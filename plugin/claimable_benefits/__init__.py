"""Loyalty benefits from Omneo in a Flask shop: claimed, used in checkout, and never lost or redeemed twice."""

from typing import TYPE_CHECKING, Any

from claimable_benefits.domain.shop import Cart, Item, Line, Order, OrderState, Shopper, Transaction
from claimable_benefits.errors import BenefitsError, Declined, OmneoError, SettingsError

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    """Import the extension when it is asked for: pytest loads this package at each start, for `testing` alone."""
    if name != "ClaimableBenefits":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from claimable_benefits.extension import ClaimableBenefits as Extension

    globals()[name] = Extension
    return Extension
