"""Form tokens: a button works for one shopper, one action, one benefit, and for a while.

Each token carries a number made here. It becomes the claim's or the use's own id, so a second click on the same button
ends in the same row of the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from binascii import hexlify
from functools import lru_cache
from os import urandom
from typing import cast
from uuid import UUID

from flask import current_app
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
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

    def __init__(self) -> None:
        self._stamp = b"." + base64_encode(int_to_bytes(int(time.time())))
        self._mac = _mac(_keys())

    def finish(self, begun: bytes) -> str:
        """A token for the button that `begin_token` was asked for, with a number and a moment of its own."""
        value = urlsafe_b64encode(begun + hexlify(urandom(16)) + b'"]').rstrip(b"=") + self._stamp
        mac = self._mac.copy()
        mac.update(value)
        return (value + b"." + urlsafe_b64encode(mac.digest()).rstrip(b"=")).decode()


def begin_token(customer_id: str, action: str, subject: str) -> bytes:
    """What all tokens of one button have in common, so that it is put together once."""
    return json.dumps([customer_id, action, subject, ""], separators=(",", ":"))[:-2].encode()


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
    return _serializer_with(_keys())


def _keys() -> tuple[str | bytes, ...]:
    """The newest key stands last: it signs, and the older ones still open what they signed."""
    app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - werkzeug's documented way
    if not app.secret_key:
        raise SettingsError("SECRET_KEY", "is not set.", "Set it to a long random text; sessions need it as well.")
    return (*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key)


@lru_cache(maxsize=16)
def _serializer_with(keys: tuple[str | bytes, ...]) -> URLSafeTimedSerializer:
    # A mint relies on sha1, which is what itsdangerous takes by itself; in an HMAC it is as good as ever.
    return URLSafeTimedSerializer(
        cast("list[str]", list(keys)), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha1}
    )


@lru_cache(maxsize=16)
def _mac(keys: tuple[str | bytes, ...]) -> hmac.HMAC:
    serializer = _serializer_with(keys)
    return hmac.new(serializer.make_signer(serializer.salt).derive_key(), digestmod="sha1")
