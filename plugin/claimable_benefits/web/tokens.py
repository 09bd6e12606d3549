"""Form tokens: a button works for one shopper, one action, one benefit, and for a while.

Each token carries a number made here. It becomes the claim's or the use's own id, so a second click on the same button
ends in the same row of the ledger.
"""

from __future__ import annotations

import json
from typing import cast
from uuid import UUID, uuid4

from flask import current_app
from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode, int_to_bytes

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import SettingsError
from claimable_benefits.web import texts
from claimable_benefits.web.refusals import FormRefused

_SALT = "claimable-benefits-form"


class Mint:
    """Makes the tokens of one page, all of one moment. Raises `SettingsError` where the app has no secret key.

    They are what the serializer's ``dumps`` would make; the key is derived once, because a page may have many.
    """

    def __init__(self, shopper: Shopper) -> None:
        serializer = _serializer()
        self._customer_id = shopper.customer_id
        self._signer = signer = cast(TimestampSigner, serializer.make_signer(serializer.salt))
        self._key = signer.derive_key()
        self._stamp = b"." + base64_encode(int_to_bytes(signer.get_timestamp()))

    def token(self, action: str, subject: str) -> str:
        """A token for one button."""
        content = json.dumps([self._customer_id, action, subject, uuid4().hex], separators=(",", ":"))
        value = base64_encode(content) + self._stamp
        return (value + b"." + base64_encode(self._signer.algorithm.get_signature(self._key, value))).decode()


def read_token(token: str, shopper: Shopper, action: str, subject: str, *, minutes: int, way_on: str) -> str:
    """The number (a UUID) inside a token of ours. Raises `FormRefused` for any other."""
    if not token:
        raise FormRefused(texts.NO_TOKEN, link=way_on)
    try:
        customer_id, *bound, number = _serializer().loads(token, max_age=minutes * 60)
    except SignatureExpired:
        raise FormRefused(texts.STALE, link=way_on) from None
    except (BadData, ValueError, TypeError):
        raise FormRefused(texts.NO_TOKEN, link=way_on) from None
    if [customer_id, *bound] != [shopper.customer_id, action, subject]:
        raise FormRefused(texts.NOT_THIS, link=way_on)
    return str(UUID(number))


def _serializer() -> URLSafeTimedSerializer:
    if not current_app.secret_key:
        raise SettingsError("SECRET_KEY", "is not set.", "Set it to a long random text; sessions need it as well.")
    # The newest key stands last: it signs, and the older ones still open what they signed.
    keys = [*(current_app.config.get("SECRET_KEY_FALLBACKS") or ()), current_app.secret_key]
    return URLSafeTimedSerializer(keys, salt=_SALT)
