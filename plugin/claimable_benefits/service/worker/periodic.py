"""What the worker does periodically: note that it runs, probe the tenant once, reconcile once a day."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from weakref import WeakSet

from claimable_benefits.errors import OmneoError
from claimable_benefits.ledger import Ledger, key_values
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations.doctor import NOT_FILTERED
from claimable_benefits.service.operations.reconcile import reconcile
from claimable_benefits.service.operations.repair import repair

_log = logging.getLogger("claimable_benefits")
RECONCILED = "reconciled until"
_DUE = "reconciliation due at"
_NOTED_EVERY = timedelta(seconds=30)
_EVERY = timedelta(days=1)
# Long enough for a day's orders; where the process dies, another one starts again after it.
_LEASE = timedelta(hours=1)
# What has just happened is not delivered yet.
_IN_FLIGHT = timedelta(minutes=10)
_probed: WeakSet[Ledger] = WeakSet()


def run_periodic(ctx: Context) -> int:
    """Run what is due only sometimes; give how many disagreements reconciliation has left."""
    if ctx.stopping():
        return 0
    _note_turn(ctx)
    _probe_once(ctx)
    return reconcile_daily(ctx)


def reconcile_daily(ctx: Context) -> int:
    """Reconcile once a day, in one of the processes; give how many disagreements are left.

    The first time is a day after the first turn. Every disagreement is one warning in the log.
    """
    if ctx.reconcile == "off":
        return 0
    since = _lease_period(ctx)
    if since is None:
        return 0
    now = ctx.clock()
    report = reconcile(ctx, since, now - _IN_FLIGHT)
    if ctx.reconcile == "repair":
        repaired = repair(ctx, report, actor="worker")
        report = repaired.left
        for sentence in repaired.done:
            _log.info("Reconciliation: %s", sentence)
    for one in report.found:
        _log.warning("Reconciliation: %s (%s)", one.sentence, one.code)
    with ctx.ledger.write() as connection:
        key_values.set_value(connection, _DUE, (now + _EVERY).isoformat(), ctx.clock())
        key_values.set_value(connection, RECONCILED, report.until.isoformat(), ctx.clock())
    return len(report.found)


def _lease_period(ctx: Context) -> datetime | None:
    """Lease the day's reconciliation; give the start of its period, None where it is not due or another has it."""
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
    return datetime.fromisoformat(until) if until else now - _EVERY - _IN_FLIGHT


def _note_turn(ctx: Context) -> None:
    """Note the turn, with at most two writes a minute, so that the doctor can say whether a worker is running."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        noted = key_values.get_value(connection, key_values.LAST_TURN)
    if noted is None or abs(now - datetime.fromisoformat(noted)) >= _NOTED_EVERY:
        with ctx.ledger.write() as connection:
            key_values.set_value(connection, key_values.LAST_TURN, now.isoformat(), now)


def _probe_once(ctx: Context) -> None:
    """Ask once per process, outside of any request, whether the tenant filters by our references."""
    if ctx.ledger in _probed:
        return
    _probed.add(ctx.ledger)
    try:
        if ctx.omneo.filters_by_reference() is False:
            _log.warning(NOT_FILTERED)
    except OmneoError as error:
        _log.info("Omneo could not be asked whether it filters by our references: %s", error)
