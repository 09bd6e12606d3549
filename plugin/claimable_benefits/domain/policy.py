"""The merchant's rules for one kind of benefit, read from a file that a person can read.

The unit of Omneo's own ``value`` is undocumented (Omneo facts 13.2), so the policy says what a benefit is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from claimable_benefits.domain.currencies import decimals_of, is_known


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
class Money:
    """An amount in each currency for which the policy file gives one, in major units; empty where it gives none."""

    by_currency: tuple[tuple[str, Decimal], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.by_currency)

    def in_currency(self, currency: str) -> Decimal | None:
        """Return the amount in ``currency``; None where none is given. Nothing is ever converted."""
        return next((amount for code, amount in self.by_currency if code == currency), None)


@dataclass(frozen=True, slots=True)
class Policy:
    """How one kind of benefit behaves in this shop.

    ``size`` is the number of a ``percent`` discount, ``amount`` what an ``amount`` discount takes off. ``minimum`` is a
    cart's least subtotal. ``fits`` and ``excludes`` are tags of the shop's own lines.
    """

    handle: str
    discount: DiscountKind = DiscountKind.NONE
    size: Decimal = Decimal(0)
    used_at: frozenset[Place] = field(default_factory=frozenset)
    refundable: Refundable = Refundable.ALWAYS
    minimum: Money = Money()
    fits: frozenset[str] = field(default_factory=frozenset)
    excludes: frozenset[str] = field(default_factory=frozenset)
    amount: Money = Money()

    @property
    def from_account(self) -> bool:
        """Whether a benefit that the shopper holds is used from the account page.

        That includes benefits that are used as they are claimed: staff may have issued one, or a refund returned it.
        """
        return not self.used_at.isdisjoint((Place.ACCOUNT, Place.CLAIM))

    def takes(self, currency: str) -> bool:
        """Whether its amounts are given in ``currency``; one without amounts takes every currency."""
        return all(money.in_currency(currency) is not None for money in (self.amount, self.minimum) if money)


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
    _check_size(handle, discount, table)
    return Policy(
        handle=handle,
        discount=discount,
        size=_percentage(table, handle) if discount is DiscountKind.PERCENT else Decimal(0),
        amount=_money(table["size"], f"{handle}.size") if discount is DiscountKind.AMOUNT else Money(),
        used_at=_places(table, handle),
        refundable=_choice(Refundable, table, handle, "refundable", Refundable.ALWAYS),
        minimum=_money(table["minimum"], f"{handle}.minimum") if "minimum" in table else Money(),
        fits=_tags(table, handle, "fits"),
        excludes=_tags(table, handle, "excludes"),
    )


def _check_size(handle: str, discount: DiscountKind, table: Mapping[str, Any]) -> None:
    key, given = f"{handle}.size", "size" in table
    if discount is DiscountKind.AMOUNT and not given:
        raise PolicyError(key, "is missing.", 'Write what it takes off, such as size = "5 AUD".')
    if given and discount not in (DiscountKind.PERCENT, DiscountKind.AMOUNT):
        raise PolicyError(key, f'has no meaning for discount = "{discount}".', "Remove it.")


def _percentage(table: Mapping[str, Any], handle: str) -> Decimal:
    key, value = f"{handle}.size", table.get("size", 0)
    remedy = "Write a number above 0 and up to 100."
    number = _number(value)
    if number is None:
        raise PolicyError(key, f"{value!r} is no number.", remedy)
    if not 0 < number <= 100:
        raise PolicyError(key, f"{number} is no percentage.", remedy)
    return number


def _money(value: Any, key: str) -> Money:
    """Read "5 AUD", or a table of amounts by currency."""
    if isinstance(value, Mapping):
        if not value:
            raise PolicyError(key, "is an empty table.", 'Write { AUD = "5", NZD = "5.50" }.')
        amounts = [(str(code).upper(), _amount(code, amount, key)) for code, amount in value.items()]
        if len({code for code, _ in amounts}) < len(amounts):
            raise PolicyError(key, "names a currency twice.", "Write each once.")
        return Money(tuple(amounts))
    if isinstance(value, str) and len(parts := value.split()) == 2:
        return Money(((parts[1].upper(), _amount(parts[1], parts[0], key)),))
    if _number(value) is not None:
        raise PolicyError(key, f"{value!r} names no currency.", f'Write "{value} AUD", with your own currency.')
    raise PolicyError(key, f"{value!r} is no amount.", 'Write one with its currency, such as "5 AUD".')


def _amount(code: str, value: Any, key: str) -> Decimal:
    currency = str(code).upper()
    if not is_known(currency):
        raise PolicyError(key, f"{code!r} is no currency.", 'Write an ISO 4217 code, as in "5 AUD".')
    number, digits = _number(value), decimals_of(currency)
    if number is None or number <= 0:
        raise PolicyError(
            key, f"{value!r} is no amount above 0.", f'Write one with its currency, such as "5 {currency}".'
        )
    if number != number.quantize(Decimal(1).scaleb(-digits)):
        whole = f"Write at most {digits} digits after the point." if digits else "Write a whole number."
        raise PolicyError(key, f"{value!r} is finer than prices in {currency} are.", whole)
    return number


def _choice(kind: type[Choice], table: Mapping[str, Any], handle: str, key: str, default: Choice) -> Choice:
    value = table.get(key, default)
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(f'"{choice}"' for choice in kind)
        raise PolicyError(f"{handle}.{key}", f"{value!r} is not known.", f"Use one of {known}.") from None


def _number(value: Any) -> Decimal | None:
    """Read a number of 0 or more; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number <= _MOST else None


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
