"""Read and write JSON, numbers, booleans and times as Omneo does.

Reading is tolerant, because the answers vary (Omneo facts 0, 1.5 and 15): a value that cannot be read is None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import NoReturn
from zoneinfo import ZoneInfo

from claimable_benefits.domain.storable import LONGEST_ID, LONGEST_TEXT, is_storable_id, repaired
from claimable_benefits.errors import InvalidResponse

_MOST_DIGITS = 18
_TOO_LARGE = 10**_MOST_DIGITS
_MOST_COUNTED = 2**31 - 1  # the largest number of PostgreSQL's integer columns
_LONGEST_NUMBER = 40  # digits, and places before and after the point, of an amount
# Farther times are placeholders such as 0001-01-01 and 9999-12-31: with them, a change of zone leaves the calendar.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000


def load(body: bytes | None) -> object:
    """Parse the JSON of ``body``, with exact decimals; raise `InvalidResponse` where it is not JSON."""
    try:
        return json.loads(body or b"", parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, InvalidOperation):
        problem = "Omneo's answer is not readable JSON."
    raise InvalidResponse(problem)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def dump(value: object) -> str:
    """Write ``value`` as JSON; a ``Decimal`` becomes a number with exactly its digits (89.90 stays 89.90)."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dump(item) for item in value) + "]"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not an amount.")
        return f"{value:f}"
    # A receiver that reads JSON strictly refuses half a surrogate pair, and most databases refuse NUL.
    return json.dumps(repaired(value, len(value)) if isinstance(value, str) else value, allow_nan=False)


def data(body: object) -> object:
    """Unwrap ``{"data": …}``; a bare value is tolerated (Omneo facts 1.3)."""
    return body["data"] if isinstance(body, dict) and "data" in body else body


def mapping(value: object) -> Mapping[str, object]:
    """Return the object in ``value``; an empty one where there is none (PHP writes ``[]`` or ``null`` for it)."""
    return value if isinstance(value, dict) else {}


def elements(value: object) -> list[object]:
    """Return the list in ``value``; null is empty, and PHP writes a list with gaps as ``{"0": …, "2": …}``."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and all(key.isdecimal() for key in value):
        return list(value.values())
    raise InvalidResponse("Omneo's answer should hold a list, and does not.")


def listed(body: object) -> list[object]:
    """Return the list that an answer holds, where it decides that something is not there.

    ``{}``, ``null`` and ``{"data": {}}`` hold no list, so they show nothing: they raise `InvalidResponse`.
    """
    value = data(body)
    if isinstance(value, list) or (isinstance(value, dict) and value):
        return elements(value)
    raise InvalidResponse("Omneo's answer should hold a list, and does not.")


def identifier(value: object) -> str | None:
    """Return an id as text: ids are opaque, and arrive as numbers or as text. None for one that cannot be stored."""
    if isinstance(value, str):
        stripped = value.strip()
        return stripped if is_storable_id(stripped) else None
    number = None if isinstance(value, bool) else integer(value)
    return None if number is None else str(number)


def required_id(raw: Mapping[str, object], name: str = "id") -> str:
    """Return the id of a record; raise `InvalidResponse` where it is missing, or cannot be stored."""
    found = identifier(raw.get(name))
    if found is None:
        raise InvalidResponse("Omneo's answer has no id where there should be one, or one that cannot be stored.")
    return found


def id_to_send(value: str) -> int | str:
    """Return an id as Omneo types it: a number where it is one, else the text as it is."""
    is_number = value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS and str(int(value)) == value
    return int(value) if is_number else value


def text(value: object, longest: int = LONGEST_TEXT) -> str:
    """Return a text that can be stored and shown, at most ``longest`` characters of it; empty where there is none."""
    if isinstance(value, str):
        return repaired(value, longest)
    return "" if value is None or isinstance(value, bool | list | dict) else repaired(str(value), longest)


def optional_text(value: object, longest: int = LONGEST_TEXT) -> str | None:
    """Return a text; None where there is none or only blanks."""
    return text(value, longest).strip() or None


def code(value: object) -> str | None:
    """Return a code that a till reads; None where there is none, or one so long that it would have to be cut."""
    found = optional_text(value, LONGEST_ID + 1)
    return found if found and len(found) <= LONGEST_ID else None


def flag(value: object, *, default: bool = False) -> bool:
    """Read a boolean: true, "true", 1 and "1" are true, null and missing are ``default``, the rest is false."""
    if value is None:
        return default
    return str(value).strip().lower() in {"true", "1"}


def decimal(value: object) -> Decimal | None:
    """Read an exact number; None where there is none, or one with so many digits that it is no amount."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and _is_short(number) else None


def _is_short(number: Decimal) -> bool:
    _, digits, exponent = number.as_tuple()
    return len(digits) <= _LONGEST_NUMBER and isinstance(exponent, int) and abs(exponent) <= _LONGEST_NUMBER


def integer(value: object) -> int | None:
    """Read a whole number; None where there is none, or one of more than 18 digits."""
    if type(value) is int and -_TOO_LARGE < value < _TOO_LARGE:  # nearly always
        return value
    number = decimal(value)
    if number is None or number.adjusted() >= _MOST_DIGITS or number != number.to_integral_value():
        return None
    return int(number)


def count(value: object) -> int | None:
    """Read how many there are: at least 0, and no more than the ledger can store; None where Omneo does not say."""
    number = integer(value)
    return None if number is None else min(max(number, 0), _MOST_COUNTED)


def moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """Read an aware time in UTC; a time without offset is wall-clock time in ``zone``, a date alone its midnight.

    None for a time that no clock of a shop shows, such as one in the year 1 or 9999.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
        utc = (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # MySQL's 0000-00-00, or a year out of range
        return None
    return utc if _FIRST_YEAR <= utc.year <= _LAST_YEAR else None


def wall_clock(at: datetime, zone: tzinfo) -> str:
    """Write ``at`` as ``YYYY-MM-DD HH:MM:SS`` in ``zone``, the format of requests (Omneo facts 1.5)."""
    if at.tzinfo is None:
        raise ValueError("A time needs a time zone: pass an aware datetime.")
    return at.astimezone(zone).replace(tzinfo=None).isoformat(" ", "seconds")


def is_repeated(at: datetime, zone: tzinfo) -> bool:
    """Whether a clock in ``zone`` shows the time of ``at`` twice, as when daylight saving time ends."""
    local = at.astimezone(zone).replace(tzinfo=None)
    offsets = {local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    return len(offsets) > 1


def zone_named(name: object) -> ZoneInfo | None:
    """Find the IANA zone called ``name``; None where there is no such zone."""
    if not isinstance(name, str) or not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder, such as "America"
        return None
