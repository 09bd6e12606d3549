"""Handle webhooks: a webhook invalidates cached wallets, and the next page reads them again from Omneo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from claimable_benefits.domain.storable import is_storable_id
from claimable_benefits.ledger import customer_version
from claimable_benefits.service.context import Context

_DEEPEST = 6
_MOST = 20  # profiles in one message: a merge names two


def handle_webhook(ctx: Context, event: str, body: bytes) -> int:
    """Invalidate every profile that a webhook's body names; return their number.

    Nothing else in the body is used, so a late, repeated or reordered message does no harm (Omneo facts 12.2).
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    named = list(dict.fromkeys(_profiles(message, event)))[:_MOST]
    for profile_id in named:
        invalidate_profile(ctx, profile_id)
    return len(named)


def invalidate_profile(ctx: Context, profile_id: str) -> None:
    """Make every process on this ledger read the profile's wallet again from Omneo."""
    with ctx.ledger.write() as connection:
        customer_version.invalidate_profile(connection, profile_id, ctx.clock())
    ctx.wallets.forget(profile_id)


def _profiles(message: Any, event: str) -> Iterator[str]:
    """Find every id that may be a profile's: Omneo does not document the JSON of its messages."""
    if event.startswith("profile.") and isinstance(message, dict):
        yield from _ids(message.get("id"))
    yield from _named(message, 0)


def _named(node: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(node, list):
        for one in node[:100]:
            yield from _named(one, depth + 1)
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        if name.endswith("profile_id"):
            yield from _ids(value)
        elif name == "profile" and isinstance(value, dict):
            yield from _ids(value.get("id"))
        yield from _named(value, depth + 1)


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str | int) and not isinstance(value, bool) and is_storable_id(str(value)):
        yield str(value)
