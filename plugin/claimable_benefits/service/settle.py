"""Find out what became of uses and claims that are in doubt, and of redemptions whose order is not placed."""

from __future__ import annotations

import logging
from datetime import timedelta

from claimable_benefits import signals
from claimable_benefits.domain.lookup import Finding, Trace
from claimable_benefits.domain.shop import Order, OrderState
from claimable_benefits.domain.states import ClaimState, UseState
from claimable_benefits.errors import OmneoError, Overtaken
from claimable_benefits.ledger.claims import Claim, due_claims, move_claim, touch_claim
from claimable_benefits.ledger.outbox import find_delivery
from claimable_benefits.ledger.uses import Use, due_uses, move_use, touch_use
from claimable_benefits.service.backoff import wait
from claimable_benefits.service.context import Context
from claimable_benefits.service.look import look_for_claim, look_for_redemption
from claimable_benefits.service.redeem import redeemed
from claimable_benefits.service.submit import submit_in
from claimable_benefits.service.undo import begin_undo

_log = logging.getLogger("claimable_benefits")

# Absent is believed only after this many looks, all of them later than the settle window.
LOOKS = 2
BETWEEN_LOOKS = timedelta(seconds=10)
# What stays unclear this long will not clear up by itself.
UNCLEAR_FOR = timedelta(minutes=25)
ASK_AGAIN = timedelta(seconds=30)


