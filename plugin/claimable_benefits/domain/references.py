"""Order numbers, and the external ids that stand for them at Omneo."""

from __future__ import annotations

import re
from hashlib import sha256

from claimable_benefits.domain.values import text_id

# Omneo documents neither length nor letters of an external id (Omneo facts 17). Paths contain it too, where servers
# misread an escaped slash or dots; and a database that folds case or accents would confuse two ids.
_PLAIN = re.compile(
    r"(?!\.+$)[A-Za-z0-9!#$&'()*+,.:;=@_~-](?:[A-Za-z0-9 !#$&'()*+,.:;=@_~-]{0,189}[A-Za-z0-9!)*=@_~-])?"
)
_READABLE = 120
_LONGEST = 600  # a database with an index on it stores no more than 2,700 bytes


def order_number_of(value: object, field: str = "order_number") -> str:
    """Return an order number as text. Raises `InvalidValue` for one that no database can keep."""
    return text_id(value, field, what="order number", longest=_LONGEST)


def external_id_of(order_number: str, prefix: str = "") -> str:
    """Return the order's external id: prefix and number; where that is long or unusual, a readable part and a digest.

    An external id is its own external id.
    """
    order_number = f"{prefix}{order_number}"
    if _PLAIN.fullmatch(order_number):
        return order_number
    readable = re.sub(r"[^A-Za-z0-9]+", "-", order_number).strip("-")[:_READABLE]
    digest = sha256(order_number.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable}-{digest}" if readable else digest
