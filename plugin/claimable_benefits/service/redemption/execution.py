"""Send a use whose intent is committed, and commit the outcome: one place for every kind of answer.

==========================================  ===================================================================
answer                                      what becomes of the use
==========================================  ===================================================================
success, with an id                         redeemed, or consumed where no order follows
a definite no (404, 409, 422 …)             refused; sent once more where the profile was merged into another one
nothing was sent                            held as before; a use without a cart is released
401, 403, 429                               released, and held again under a new reference; as far as is known Omneo
                                            sends these before its own code runs, so the sweep checks the old one
anything else                               in doubt: look it up while the shopper waits, then leave it to the worker
==========================================  ===================================================================

The answer may come late, after the lease has ended and a worker has begun to resolve the use: it still decides.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import NoReturn

from claimable_benefits import signals
from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.evidence import Evidence, Finding
from claimable_benefits.domain.states import UNANSWERED_USES, UseState
from claimable_benefits.errors import (
    ConflictError,
    Declined,
    LedgerUnavailable,
    NotApplied,
    OmneoError,
    OutcomeUnknown,
    Rejected,
)
from claimable_benefits.ledger.uses import Use, find_use, move_use, touch_use
from claimable_benefits.service.context import Context
from claimable_benefits.service.holds.slots import repeat_hold
from claimable_benefits.service.lookup import look_up_redemption
from claimable_benefits.service.redemption.merged_profile import follow_merged_profile

_log = logging.getLogger("claimable_benefits")

_TRIES = 5
_SUCCESS = (UseState.REDEEMED, UseState.CONSUMED)


def execute(ctx: Context, use: Use, actor: str, *, then: UseState, is_first: bool = True) -> Use:
    """Ask Omneo for the redemption. Give the use where it is redeemed; raise `Declined` in every other case.

    ``is_first`` is False for the one request after a merge of profiles.
    """
    try:
        with ctx.omneo.within(ctx.timing.answer_seconds):
            redemption = _redeem(ctx, use)
    except NotApplied as error:
        _handle_not_applied(ctx, use, actor, error)
    except Rejected as error:
        if is_first and (moved := _follow_merged_profile(ctx, use, actor, error)):
            return execute(ctx, moved, actor, then=then, is_first=False)
        _record_refusal(ctx, use, actor, error)
    except OutcomeUnknown as error:
        return _handle_unknown(ctx, use, actor, error, then=then)
    return _record_success(ctx, use, redemption.id, actor, then=then, **_claimed_benefit(use, redemption))


def record_redeemed(
    ctx: Context, use: Use, redemption_id: str, actor: str, reason: str, *, to: UseState, **more: str
) -> Use:
    """Commit the success and send the signal. Raises `ConflictError` where the use has moved meanwhile."""
    audit = ctx.audit(actor, reason)
    facts: dict[str, object] = {"redemption_id": redemption_id, "redeemed_at": audit.at, "note": None, **more}
    if to is UseState.REDEEMED:
        facts["due_at"] = audit.at + ctx.timing.placed_within
    if use.state is UseState.IN_DOUBT:
        facts["sweep_at"] = audit.at + ctx.timing.sweep_gaps[0]
    with ctx.ledger.write() as connection:
        use = move_use(connection, use, to, audit, **facts)
    ctx.send_signal(signals.benefit_redeemed, use=use)
    return use


def _follow_merged_profile(ctx: Context, use: Use, actor: str, refusal: Rejected) -> Use | None:
    """As `follow_merged_profile`. Where that cannot be read, the benefit stays held: it may still be there."""
    try:
        return follow_merged_profile(ctx, use, refusal)
    except OmneoError as error:
        _handle_not_applied(ctx, use, actor, error)
    except LedgerUnavailable:
        raise _not_confirmed(use) from None


def _redeem(ctx: Context, use: Use) -> Redemption:
    if use.channel == "claim":
        return ctx.omneo.claim_and_redeem(use.profile_id, use.definition_handle, reference=use.reference)
    return ctx.omneo.redeem(
        use.profile_id, use.benefit_id, reference=use.reference, at=ctx.clock(), handle=use.definition_handle
    )


def _claimed_benefit(use: Use, redemption: Redemption) -> dict[str, str]:
    """The benefit that a claim made, for a use that claims and redeems in one call."""
    return {"benefit_id": redemption.benefit_ids[0]} if use.channel == "claim" and redemption.benefit_ids else {}


def _record_success(ctx: Context, use: Use, redemption_id: str, actor: str, *, then: UseState, **more: str) -> Use:
    """Commit a success, however late it came."""
    current: Use | None = use
    try:
        for _ in range(_TRIES):
            if current is None or current.state not in UNANSWERED_USES:
                break
            with suppress(ConflictError):
                return record_redeemed(ctx, current, redemption_id, actor, "Omneo redeemed it", to=then, **more)
            current = _reread(ctx, use)
    except LedgerUnavailable:
        # Omneo has it and the ledger cannot record it: the row says that it was sent, so the worker resolves it.
        _log.exception("The redemption %s of use %s is not recorded yet.", redemption_id, use.use_id)
        raise _not_confirmed(use) from None
    if current and current.redemption_id == redemption_id and current.state in _SUCCESS:
        return current  # the worker found it first
    _roll_back_late_success(ctx, current, redemption_id, actor)
    raise _not_confirmed(use)


def _roll_back_late_success(ctx: Context, use: Use | None, redemption_id: str, actor: str) -> None:
    """Roll a late redemption back: the shop has already answered that it failed."""
    if use is None or use.redemption_id is not None or use.state not in (UseState.RELEASED, UseState.REFUSED):
        return
    audit = ctx.audit(actor, "Omneo's answer came after the use was resolved")
    with suppress(ConflictError), ctx.ledger.write() as connection:
        move_use(connection, use, UseState.ROLLING_BACK, audit, redemption_id=redemption_id, redeemed_at=audit.at)


def _handle_not_applied(ctx: Context, use: Use, actor: str, error: OmneoError) -> NoReturn:
    was_sent = error.status is not None
    try:
        with suppress(ConflictError):
            _restore_hold(ctx, use, actor, error, was_sent=was_sent)
    except LedgerUnavailable:
        raise _not_confirmed(use) from None
    raise unavailable(use.use_id, use.name)


def unavailable(use_id: str, name: str) -> Declined:
    """Say that nothing was sent or applied, and that the shopper may try again."""
    return Declined(
        "loyalty_unavailable",
        f"We could not reach the loyalty programme, so {name} was not used. Please try again, or carry on without it.",
        use_id=use_id,
    )


def _restore_hold(ctx: Context, use: Use, actor: str, error: OmneoError, *, was_sent: bool) -> None:
    audit = ctx.audit(actor, "Omneo was not reached")
    note = str(error)
    if use.channel == "checkout" and not was_sent:
        try:
            with ctx.ledger.write() as connection:
                move_use(connection, use, UseState.HELD, audit, sent_at=None, order_number=None, note=note)
        except ConflictError:  # the shopper has applied another benefit to this cart meanwhile
            pass
        else:
            return
    sweep_at = audit.at + ctx.timing.sweep_gaps[0] if was_sent else None
    with ctx.ledger.write() as connection:
        released = move_use(connection, use, UseState.RELEASED, audit, note=note, sweep_at=sweep_at)
    if use.channel == "checkout":
        with suppress(ConflictError), ctx.ledger.write() as connection:
            repeat_hold(ctx, connection, released, audit)


def _record_refusal(ctx: Context, use: Use, actor: str, error: Rejected) -> NoReturn:
    current: Use | None = use
    with suppress(LedgerUnavailable):  # the worker finds nothing at Omneo, and releases it
        for _ in range(_TRIES):
            if current is None or current.state not in UNANSWERED_USES:
                break
            with suppress(ConflictError):
                audit = ctx.audit(actor, "Omneo refused it")
                with ctx.ledger.write() as connection:
                    refused = move_use(connection, current, UseState.REFUSED, audit, note=str(error))
                ctx.send_signal(signals.benefit_refused, use=refused, reason=error.message)
                break
            current = _reread(ctx, use)
    raise Declined(
        "benefit_gone", f"{use.name} is not available any more: it was used or ended meanwhile.", use_id=use.use_id
    )


def _handle_unknown(ctx: Context, use: Use, actor: str, error: OmneoError, *, then: UseState) -> Use:
    audit = ctx.audit(actor, "no answer from Omneo")
    try:
        with ctx.ledger.write() as connection:
            lease = audit.at + ctx.timing.lease
            use = move_use(connection, use, UseState.IN_DOUBT, audit, note=str(error), lease_until=lease)
        if finding := _poll_briefly(ctx, use):
            return record_found(ctx, use, finding, actor, "found at Omneo after a lost answer", to=then)
        return _hand_over_to_worker(ctx, use)
    except ConflictError:  # the worker was faster
        return _hand_over_to_worker(ctx, use)
    except LedgerUnavailable:
        _log.exception("Use %s is left to the worker.", use.use_id)
        raise _not_confirmed(use) from None


def _hand_over_to_worker(ctx: Context, use: Use) -> Use:
    """Leave the use to the worker and raise `Declined`; return the use where the worker has resolved it meanwhile.

    The order continues without the benefit, so the use gives up its order number: a redemption that is found later
    belongs to no order, and is rolled back.
    """
    current: Use | None = use
    for _ in range(_TRIES):
        if current is None or current.state is not UseState.IN_DOUBT:
            break
        with suppress(ConflictError), ctx.ledger.write() as connection:
            touch_use(connection, current, ctx.clock(), lease_until=None, due_at=None, order_number=None)
            break
        current = _reread(ctx, use)
    if current and current.state in _SUCCESS:
        return current
    raise _not_confirmed(use)


def record_found(ctx: Context, use: Use, finding: Finding, actor: str, reason: str, *, to: UseState) -> Use:
    """Commit what a lookup has found. Raises `ConflictError` where the use has moved meanwhile."""
    more = {"benefit_id": finding.benefit_id} if finding.benefit_id else {}
    return record_redeemed(ctx, use, finding.found_id or "", actor, reason, to=to, **more)


def _poll_briefly(ctx: Context, use: Use) -> Finding | None:
    """Look it up while the shopper waits; where the lookup fails too, the worker resolves it later."""
    try:
        for pause in ctx.timing.brief_polls:
            ctx.sleep(pause)
            with ctx.omneo.within(ctx.timing.lookup_seconds):
                finding = look_up_redemption(ctx, use)
            if finding.evidence is Evidence.FOUND:
                return finding
    except OmneoError:
        return None
    return None


def _reread(ctx: Context, use: Use) -> Use | None:
    with ctx.ledger.read() as connection:
        return find_use(connection, use.use_id)


def _not_confirmed(use: Use) -> Declined:
    return Declined(
        "not_confirmed",
        f"We could not confirm {use.name} with the loyalty programme. You can go on without it; "
        "if it turns out to be used, you get it back.",
        use_id=use.use_id,
    )
