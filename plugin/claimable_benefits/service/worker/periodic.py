"""What the worker does periodically: note that it runs, look for forgotten work and probe once, reconcile daily."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from weakref import WeakSet

from claimable_benefits.domain.reconcile import DisagreementCode
from claimable_benefits.errors import OmneoError
from claimable_benefits.ledger import Ledger, key_values
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations.doctor import NOT_FILTERED
from claimable_benefits.service.operations.prune import prune
from claimable_benefits.service.operations.reconcile import Report, reconcile
from claimable_benefits.service.operations.repair import repair
from claimable_benefits.service.worker.restored import look_for_forgotten_work

_log = logging.getLogger("claimable_benefits")
RECONCILED = "reconciled until"
_DUE = "reconciliation due at"
_PRUNE_DUE = "pruning due at"
_NOTED_EVERY = timedelta(seconds=30)
_EVERY = timedelta(days=1)
# Long enough for a day's orders; where the process dies, another one starts again after it.
_LEASE = timedelta(hours=1)
# What has just happened is not delivered yet.
_IN_FLIGHT = timedelta(minutes=10)
_LONGEST = timedelta(days=7)  # where a day could not be read, the next period holds it too, but not for ever
_MOST_UNOWNED = 10
_probed: WeakSet[Ledger] = WeakSet()


def run_periodic(ctx: Context) -> int:
    """Run what is due only sometimes; return how many disagreements reconciliation has left."""
    if ctx.stopping():
        return 0
    look_for_forgotten_work(ctx)
    _note_turn(ctx)
    _probe_once(ctx)
    prune_daily(ctx)
    return reconcile_daily(ctx)


def prune_daily(ctx: Context) -> None:
    """Prune the ledger once a day, in one of the processes."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        due_at = key_values.get_value(connection, _PRUNE_DUE)
    if due_at is not None and datetime.fromisoformat(due_at) > now:
        return
    with ctx.ledger.write() as connection:
        is_ours = key_values.compare_and_set_value(connection, _PRUNE_DUE, due_at, (now + _EVERY).isoformat(), now)
    if is_ours and (pruned := prune(ctx)):
        counts = (pruned.uses, pruned.claims, pruned.deliveries)
        _log.info("Pruned: %d uses, %d claims and %d delivered transactions.", *counts)


def reconcile_daily(ctx: Context) -> int:
    """Reconcile once a day, in one of the processes; return how many disagreements are left.

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
    _log_disagreements(report)
    with ctx.ledger.write() as connection:
        key_values.set_value(connection, _DUE, (now + _EVERY).isoformat(), ctx.clock())
        if not report.unread:  # else the next day's period begins where this one does
            key_values.set_value(connection, RECONCILED, report.until.isoformat(), ctx.clock())
    return len(report.found)


def _log_disagreements(report: Report) -> None:
    """Write one warning for each; of redemptions that may be a till's, the first few and their number."""
    unowned = [one for one in report.found if one.code is DisagreementCode.REDEMPTION_UNOWNED]
    for one in report.found:
        if one not in unowned[_MOST_UNOWNED:]:
            _log.warning("Reconciliation: %s (%s)", one.sentence, one.code)
    if (more := len(unowned) - _MOST_UNOWNED) > 0:
        _log.warning("Reconciliation: %d more redemptions may be ours or a till's. See: flask benefits reconcile", more)


def _lease_period(ctx: Context) -> datetime | None:
    """Lease the day's reconciliation; return the start of its period, None where it is not due or another has it."""
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
    since = datetime.fromisoformat(until) if until else now - _EVERY - _IN_FLIGHT
    return max(since, now - _LONGEST)


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
