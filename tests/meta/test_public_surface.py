"""What a merchant may import."""

from __future__ import annotations

import claimable_benefits

SURFACE = [
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


def test_the_public_names_are_these_and_no_others() -> None:
    assert claimable_benefits.__all__ == SURFACE


def test_the_public_names_are_sorted() -> None:
    assert sorted(claimable_benefits.__all__) == claimable_benefits.__all__


def test_every_public_name_can_be_imported_and_is_explained() -> None:
    unexplained = [name for name in SURFACE if not getattr(claimable_benefits, name).__doc__]

    assert unexplained == []


def test_importing_everything_brings_the_public_names() -> None:
    names: dict[str, object] = {}

    exec("from claimable_benefits import *", names)  # noqa: S102 - a star import stands nowhere else

    assert sorted(set(names) - {"__builtins__"}) == SURFACE
