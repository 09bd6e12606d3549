"""References of uses that are redeemed for an order: the shop can make them again when its ledger has forgotten them.

A reference is the prefix, a readable part of the order number for people, the number of the attempt, and a signature.
The signature is an HMAC over prefix, order number and attempt, with a key that only this shop has. So a redemption that
carries such a reference is this shop's and belongs to that order, whatever the ledger knows. Another shop with the same
prefix and the same order numbers makes other signatures.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

# An order is rarely redeemed for more than twice: each attempt after the first follows a refusal or a lost answer.
MOST_ATTEMPTS = 5
# With the longest prefix, 66 characters: Omneo documents no length of an external id (Omneo facts 17).
_READABLE = 24
_SIGNATURE_BYTES = 10
_PURPOSE = b"claimable_benefits: reference of an order"


def reference_key(secret: bytes | str) -> bytes:
    """Derive the key of the signatures from the app's secret key."""
    raw = secret.encode() if isinstance(secret, str) else secret
    return hmac.digest(raw, _PURPOSE, "sha256")


def order_reference(key: bytes, prefix: str, order_number: str, attempt: int) -> str:
    """Make the reference of an order's attempt; the first is 1. It holds letters, digits and dashes only."""
    signed = "\0".join((prefix, order_number, str(attempt)))
    signature = hmac.new(key, signed.encode("utf-8", "surrogatepass"), sha256).digest()[:_SIGNATURE_BYTES]
    parts = (prefix, _readable(order_number), str(attempt), base64.b32encode(signature).decode().lower())
    return "-".join(part for part in parts if part)


def order_of_reference(key: bytes, prefix: str, reference: str, order_numbers: Iterable[str]) -> str | None:
    """Find which of ``order_numbers`` a reference was made for; None where it was made for none of them, or elsewhere.

    The readable part is tried as an order number, too: most numbers are short and plain.
    """
    begins = f"{prefix}-"
    if not reference.startswith(begins):
        return None
    readable, _, attempt = reference.removeprefix(begins).rpartition("-")[0].rpartition("-")
    if not re.fullmatch(r"[1-9][0-9]{0,2}", attempt):
        return None
    for number in dict.fromkeys([readable, *order_numbers]):
        if number and hmac.compare_digest(order_reference(key, prefix, number, int(attempt)), reference):
            return number
    return None


def _readable(order_number: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", order_number).strip("-")[:_READABLE].strip("-")
