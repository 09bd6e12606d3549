"""Loyalty benefits from Omneo in a Flask shop: claimed, used in checkout, and never lost or redeemed twice."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from claimable_benefits.domain.discounts import Discount
from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.shop import Cart, Item, Line, Order, OrderState, Shopper, Transaction
from claimable_benefits.errors import BenefitsError, Declined, OmneoError, SettingsError

if TYPE_CHECKING:
    from claimable_benefits.extension import ClaimableBenefits
    from claimable_benefits.ledger.uses import Use
    from claimable_benefits.service.holds.offers import Applied
    from claimable_benefits.service.orders.record import OrderRecord
    from claimable_benefits.service.orders.refund import Refund
    from claimable_benefits.service.worker.turn import TurnResult

__all__ = [
    "Applied",
    "BenefitsError",
    "Cart",
    "ClaimableBenefits",
    "Declined",
    "Discount",
    "Item",
    "Line",
    "OmneoError",
    "Order",
    "OrderRecord",
    "OrderState",
    "Policy",
    "Refund",
    "SettingsError",
    "Shopper",
    "Transaction",
    "TurnResult",
    "Use",
]

# pytest loads this package at each start, for `testing` alone, so what needs Flask is imported on first use.
_LAZY = {
    "Applied": "service.holds.offers",
    "ClaimableBenefits": "extension",
    "OrderRecord": "service.orders.record",
    "Refund": "service.orders.refund",
    "TurnResult": "service.worker.turn",
    "Use": "ledger.uses",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"claimable_benefits.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
