"""Raise an alarm where Omneo shows newer work of this shop than its ledger knows: an older copy was restored.

The worker looks once in each process, in its first turn that reaches Omneo, and never while an app starts. It looks
back to the last turn that the ledger holds: in a restored copy, one from before the copy was made.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary, WeakSet

from claimable_benefits.domain.reconcile import ForgottenRedemption
from claimable_benefits.domain.shop import Order
from claimable_benefits.errors import OmneoError
from claimable_benefits.ledger import Ledger, key_values
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations.memory_alarm import raise_alarm
from claimable_benefits.service.operations.repeated_reads import RepeatedReads
from claimable_benefits.service.operations.unowned import find_unowned

_log = logging.getLogger("claimable_benefits")
_MARGIN = timedelta(minutes=10)
# A ledger without a turn is new, or was lost. What happened in a longer standstill, reconciliation finds.
_NEW = timedelta(days=1)
_LONGEST = timedelta(days=7)
# A look reads much, so where Omneo's answer stays unreadable the pauses grow.
_AGAIN_AFTER, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=6)
_next_look: WeakKeyDictionary[Ledger, tuple[datetime, datetime, timedelta]] = WeakKeyDictionary()
_done: WeakSet[Ledger] = WeakSet()


def look_for_forgotten_work(ctx: Context) -> None:
    """Look once per process; where Omneo cannot be asked, in a later turn. Call it before the turn is noted."""
    now = ctx.clock()
    if ctx.ledger in _done:
        return
    since, due_at, pause = _next_look.get(ctx.ledger) or (_last_turn(ctx, now), now, _AGAIN_AFTER)
    if due_at > now:
        return
    _next_look[ctx.ledger] = since, now + pause, min(pause * 2, _LONGEST_PAUSE)
    try:
        forgotten = _forgotten(ctx, since, now)
    except OmneoError as error:
        _log.info("Omneo could not be asked for work that the ledger does not know: %s", error)
        return
    _done.add(ctx.ledger)
    if forgotten:
        _raise_alarm(ctx, since, forgotten)


def _last_turn(ctx: Context, now: datetime) -> datetime:
    with ctx.ledger.read() as connection:
        noted = key_values.get_value(connection, key_values.LAST_TURN)
    seen = datetime.fromisoformat(noted) if noted else now - _NEW
    return max(min(seen, now), now - _LONGEST) - _MARGIN


def _forgotten(ctx: Context, since: datetime, until: datetime) -> list[ForgottenRedemption]:
    """Find what is forgotten; what cannot be read hides nothing that is found. Raises `OmneoError`."""
    orders: dict[str, Order | None] = {order.number: order for order in ctx.orders_loader(since, until) or ()}
    found = find_unowned(ctx, RepeatedReads(ctx, pauses=()), since, until, orders)
    forgotten = [found.forgotten[one.id] for one in found.redemptions if one.id in found.forgotten]
    if found.unread and not forgotten:
        raise next(iter(found.unread.values()))
    return forgotten


def _raise_alarm(ctx: Context, since: datetime, forgotten: list[ForgottenRedemption]) -> None:
    numbers = ", ".join(sorted({one.order_number for one in forgotten})[:5])
    sentence = (
        f"Omneo has {len(forgotten)} redemptions of this shop that the ledger does not know (orders {numbers}): an "
        "older copy of the database may have been restored. Run: flask benefits reconcile --repair"
    )
    _log.error(sentence)
    raise_alarm(ctx, since, sentence)
