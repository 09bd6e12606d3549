"""The endpoint of Omneo's webhooks: a signed message says that something changed, and nothing else is believed."""

from __future__ import annotations

import hashlib
import hmac

from flask import abort, request
from flask.typing import ResponseReturnValue

from claimable_benefits.web.current import context, services, settings

_LARGEST = 512 * 1024  # an event holds a whole profile and its order's lines


def webhook() -> ResponseReturnValue:
    """Take a message: 204 for any content, 401 where it is not signed with ``OMNEO_WEBHOOK_SECRET``, 413 if too large.

    No token and no session is needed: the signature proves the sender (Omneo facts 12.2), in hex, over the raw bytes.
    """
    secret = settings().webhook_secret.reveal()
    if not secret:
        abort(404)
    if request.content_length is None or request.content_length > _LARGEST:
        abort(413)
    request.max_content_length = _LARGEST
    body = request.get_data(cache=False)
    signature = request.headers.get("x-omneo-hmac-sha256", "")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.strip().lower().encode()):
        abort(401)
    services().handle_webhook(context(), request.headers.get("x-omneo-event", ""), body)
    return "", 204
