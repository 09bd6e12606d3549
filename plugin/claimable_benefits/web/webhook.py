"""Where Omneo's webhooks arrive: signed, small, and believed in nothing but that something has changed."""

from __future__ import annotations

import hashlib
import hmac

from flask import abort, request
from flask.typing import ResponseReturnValue

from claimable_benefits.web.current import context, services, settings

_LARGEST = 512 * 1024  # an event tells all of a profile, and its order's lines


def webhook() -> ResponseReturnValue:
    """Take a message; 204 whatever it says, 401 where it is not signed with ``OMNEO_WEBHOOK_SECRET``.

    There is no token and no session here: the signature says who speaks (Omneo facts 12.2), in hex, over the raw bytes.
    """
    secret = settings().webhook_secret.reveal()
    if not secret:
        abort(404)
    if request.content_length is None or request.content_length > _LARGEST:
        abort(413)
    request.max_content_length = _LARGEST
    body = request.get_data(cache=False)
    told = request.headers.get("x-omneo-hmac-sha256", "")
    meant = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(meant.encode(), told.strip().lower().encode()):
        abort(401)
    services().handle_webhook(context(), request.headers.get("x-omneo-event", ""), body)
    return "", 204
