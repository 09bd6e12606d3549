"""Form tokens: a button works for one shopper, one action, one benefit, and for a limited time.

A token has two parts. The page's part holds the shopper, a random number and the time; it is signed once for all the
buttons of a page. The button's part is a signature of shopper, action and subject, the same on every page. Both are for
one audience: an app with another tenant or another ledger refuses them, even with the same secret key and a shopper of
the same id. Number and button together make the id of the claim or use, so a second click on a button ends in the same
row of the ledger.
"""

from __future__ import annotations

import hashlib
import json
from secrets import token_hex
from typing import cast
from uuid import UUID

from flask import current_app
from itsdangerous import BadSignature, SignatureExpired, Signer, TimestampSigner

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import SettingsError
from claimable_benefits.web.current import context
from claimable_benefits.web.http_errors import NO_TOKEN, NOT_THIS, STALE, FormRefused

# Each salt names what is signed, so that neither signature can stand in for the other or for the session's.
_PAGE_SALT, _BUTTON_SALT = "claimable-benefits page token", "claimable-benefits button"
_NUMBER_LENGTH = 32  # hexadecimal digits of the random number


def page_token(customer_id: str) -> str:
    """Make the part that all buttons of a page share. Raises `SettingsError` where the app has no secret key.

    `itsdangerous.URLSafeTimedSerializer` would do the same, but it compresses each value with zlib first: it takes 115
    microseconds, its signer alone 9 (least of 15 turns of 300), and a whole bare page 360.
    """
    return _page_signer().sign(token_hex(_NUMBER_LENGTH // 2) + _owner(customer_id)).decode()


def button_signature(customer_id: str, action: str, subject: str) -> str:
    """Make the part of one button; ``subject`` is a benefit id or a handle."""
    return _button_signer().get_signature(_button(customer_id, action, subject)).decode()


def read_token(token: str, shopper: Shopper, action: str, subject: str, *, minutes: int, way_on: str) -> str:
    """Return the number (a UUID) of the button that ``token`` is for.

    Raises `FormRefused`, with ``way_on`` as its link, for a token that is not ours, is older than ``minutes``, or is
    for another shopper, action or subject.
    """
    page, _, signature = token.rpartition(".")
    try:
        signed = _page_signer().unsign(page, max_age=minutes * 60).decode()
    except SignatureExpired:
        raise FormRefused(STALE, link=way_on) from None
    except BadSignature:
        raise FormRefused(NO_TOKEN, link=way_on) from None
    number, owner = signed[:_NUMBER_LENGTH], signed[_NUMBER_LENGTH:]
    button = _button(shopper.customer_id, action, subject)
    if owner != _owner(shopper.customer_id) or not _button_signer().verify_signature(button, signature):
        raise FormRefused(NOT_THIS, link=way_on)
    return str(UUID(bytes=hashlib.sha256(button + bytes.fromhex(number)).digest()[:16], version=4))


def _button(customer_id: str, action: str, subject: str) -> bytes:
    return json.dumps([*_audience(), customer_id, action, subject]).encode()


def _owner(customer_id: str) -> str:
    return hashlib.sha256(json.dumps([*_audience(), customer_id]).encode()).hexdigest()[:32]


def _audience() -> tuple[str, str]:
    """Return the tenant and the key of the shop; raises `LedgerUnavailable` where neither was ever read."""
    shop = context().ledger.shop
    return (shop.tenant, shop.key)


def _page_signer() -> TimestampSigner:
    return TimestampSigner(_secret_keys(), salt=_PAGE_SALT)


def _button_signer() -> Signer:
    return Signer(_secret_keys(), salt=_BUTTON_SALT)


def _secret_keys() -> list[str]:
    """Return the app's keys, oldest first: the last one signs, and every one verifies."""
    if not current_app.secret_key:
        raise SettingsError("SECRET_KEY", "is not set.", "Set it to a long random text; sessions need it as well.")
    keys = [*(current_app.config.get("SECRET_KEY_FALLBACKS") or ()), current_app.secret_key]
    return cast("list[str]", keys)
