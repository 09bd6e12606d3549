"""The endpoint of Omneo's webhooks: a signed message says that something changed, and nothing else is believed."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from flask import abort, current_app, request
from flask.typing import ResponseReturnValue

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.web.current import context, services, settings

_LARGEST = 512 * 1024  # an event holds a whole profile and its order's lines
# A message carries no time, so its signature stays valid for ever (Omneo facts 12.2). A wallet is shown for longer than
# this without a message, so a second change with the same body is seen as early as without webhooks.
_REPEATED_WITHIN = timedelta(seconds=30)
# In the app's extensions: when each message was last handled. Each process has its own, as a write of each is harmless.
_HANDLED = "claimable_benefits.webhooks"


def webhook() -> ResponseReturnValue:
    """Take a message: 204 for any content, 401 where it is not signed with ``OMNEO_WEBHOOK_SECRET``, 413 if too large.

    No token and no session is needed: the signature proves the sender (Omneo facts 12.2), in hex, over the raw bytes.
    A message that repeats another of the last half minute does nothing.
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
    event = request.headers.get("x-omneo-event", "")
    handled: LruCache[datetime] = current_app.extensions.setdefault(_HANDLED, LruCache(entries=1000, weight=1000))
    # The name of the event is not signed, and all that it decides is whether it is about a profile.
    key, now = (expected, event.startswith("profile.")), context().clock()
    last = handled.get(key)
    if last is None or not timedelta(0) <= now - last < _REPEATED_WITHIN:
        services().handle_webhook(context(), event, body)
        handled.put(key, now, 1)
    return "", 204
