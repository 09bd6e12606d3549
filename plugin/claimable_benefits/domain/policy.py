"""The merchant's rules for one kind of benefit, read from a file that a person can read.

The unit of Omneo's own ``value`` is undocumented (Omneo facts 13.2), so the policy says what a benefit is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar


class DiscountKind(StrEnum):
    """What using the benefit takes off."""

    PERCENT = "percent"
    AMOUNT = "amount"
    SHIPPING = "shipping"
    FREE_ITEM = "free-item"
    NONE = "none"


class Place(StrEnum):
    """Where a benefit is used."""

    CHECKOUT = "checkout"
    ACCOUNT = "account"
    STORE = "store"
    CLAIM = "claim"  # as it is claimed, such as a competition entry or a seat


class Refundable(StrEnum):
    """When a used benefit is returned after a cancellation or refund."""

    ALWAYS = "always"
    FULL_REFUND = "full-refund"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Policy:
    """How one kind of benefit behaves in this shop.

    ``size`` is percent for ``percent`` and an amount in major units for ``amount``. ``minimum`` is a cart subtotal in
    major units. ``fits`` and ``excludes`` are tags of the shop's own lines.
    """

    handle: str
    discount: DiscountKind = DiscountKind.NONE
    size: Decimal = Decimal(0)
    used_at: frozenset[Place] = field(default_factory=frozenset)
    refundable: Refundable = Refundable.ALWAYS
    minimum: Decimal = Decimal(0)
    fits: frozenset[str] = field(default_factory=frozenset)
    excludes: frozenset[str] = field(default_factory=frozenset)

    @property
    def from_account(self) -> bool:
        """Whether a benefit that the shopper holds is used from the account page.

        That includes benefits that are used as they are claimed: staff may have issued one, or a refund returned it.
        """
        return not self.used_at.isdisjoint((Place.ACCOUNT, Place.CLAIM))


class PolicyError(ValueError):
    """One entry of the policy file is wrong: ``key`` is where, ``problem`` and ``remedy`` are sentences."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        self.key = key
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{key}: {problem} {remedy}")


Choice = TypeVar("Choice", bound=StrEnum)

_MOST = 10**9  # a larger number is a mistake, and would exceed the precision of the arithmetic
_KEYS = ("discount", "size", "used_at", "refundable", "minimum", "fits", "excludes")


def read_policies(document: Mapping[str, Any]) -> dict[str, Policy]:
    """Turn the policy file (handle → table) into policies by handle. Raises `PolicyError` with key, problem, remedy."""
    return {handle: _read_policy(handle, table) for handle, table in document.items()}


def _read_policy(handle: str, table: Any) -> Policy:
    if not isinstance(table, Mapping):
        raise PolicyError(handle, "is not a table.", f'Write [{handle}] on a line of its own, then discount = "…".')
    for key in table:
        if key not in _KEYS:
            raise PolicyError(f"{handle}.{key}", "is not a key of a policy.", f"Known keys: {', '.join(_KEYS)}.")
    discount = _choice(DiscountKind, table, handle, "discount", DiscountKind.NONE)
    size = _number(table, handle, "size")
    _check_size(handle, discount, size, given="size" in table)
    return Policy(
        handle=handle,
        discount=discount,
        size=size,
        used_at=_places(table, handle),
        refundable=_choice(Refundable, table, handle, "refundable", Refundable.ALWAYS),
        minimum=_number(table, handle, "minimum"),
        fits=_tags(table, handle, "fits"),
        excludes=_tags(table, handle, "excludes"),
    )


def _check_size(handle: str, discount: DiscountKind, size: Decimal, *, given: bool) -> None:
    key = f"{handle}.size"
    if discount is DiscountKind.PERCENT and not 0 < size <= 100:
        raise PolicyError(key, f"{size} is no percentage.", "Write a number above 0 and up to 100.")
    if discount is DiscountKind.AMOUNT and size <= 0:
        raise PolicyError(key, f"{size} is no amount to take off.", "Write an amount above 0, such as 10 or 7.50.")
    if given and discount not in (DiscountKind.PERCENT, DiscountKind.AMOUNT):
        raise PolicyError(key, f'has no meaning for discount = "{discount}".', "Remove it.")


def _choice(kind: type[Choice], table: Mapping[str, Any], handle: str, key: str, default: Choice) -> Choice:
    value = table.get(key, default)
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(f'"{choice}"' for choice in kind)
        raise PolicyError(f"{handle}.{key}", f"{value!r} is not known.", f"Use one of {known}.") from None


def _number(table: Mapping[str, Any], handle: str, key: str) -> Decimal:
    value = table.get(key, 0)
    problem = PolicyError(f"{handle}.{key}", f"{value!r} is no number.", "Write a number such as 10 or 49.90.")
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise problem
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise problem from None
    if not number.is_finite() or not 0 <= number <= _MOST:
        raise problem
    return number


def _places(table: Mapping[str, Any], handle: str) -> frozenset[Place]:
    value = table.get("used_at", [])
    places = [value] if isinstance(value, str) else value
    known = ", ".join(f'"{place}"' for place in Place)
    try:
        chosen = frozenset(Place(place) for place in places)
    except (TypeError, ValueError):
        chosen = frozenset()
    if not chosen:
        raise PolicyError(f"{handle}.used_at", f"{value!r} names no place.", f"Use one or more of {known}.")
    return chosen


def _tags(table: Mapping[str, Any], handle: str, key: str) -> frozenset[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise PolicyError(f"{handle}.{key}", f"{value!r} is no list of tags.", 'Write ["gift-card", "sale"].')
    return frozenset(value)
