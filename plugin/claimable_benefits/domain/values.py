"""Turn what a shop writes into exact values, or refuse it with the name of the field and what to write instead.

A shop has ids as integers or UUIDs, prices as text, tags as lists. Each field accepts what has one meaning, and refuses
the rest where the shop writes it: later, the money may have moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import TypeVar
from uuid import UUID

from claimable_benefits.errors import InvalidValue

LONGEST_ID = 240  # the ledger's columns take 255, and the actor of an event has a word before it
# A larger amount is a mistake, and would exceed the precision of the arithmetic; a smaller one is written out in zeros.
_MAGNITUDES = range(-40, 15)
_MOST_PIECES = 10**9
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
# PostgreSQL stores no NUL, and no encoding half a surrogate pair.
_NOT_IN_IDS = re.compile("[\x00\ud800-\udfff]")
_YEARS = range(1970, 9999)  # beyond these, a change of the time zone may overflow
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")

Id = str | int | UUID
Choice = TypeVar("Choice", bound=StrEnum)
Element = TypeVar("Element")


def text_id(value: object, field: str, *, what: str = "id", longest: int = LONGEST_ID) -> str:
    """Return an id as text: integers and UUIDs are ids, too. Raises `InvalidValue` for anything else, and for ""."""
    if type(value) is str and value.isascii() and value.isprintable() and value.strip() and len(value) <= longest:
        return value  # nearly always: every page makes a shopper and a cart
    if isinstance(value, str):
        text = str.__str__(value)  # the characters alone, of Markup or an enum, too
    elif isinstance(value, UUID):
        text = str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        text = str(int(value))
    else:
        raise InvalidValue(field, f"is {_shown(value)}, which is no {what}.", "Give a text, an integer or a UUID.")
    if not text.strip():
        problem = f"is {_shown(text)}, which is no {what}: it is empty."
        raise InvalidValue(field, problem, "Give a text, an integer or a UUID.")
    if _NOT_IN_IDS.search(text):
        problem = f"is {_shown(text)}, which is no {what}: it holds a character that cannot be stored."
        raise InvalidValue(field, problem, "Leave that out.")
    if len(text) > longest:
        raise InvalidValue(field, f"has {len(text)} characters.", f"Give an {what} of at most {longest}.")
    return text


def optional_id(value: object, field: str) -> str | None:
    """Return an id as text; None stays None."""
    return None if value is None else text_id(value, field)


def free_text(value: object, field: str) -> str:
    """Return a text for people: None is an empty one, a lazy translation its text. Bytes are refused."""
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, bytes | bytearray):
        raise InvalidValue(field, f"is {_shown(value)}.", "Decode it to a text.")
    text = str.__str__(value) if isinstance(value, str) else "" if value is None else str(value)
    return _HALF_A_PAIR.sub("\ufffd", text)  # half a surrogate pair cannot be sent


def optional_text(value: object, field: str) -> str | None:
    """Return a text for people; None stays None."""
    return None if value is None else free_text(value, field)


def exact_amount(value: object, field: str) -> Decimal:
    """Return an amount in major units from a `Decimal`, an integer or a text such as "19.99".

    Raises `InvalidValue` for a float, whose cents are not exact, for NaN and infinity, and for 10**15 and more.
    """
    if type(value) is Decimal and value.is_finite() and value.adjusted() in _MAGNITUDES:
        return value  # nearly always
    if isinstance(value, float):
        written = f"Decimal({str(value)!r}) or {str(value)!r}" if isfinite(value) else "a Decimal"
        raise InvalidValue(field, f"is {value!r}, a float, which has no exact cents.", f"Write {written}.")
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = Decimal(value.strip())
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
    else:
        raise InvalidValue(field, f"is {_shown(value)}, which is no amount.", 'Write Decimal("19.99") or "19.99".')
    if not number.is_finite() or number.adjusted() not in _MAGNITUDES:
        raise InvalidValue(field, f"is {_shown(number)}, which is no amount.", "Write a finite Decimal below 10**15.")
    return number


def whole_number(value: object, field: str) -> int:
    """Return a number of pieces, negative for a return. Raises `InvalidValue` for parts of a piece."""
    if type(value) is int and -_MOST_PIECES <= value <= _MOST_PIECES:
        return value
    number: Decimal | None = None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = Decimal(value.strip())
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
    if number is None or not number.is_finite() or abs(number) > _MOST_PIECES or number != int(number):
        remedy = "Write an integer; for goods by weight, write 1 and the price of the whole line."
        raise InvalidValue(field, f"is {_shown(value)}, which is no number of pieces.", remedy)
    return int(number)


def tag_set(value: object, field: str) -> frozenset[str]:
    """Return tags from a list, tuple or set of texts; None is none. Raises `InvalidValue` for a single text."""
    if value is None:
        return frozenset()
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InvalidValue(field, f"is {_shown(value)}, which is no list of tags.", 'Write ["gift-card", "sale"].')
    return frozenset(text_id(tag, field) for tag in value)


def tuple_of(kind: type[Element], value: object, field: str) -> tuple[Element, ...]:
    """Return a tuple from a list or another iterable of ``kind``; None is an empty one."""
    if value is None:
        return ()
    elements = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else (value,)
    for element in elements:
        if not isinstance(element, kind):
            raise InvalidValue(field, f"holds {_shown(element)}.", f"Give a tuple of {kind.__name__}.")
    return elements


def currency_code(value: object, field: str) -> str:
    """Return an ISO 4217 code in capitals. A code that is not known yet is accepted: it has two decimals."""
    code = str.__str__(value).strip().upper() if isinstance(value, str) else ""
    if not _CURRENCY.fullmatch(code):
        raise InvalidValue(field, f"is {_shown(value)}, which is no currency.", 'Write an ISO 4217 code such as "AUD".')
    return code


def given_time(value: object, field: str) -> datetime:
    """Return a time as it is, with a zone or without. Raises `InvalidValue` for anything else."""
    if not isinstance(value, datetime):
        raise InvalidValue(field, f"is {_shown(value)}, which is no time.", "Give an aware datetime.")
    if value.year not in _YEARS:
        raise InvalidValue(field, f"is in the year {value.year}.", "Give the time of the sale.")
    return value


def choice_of(kind: type[Choice], value: object, field: str) -> Choice:
    """Return a member of ``kind`` from itself or its text, in small letters or capitals."""
    try:
        return kind(str.__str__(value).strip().lower() if isinstance(value, str) else "")
    except ValueError:
        known = ", ".join(f'"{choice}"' for choice in kind)
        raise InvalidValue(field, f"is {_shown(value)}, which is not known.", f"Give one of {known}.") from None


def boolean(value: object, field: str) -> bool:
    """Return a truth value. Raises `InvalidValue` for anything but True and False: the text "False" is true."""
    if not isinstance(value, bool):
        raise InvalidValue(field, f"is {_shown(value)}.", "Write True or False.")
    return value


def _shown(value: object) -> str:
    """Write a value briefly: it goes into a log."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
