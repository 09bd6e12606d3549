"""Find out what became of uses that are in doubt: look, wait, look again, then believe it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from claimable_benefits.domain.evidence import Finding, Trace
from claimable_benefits.domain.resolution import UNCLEAR_FOR, after_absence
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import OmneoError, Overtaken
from claimable_benefits.ledger.uses import Use, add_use, due_uses, move_use, touch_use
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.lookup import look_for_redemption
from claimable_benefits.service.redemption.execution import found

_COPIED = (
    *("customer_id", "profile_id", "benefit_id", "definition_handle", "name", "code", "instructions"),
    *("cart_id", "order_number", "baseline_remaining", "held_until", "sent_at", "slot"),
)


def settle_uses(ctx: Context) -> int:
    """Look after uses whose request crashed or got no answer. Gives how many were settled."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        crashed = due_uses(connection, UseState.REDEEMING, now)
    for use in crashed:
        _doubt(ctx, use)
    with ctx.ledger.read() as connection:
        doubtful = due_uses(connection, UseState.IN_DOUBT, now)
    return sum(_settle(ctx, use) for use in ctx.until_stopping(doubtful))


def look_later(ctx: Context, use: Use, note: str, after: timedelta, **changes: object) -> bool:
    """Note why nothing was decided, and when to look again. Always False: nothing was settled."""
    now = ctx.clock()
    with suppress(Overtaken), ctx.ledger.write() as connection:
        touch_use(connection, use, now, due_at=now + after, lease_until=None, note=note, **changes)
    return False


def give_extras_back(ctx: Context, use: Use, redemption_ids: tuple[str, ...]) -> None:
    """One attempt makes one redemption. What else bears its reference gets a row of its own, which is undone."""
    because = ctx.because("worker", f"a second redemption of use {use.use_id}")
    for redemption_id in redemption_ids:
        use_id = str(uuid4())
        copied = {name: getattr(use, name) for name in _COPIED}
        with suppress(Overtaken), ctx.ledger.write() as connection:  # another worker has given it a row already
            add_use(
                connection,
                because,
                state=UseState.UNDOING,
                use_id=use_id,
                reference=f"{ctx.reference_prefix}-{use_id}",
                channel="extra",
                redemption_id=redemption_id,
                redeemed_at=because.at,
                **copied,
            )


def _doubt(ctx: Context, use: Use) -> None:
    with suppress(Overtaken), ctx.ledger.write() as connection:  # it was alive after all
        why = ctx.because("worker", "the process that redeemed it is gone")
        move_use(connection, use, UseState.IN_DOUBT, why, attempts=0)


def _settle(ctx: Context, use: Use) -> bool:
    try:
        leased = _lease(ctx, use)
        finding = look_for_redemption(ctx, leased)
    except Overtaken:
        return False
    except OmneoError as error:
        return look_later(ctx, leased, f"could not look: {error}", wait(use.attempts + 2))
    with suppress(Overtaken):
        return _believe(ctx, leased, finding)
    return False


def _lease(ctx: Context, use: Use) -> Use:
    now = ctx.clock()
    with ctx.ledger.write() as connection:
        return touch_use(connection, use, now, lease_until=now + ctx.timing.lease)


def _believe(ctx: Context, use: Use, finding: Finding) -> bool:
    if finding.trace is Trace.FOUND:
        settled = _found(ctx, use, finding)
        give_extras_back(ctx, settled, finding.extra_ids)
        return True
    age = ctx.clock() - (use.sent_at or use.updated_at)
    if finding.trace is Trace.UNCLEAR:
        return _unclear(ctx, use, age)
    patience = after_absence(age, use.attempts, ctx.timing.settle, ctx.timing.between_looks)
    if patience.again_in is not None:
        return look_later(ctx, use, "not at Omneo yet", patience.again_in, attempts=patience.looks)
    because = ctx.because("worker", "settled: Omneo never applied it")
    with ctx.ledger.write() as connection:
        sweep_at = because.at + ctx.timing.sweep_gaps[0]
        move_use(connection, use, UseState.RELEASED, because, attempts=0, sweep_at=sweep_at)
    return True


def _found(ctx: Context, use: Use, finding: Finding) -> Use:
    if use.channel != "checkout":
        return found(ctx, use, finding, "worker", "found at Omneo", to=UseState.CONSUMED)
    if use.order_number is not None:
        return found(ctx, use, finding, "worker", "found at Omneo", to=UseState.REDEEMED)
    because = ctx.because("worker", "found at Omneo, when its order had gone on without it")
    facts = {"redemption_id": finding.found_id, "redeemed_at": because.at, "attempts": 0, "note": because.reason}
    with ctx.ledger.write() as connection:
        return move_use(connection, use, UseState.UNDOING, because, **facts)


def _unclear(ctx: Context, use: Use, age: timedelta) -> bool:
    if age < UNCLEAR_FOR:
        return look_later(ctx, use, "another use at the same time: unclear whose", ctx.timing.ask_again)
    with ctx.ledger.write() as connection:
        because = ctx.because("worker", "unclear whose redemption it is")
        move_use(connection, use, UseState.NEEDS_A_PERSON, because, note=because.reason)
    return True
