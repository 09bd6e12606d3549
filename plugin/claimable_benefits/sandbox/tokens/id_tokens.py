"""The tokens of Omneo ID: JWTs signed with HMAC-SHA256 that name a profile and an end (Omneo facts 12.1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

ANONYMOUS = "null"  # the claim `pid` of a token that belongs to no profile is this word


def sign(profile_id: str, expires: int, key: bytes) -> str:
    """Return a token for a profile until a Unix time in seconds."""
    parts = [_pack({"alg": "HS256", "typ": "JWT"}), _pack({"pid": profile_id, "exp": expires})]
    text = ".".join(parts)
    return f"{text}.{_encode(_signature(text, key))}"


def profile_of(token: str, now: float, key: bytes) -> str | None:
    """Return the profile that a token names; None when it was not signed here or is over at the Unix time `now`."""
    text, _, signature = token.rpartition(".")
    header, _, claims = text.partition(".")
    try:
        if not hmac.compare_digest(_signature(text, key), _decode(signature)) or _unpack(header).get("alg") != "HS256":
            return None
        read = _unpack(claims)
    except (AttributeError, ValueError):
        return None
    return str(read["pid"]) if read["exp"] > now else None


def _signature(text: str, key: bytes) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _pack(claims: dict[str, Any]) -> str:
    return _encode(json.dumps(claims, separators=(",", ":")).encode())


def _unpack(part: str) -> Any:
    return json.loads(_decode(part))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError(part) from None