def settle_uses(ctx: Context) -> int:
    """Look after uses whose request crashed or got no answer. Gives how many were settled."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        crashed = due_uses(connection, UseState.REDEEMING, now)
    for use in crashed:
        _doubt(ctx, use)
    with ctx.ledger.read() as connection:
        doubtful = due_uses(connection, UseState.IN_DOUBT, now)
    return sum(_settle(ctx, use) for use in doubtful)


def settle_claims(ctx: Context) -> int:
    """The same for claims."""
    now = ctx.clock()
    with ctx.ledger.read() as connection:
        due = due_claims(connection, ClaimState.CLAIMING, now) + due_claims(connection, ClaimState.IN_DOUBT, now)
    return sum(_settle_claim(ctx, claim) for claim in due)


def settle_unplaced(ctx: Context) -> int:
    """Ask the shop about redemptions whose order was not placed in time; gives how many were decided."""
    with ctx.ledger.read() as connection:
        due = due_uses(connection, UseState.REDEEMED, ctx.clock())
    return sum(_settle_unplaced(ctx, use) for use in due)


def order_of(ctx: Context, order_number: str | None) -> Order | None:
    """What the shop knows of an order; None where it does not know, or its loader fails."""
    if order_number is None:
        return None
    try:
        return ctx.order_loader(order_number)
    except Exception:  # noqa: BLE001 - the shop's own code may raise anything; not knowing is safe
        _log.exception("The order loader failed for order %s.", order_number)
        return None


def _doubt(ctx: Context, use: Use) -> None:
    try:
        with ctx.ledger.write() as connection:
            why = ctx.because("worker", "the process that redeemed it is gone")
            move_use(connection, use, UseState.IN_DOUBT, why, attempts=0)
    except Overtaken:
        return  # it was alive after all


def _settle(ctx: Context, use: Use) -> bool:
    try:
        finding = look_for_redemption(ctx, use)
    except OmneoError as error:
        return _look_later(ctx, use, f"could not look: {error}", wait(use.attempts + 2))
    try:
        return _believe(ctx, use, finding)
    except Overtaken:
        return False


def _believe(ctx: Context, use: Use, finding: Finding) -> bool:
    age = ctx.clock() - (use.sent_at or use.updated_at)
    if finding.trace is Trace.FOUND and finding.found_id:
        to = UseState.CONSUMED if use.channel != "checkout" else UseState.REDEEMED
        redeemed(ctx, use, finding.found_id, "worker", "found at Omneo", to=to)
        return True
    if finding.trace is Trace.UNCLEAR:
        if age < UNCLEAR_FOR:
            return _look_later(ctx, use, "another use at the same time: unclear whose", ASK_AGAIN)
        with ctx.ledger.write() as connection:
            move_use(connection, use, UseState.NEEDS_A_PERSON, ctx.because("worker", "unclear whose redemption it is"))
        return True
    if age < ctx.timing.settle:
        return _look_later(ctx, use, "not there yet", min(ctx.timing.settle - age, BETWEEN_LOOKS))
    if use.attempts + 1 < LOOKS:
        return _look_later(ctx, use, "not there after the settle window", BETWEEN_LOOKS, attempts=use.attempts + 1)
    with ctx.ledger.write() as connection:
        move_use(connection, use, UseState.RELEASED, ctx.because("worker", "settled: Omneo never applied it"))
    return True


def _look_later(ctx: Context, use: Use, note: str, after: timedelta, **changes: object) -> bool:
    now = ctx.clock()
    try:
        with ctx.ledger.write() as connection:
            touch_use(connection, use, now, due_at=now + after, note=note, **changes)
    except Overtaken:
        pass
    return False


def _settle_claim(ctx: Context, claim: Claim) -> bool:
    now = ctx.clock()
    try:
        finding = look_for_claim(ctx, claim)
    except OmneoError as error:
        return _look_for_claim_later(ctx, claim, f"could not look: {error}", wait(claim.attempts + 2))
    if finding.trace is Trace.FOUND:
        return _move_claim(ctx, claim, ClaimState.CLAIMED, "found at Omneo", benefit_id=finding.found_id)
    if now - claim.sent_at < ctx.timing.settle:
        return _look_for_claim_later(ctx, claim, "not there yet", BETWEEN_LOOKS)
    if claim.attempts + 1 < LOOKS:
        return _look_for_claim_later(ctx, claim, "not there", BETWEEN_LOOKS, attempts=claim.attempts + 1)
    return _move_claim(ctx, claim, ClaimState.ABANDONED, "settled: Omneo never applied it")


def _move_claim(ctx: Context, claim: Claim, to: ClaimState, reason: str, **changes: object) -> bool:
    try:
        with ctx.ledger.write() as connection:
            moved = move_claim(connection, claim, to, ctx.because("worker", reason), **changes)
    except Overtaken:
        return False
    if to is ClaimState.CLAIMED:
        ctx.tell(signals.benefit_claimed, claim=moved)
    return True


def _look_for_claim_later(ctx: Context, claim: Claim, note: str, after: timedelta, **changes: object) -> bool:
    now = ctx.clock()
    try:
        with ctx.ledger.write() as connection:
            touch_claim(connection, claim, now, due_at=now + after, note=note, **changes)
    except Overtaken:
        pass
    return False


def _settle_unplaced(ctx: Context, use: Use) -> bool:
    order = order_of(ctx, use.order_number)
    state = order.state if order else OrderState.UNKNOWN
    age = ctx.clock() - (use.redeemed_at or use.updated_at)
    if order and state is OrderState.PAID:
        return _placed(ctx, use, order)
    if state is OrderState.CANCELLED or (state is OrderState.OPEN and age >= ctx.timing.order_grace):
        begun = begin_undo(ctx, use, actor="worker", reason=f"order {use.order_number} is {state}")
        return begun is not None and _release_lease(ctx, begun)
    return _look_later(ctx, use, f"order {use.order_number} is {state}", ASK_AGAIN)


def _placed(ctx: Context, use: Use, order: Order) -> bool:
    """The shop says the order is paid: with this use, or placed without it while it was in doubt."""
    with ctx.ledger.read() as connection:
        delivery = find_delivery(connection, order.number)
    if delivery and delivery.use_id != use.use_id:
        begun = begin_undo(ctx, use, actor="worker", reason=f"order {order.number} was placed without it")
        return begun is not None and _release_lease(ctx, begun)
    if order.transaction is None:
        return _look_later(ctx, use, f"order {order.number} is paid, but the shop gives no transaction", ASK_AGAIN)
    with ctx.ledger.write() as connection:
        submit_in(ctx, order.transaction, connection, actor="worker")
    return True


def _release_lease(ctx: Context, use: Use) -> bool:
    """Leave the undo itself to the next step of this worker."""
    with ctx.ledger.write() as connection:
        touch_use(connection, use, ctx.clock(), lease_until=None)
    return True
