"""Delivery methods and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Method:
    """A delivery method, with its price in Australian dollars."""

    key: str
    name: str
    price: Decimal
    promise: str
    needs_address: bool = True


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the address form; ``missing`` is the message where it is empty."""

    key: str
    label: str
    autocomplete: str
    missing: str
    for_parcels: bool = True


METHODS = {
    method.key: method
    for method in (
        Method("standard", "Standard", Decimal("9.95"), "3 to 5 working days"),
        Method("express", "Express", Decimal("14.95"), "1 to 2 working days"),
        Method("pickup", "Pick up", Decimal("0.00"), "at our Fitzroy shop, ready tomorrow", needs_address=False),
    )
}

FIELDS = (
    Field("name", "Full name", "name", "Enter your full name.", for_parcels=False),
    Field("email", "Email", "email", "Enter your email address.", for_parcels=False),
    Field("street", "Street and number", "street-address", "Enter street and number."),
    Field("suburb", "Suburb", "address-level2", "Enter the suburb."),
    Field("state", "State", "address-level1", "Choose the state."),
    Field("postcode", "Postcode", "postal-code", "Enter the four digits of the postcode."),
)
STATES = ("ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA")
_LONGEST = 200


def read_address(form: Mapping[str, str]) -> dict[str, str]:
    """Return the address as typed, without surrounding spaces; fields that the form does not have are left out."""
    return {field.key: form[field.key].strip()[:_LONGEST] for field in FIELDS if field.key in form}


def problems(address: Mapping[str, str], method: Method) -> dict[str, str]:
    """Return what is wrong with the address for this method: a sentence by field."""
    needed = [field for field in FIELDS if method.needs_address or not field.for_parcels]
    return {field.key: field.missing for field in needed if not _is_valid(field.key, address.get(field.key, ""))}


def _is_valid(key: str, value: str) -> bool:
    match key:
        case "email":
            name, at, host = value.partition("@")
            return bool(name and at and "." in host and " " not in value)
        case "state":
            return value in STATES
        case "postcode":
            return len(value) == 4 and value.isascii() and value.isdigit()
        case _:
            return bool(value)
