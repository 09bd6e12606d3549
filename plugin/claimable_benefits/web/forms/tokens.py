"""Form tokens: a button works for one shopper, one action, one benefit, and for a while.

A token has two parts. The page's has the shopper, a number made here, and the moment; it is signed once for all the
buttons of a page. The button's is a seal on shopper, action and subject, the same on every page. Number and button
together make the claim's or the use's own id, so a second click on a button ends in the same row of the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from functools import lru_cache
from os import urandom
from typing import Any, cast
from uuid import UUID

from itsdangerous import BadData, SignatureExpired, Signer, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode, int_to_bytes

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import SettingsError
from claimable_benefits.web.current import this_app
from claimable_benefits.web.http_errors import FormRefused
from claimable_benefits.web.rendering import messages

_Keys = tuple[str | bytes, ...]
_PAGE, _BUTTON = "claimable-benefits-form", "claimable-benefits-button"
# What itsdangerous takes by itself, and in an HMAC it is as good as ever; `_mac_of` relies on it.
_DIGEST: dict[str, Any] = {"digest_method": hashlib.sha1}


def page_token(customer_id: str) -> str:
    """The part that all buttons of a page share. Raises `SettingsError` where the app has no secret key.

    It is what the serializer's ``dumps`` would make, in a third of the time: every page has one.
    """
    content = f'[{_quoted(customer_id)},"{urandom(16).hex()}"]'
    value = urlsafe_b64encode(content.encode()).rstrip(b"=") + b"." + _stamp(int(time.time()))
    return f"{value.decode()}.{_signed(_mac(_keys()), value)}"


@lru_cache(maxsize=1)
def _stamp(second: int) -> bytes:
    return base64_encode(int_to_bytes(second))


@lru_cache(maxsize=1024)
def _quoted(customer_id: str) -> str:
    return json.dumps(customer_id)


def seal(customer_id: str, action: str, subject: str) -> str:
    """The part of one button, with the dot before it."""
    return f".{_signed(_sealers_mac(_keys()), _button(customer_id, action, subject))}"


def read_token(token: str, shopper: Shopper, action: str, subject: str, *, minutes: int, way_on: str) -> str:
    """The number (a UUID) of the button that a token of ours is for. Raises `FormRefused` for any other token."""
    keys = _keys()
    page, _, sealed = token.rpartition(".")
    try:
        customer_id, number = _serializer(keys).loads(page, max_age=minutes * 60)
    except SignatureExpired:
        raise FormRefused(messages.STALE, link=way_on) from None
    except (BadData, ValueError, TypeError):
        raise FormRefused(messages.NO_TOKEN, link=way_on) from None
    button = _button(shopper.customer_id, action, subject)
    if customer_id != shopper.customer_id or not _sealer(keys).verify_signature(button, sealed):
        raise FormRefused(messages.NOT_THIS, link=way_on)
    return str(UUID(bytes=hashlib.sha256(button + bytes.fromhex(number)).digest()[:16], version=4))


def _keys() -> _Keys:
    """The newest key stands last: it signs, and the older ones still open what they signed."""
    app = this_app()
    if not app.secret_key:
        raise SettingsError("SECRET_KEY", "is not set.", "Set it to a long random text; sessions need it as well.")
    return (*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key)


def _signed(mac: hmac.HMAC, value: bytes) -> str:
    """As itsdangerous signs, without deriving the key anew."""
    mac = mac.copy()
    mac.update(value)
    return urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def _button(customer_id: str, action: str, subject: str) -> bytes:
    return json.dumps([customer_id, action, subject]).encode()


@lru_cache(maxsize=16)
def _serializer(keys: _Keys) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(cast("list[str]", list(keys)), salt=_PAGE, signer_kwargs=_DIGEST)


@lru_cache(maxsize=16)
def _mac(keys: _Keys) -> hmac.HMAC:
    serializer = _serializer(keys)
    return _mac_of(serializer.make_signer(serializer.salt))


@lru_cache(maxsize=16)
def _sealer(keys: _Keys) -> Signer:
    return Signer(cast("list[str]", list(keys)), salt=_BUTTON, **_DIGEST)


@lru_cache(maxsize=16)
def _sealers_mac(keys: _Keys) -> hmac.HMAC:
    return _mac_of(_sealer(keys))


def _mac_of(signer: Signer) -> hmac.HMAC:
    return hmac.new(signer.derive_key(), digestmod=hashlib.sha1)
