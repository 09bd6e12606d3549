"""Work on rows one by one, so that a row that raises stops no other row, and a step that raises stops no other step.

A row that raises what nobody expected is set aside: it gets a note and is due again later, each time after a longer
pause. After `MOST_FAILURES` it waits for a person, where its state allows that. A database that cannot be used is no
fault of a row: `LedgerUnavailable` ends the turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar
from weakref import WeakKeyDictionary

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.states import USE_MOVES, DeliveryState, UseState
from claimable_benefits.errors import ConflictError, LedgerUnavailable
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.claims import Claim, find_claim, touch_claim
from claimable_benefits.ledger.db_errors import words
from claimable_benefits.ledger.outbox import Delivery, finish_delivery, note_verified
from claimable_benefits.ledger.uses import Use, find_use, move_use, touch_use
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context

Row = TypeVar("Row")
T = TypeVar("T")
Work = Callable[[Context, Row], T]
SetAside = Callable[[Context, Row, str], None]

_log = logging.getLogger("claimable_benefits")
# With the pauses, some 25 minutes: longer than a deployment that is rolled back.
MOST_FAILURES = 10
_LONGEST = timedelta(hours=1)
# What is logged with its traceback already: one is enough for what fails every second.
_reported: WeakKeyDictionary[Ledger, LruCache[bool]] = WeakKeyDictionary()


def each_row(ctx: Context, rows: Iterable[Row], work: Work[Row, object], set_aside: SetAside[Row]) -> int:
    """Work on ``rows`` until this process is stopping; return for how many ``work`` gave something true."""
    return sum(bool(one_row(ctx, row, work, set_aside)) for row in ctx.until_stopping(rows))


def one_row(ctx: Context, row: Row, work: Work[Row, T], set_aside: SetAside[Row]) -> T | None:
    """Return what ``work`` gives; None where another worker was faster, or where the row raised and is set aside.

    Raises `LedgerUnavailable`.
    """
    try:
        return work(ctx, row)
    except ConflictError:
        return None
    except LedgerUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this row, the others are worked on
        name = f"{_name(work)} {_key(row)}"
        _report(ctx, name, error, "A row of the benefits worker failed and is set aside")
        try:
            set_aside(ctx, row, f"unexpected: {type(error).__name__}: {words(error)}")
        except ConflictError:
            pass
        except LedgerUnavailable:
            raise
        except Exception as problem:  # noqa: BLE001 - the row stays as it is
            _report(ctx, f"setting aside {name}", problem, "A row of the benefits worker could not be set aside")
    return None


def one_step(ctx: Context, step: Callable[[Context], int]) -> int:
    """Return what ``step`` gives; 0 where it raised. Raises `LedgerUnavailable`."""
    try:
        done = step(ctx)
    except LedgerUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this step, the others follow
        _report(ctx, step.__name__, error, "A step of the benefits worker failed")
        return 0
    _reported_of(ctx).drop(step.__name__)
    return done


def set_use_aside(ctx: Context, use: Use, note: str) -> None:
    """Make a use due again later; after many failures it waits for manual review where its state allows that."""
    with ctx.ledger.write() as connection:
        current = find_use(connection, use.use_id)
        if current is None or current.state is not use.state:
            return
        failures, now = current.failures + 1, ctx.clock()
        if failures >= MOST_FAILURES and UseState.MANUAL_REVIEW in USE_MOVES[current.state]:
            _log.error("Use %s waits for manual review: %s", use.use_id, note)
            move_use(connection, current, UseState.MANUAL_REVIEW, ctx.audit("worker", note), note=note, sweep_at=None)
            return
        later = {"failures": failures, "note": note, "lease_until": None, "due_at": now + wait(failures, _LONGEST)}
        touch_use(connection, current, now, **later)


def set_swept_use_aside(ctx: Context, use: Use, note: str) -> None:
    """Sweep a use later; after many failures its sweep ends, and it waits for manual review where it can."""
    with ctx.ledger.write() as connection:
        current = find_use(connection, use.use_id)
        if current is None or current.state is not use.state:
            return
        failures, now = current.failures + 1, ctx.clock()
        if failures < MOST_FAILURES:
            touch_use(connection, current, now, failures=failures, sweep_at=now + wait(failures, _LONGEST))
        elif UseState.MANUAL_REVIEW in USE_MOVES[current.state]:
            _log.error("Use %s waits for manual review: %s", use.use_id, note)
            move_use(connection, current, UseState.MANUAL_REVIEW, ctx.audit("worker", note), note=note, sweep_at=None)
        else:
            _log.error("Use %s is not looked up any more: %s", use.use_id, note)
            touch_use(connection, current, now, failures=failures, sweep_at=None, note=note)


def set_claim_aside(ctx: Context, claim: Claim, note: str) -> None:
    """Make a claim due again later, in the end once an hour: it may not be claimed again while it is in doubt."""
    with ctx.ledger.write() as connection:
        current = find_claim(connection, claim.claim_id)
        if current is not None and current.state is claim.state:
            failures, now = current.failures + 1, ctx.clock()
            later = {"failures": failures, "note": note, "lease_until": None, "due_at": now + wait(failures, _LONGEST)}
            touch_claim(connection, current, now, **later)


def set_swept_claim_aside(ctx: Context, claim: Claim, note: str) -> None:
    """Sweep a claim later; after many failures its sweep ends."""
    with ctx.ledger.write() as connection:
        current = find_claim(connection, claim.claim_id)
        if current is not None and current.state is claim.state:
            failures, now = current.failures + 1, ctx.clock()
            sweep_at = now + wait(failures, _LONGEST) if failures < MOST_FAILURES else None
            touch_claim(connection, current, now, failures=failures, sweep_at=sweep_at, note=note)


def set_delivery_aside(ctx: Context, delivery: Delivery, note: str) -> None:
    """Deliver a leased delivery later; after many failures it is stopped, and waits for a person."""
    failures = delivery.failures + 1
    is_stopped = failures >= MOST_FAILURES
    to = DeliveryState.STOPPED if is_stopped else DeliveryState.DUE
    audit = ctx.audit("worker", note)
    changes = {"attempts": delivery.attempts + 1, "failures": failures, "due_at": audit.at + wait(failures, _LONGEST)}
    if is_stopped:
        _log.error("The delivery of order %s is stopped: %s", delivery.order_number, note)
    with ctx.ledger.write() as connection:
        finish_delivery(connection, delivery, to, audit, note=note, **changes)


def set_verified_aside(ctx: Context, delivery: Delivery, note: str) -> None:
    """Read a delivered transaction back later; after many failures not any more."""
    failures = delivery.failures + 1
    again_at = ctx.clock() + wait(failures, _LONGEST) if failures < MOST_FAILURES else None
    if again_at is None:
        _log.error("The transaction of order %s is not read back any more: %s", delivery.order_number, note)
    with ctx.ledger.write() as connection:
        note_verified(connection, delivery, again_at=again_at, failures=failures)


def _name(work: object) -> str:
    """The name of a function, of one with arguments as well: ``deliver``."""
    named = getattr(work, "func", work)
    return str(getattr(named, "__name__", named)).strip("_")


def _key(row: object) -> str:
    names = ("use_id", "claim_id", "order_number")
    return next((str(getattr(row, name)) for name in names if hasattr(row, name)), "")


def _report(ctx: Context, name: str, error: Exception, problem: str) -> None:
    ctx.failed.append(name)
    reported = _reported_of(ctx)
    is_new = reported.get(name) is None
    reported.put(name, True, 1)
    if is_new:
        _log.error("%s (%s): %s", problem, name, words(error), exc_info=error)
    else:
        _log.debug("%s (%s): %s", problem, name, words(error))


def _reported_of(ctx: Context) -> LruCache[bool]:
    return _reported.setdefault(ctx.ledger, LruCache(entries=1000, weight=1000))
