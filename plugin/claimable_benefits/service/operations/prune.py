"""Prune the ledger: dropped holds after a day, and what is finished after the days that the shop wants to keep it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from claimable_benefits.ledger.retention.pruning import Pruned, prune_ended, prune_unsent_holds
from claimable_benefits.service.context import Context

_UNSENT_FOR = timedelta(days=1)
_AT_ONCE = 500  # rows of one transaction, so that a checkout never waits long for it
Prune = Callable[..., Pruned]


def prune(ctx: Context) -> Pruned:
    """Delete what is finished and old; return how many rows. Nothing that waits is deleted.

    Holds that were never sent go a day after they were dropped; the rest only where the shop has set how many days it
    is kept. Raises `LedgerUnavailable`.
    """
    now = ctx.clock()
    pruned = _in_steps(ctx, prune_unsent_holds, now - _UNSENT_FOR)
    if ctx.keep is not None:
        pruned += _in_steps(ctx, prune_ended, now - ctx.keep)
    return pruned


def _in_steps(ctx: Context, some: Prune, before: datetime) -> Pruned:
    pruned, step = Pruned(), Pruned(uses=1)
    while step and not ctx.stopping():
        with ctx.ledger.write() as connection:
            step = _step(some, connection, before, ctx.clock())
        pruned += step
    return pruned


def _step(some: Prune, connection: Connection, before: datetime, now: datetime) -> Pruned:
    return some(connection, before, now, limit=_AT_ONCE)
