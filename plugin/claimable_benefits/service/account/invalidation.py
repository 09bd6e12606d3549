"""Hear that something has changed at Omneo. It is a hint and no more: what is shown is always read anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from claimable_benefits.ledger import customer_version
from claimable_benefits.service.context import Context

_DEEPEST = 6
_MOST = 20  # profiles in one message: a merge names two


def handle_webhook(ctx: Context, event: str, body: bytes) -> int:
    """Forget what is remembered of every profile that a webhook's body names; gives how many there are.

    Nothing else of it is believed, so a message that is late, repeated or out of order does no harm (Omneo facts 12.2).
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    named = list(dict.fromkeys(_profiles(told, event)))[:_MOST]
    for profile_id in named:
        invalidate_profile(ctx, profile_id)
    return len(named)


def invalidate_profile(ctx: Context, profile_id: str) -> None:
    """Have the profile's wallet read anew, by every process over this ledger."""
    with ctx.ledger.write() as connection:
        customer_version.invalidate_profile(connection, profile_id, ctx.clock())
    ctx.wallets.forget(profile_id)


def _profiles(told: Any, event: str) -> Iterator[str]:
    """Every id that may be a profile's: the exact JSON of the messages is published nowhere."""
    if event.startswith("profile.") and isinstance(told, dict):
        yield from _ids(told.get("id"))
    yield from _named(told, 0)


def _named(told: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(told, list):
        for one in told[:100]:
            yield from _named(one, depth + 1)
    if not isinstance(told, dict):
        return
    for name, value in told.items():
        if name.endswith("profile_id"):
            yield from _ids(value)
        elif name == "profile" and isinstance(value, dict):
            yield from _ids(value.get("id"))
        yield from _named(value, depth + 1)


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= 255:
        yield str(value)
