"""What the worker does now and then: say that it is there, look once at the tenant, reconcile once a day."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from weakref import WeakSet

from claimable_benefits.errors import OmneoError
from claimable_benefits.ledger import Ledger, key_values
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations.reconcile import reconcile
from claimable_benefits.service.operations.repair import repair

_log = logging.getLogger("claimable_benefits")
RECONCILED = "reconciled until"
_DUE = "reconciliation due at"
_TOLD_EVERY = timedelta(seconds=30)
_EVERY = timedelta(days=1)
# Long enough for a day's orders; where the process dies, another one begins anew after it.
_LEASE = timedelta(hours=1)
# What has just happened is still under way.
_SETTLED = timedelta(minutes=10)
_examined: WeakSet[Ledger] = WeakSet()

UNHEEDED = (
    "Omneo does not filter redemptions by our reference: a lost answer is settled by the uses left and the profile's "
    "recent redemptions, and waits for a person where a till used the same benefit at that moment."
)


def run_periodic(ctx: Context) -> int:
    """The part of a turn that is seldom due; gives how many disagreements were found."""
    if ctx.stopping():
        return 0
    _note_turn(ctx)
    _examine_once(ctx)
    return reconcile_daily(ctx)


def reconcile_daily(ctx: Context) -> int:
    """Reconcile where a day has passed; one process of the fleet does it. Gives how many disagreements are left.

    The first time is a day after the first turn. Every finding is one warning in the log.
    """
    if ctx.reconcile == "off":
        return 0
    since = _take(ctx)
    if since is None:
        return 0
    now = ctx.clock()
    report = reconcile(ctx, since, now - _SETTLED)
    if ctx.reconcile == "repair":
        mended = repair(ctx, report, actor="worker")
        report = mended.left
        for sentence in mended.done:
            _log.info("Reconciliation: %s", sentence)
    for one in report.found:
        _log.warning("Reconciliation: %s (%s)", one.sentence, one.code)
    with ctx.ledger.write() as connection:
        key_values.set_value(connection, _DUE, (now + _EVERY).isoformat(), ctx.clock())
        key_values.set_value(connection, RECONCILED, report.until.isoformat(), ctx.clock())
    return len(report.found)


def _take(ctx: Context) -> datetime | None:
    """Lease the day's reconciliation; the start of its period, or None where it is not due, or another's."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        due_at, until = key_values.get_value(connection, _DUE), key_values.get_value(connection, RECONCILED)
    if due_at is not None and datetime.fromisoformat(due_at) > now:
        return None
    span = _EVERY if due_at is None else _LEASE
    with ctx.ledger.write() as connection:
        is_ours = key_values.compare_and_set_value(connection, _DUE, due_at, (now + span).isoformat(), now)
        if due_at is None and is_ours:
            key_values.set_value(connection, RECONCILED, (now - _EVERY).isoformat(), now)
    if due_at is None or not is_ours:
        return None
    return datetime.fromisoformat(until) if until else now - _EVERY - _SETTLED


def _note_turn(ctx: Context) -> None:
    """So that the doctor can say whether a worker is running, at two writes a minute."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        told = key_values.get_value(connection, key_values.LAST_TURN)
    if told is None or abs(now - datetime.fromisoformat(told)) >= _TOLD_EVERY:
        with ctx.ledger.write() as connection:
            key_values.set_value(connection, key_values.LAST_TURN, now.isoformat(), now)


def _examine_once(ctx: Context) -> None:
    """Once per process, away from any request: does the tenant heed our references?"""
    if ctx.ledger in _examined:
        return
    _examined.add(ctx.ledger)
    try:
        if ctx.omneo.filters_by_reference() is False:
            _log.warning(UNHEEDED)
    except OmneoError as error:
        _log.info("Whether Omneo filters by our references could not be asked: %s", error)
