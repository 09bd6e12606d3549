"""Form tokens: a button works for one shopper, one action, one benefit, and for a while.

Each token carries a number made here. It becomes the claim's or the use's own id, so a second click on the same button
ends in the same row of the ledger.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from flask import current_app
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import SettingsError
from claimable_benefits.web import texts
from claimable_benefits.web.refusals import FormRefused

_SALT = "claimable-benefits-form"


def mint_token(shopper: Shopper, action: str, subject: str) -> str:
    """A token for one button. Raises `SettingsError` where the app has no secret key."""
    return str(_serializer().dumps([shopper.customer_id, action, subject, uuid4().hex]))


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
