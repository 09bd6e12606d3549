"""Claim a benefit: turn a claimable definition into one that the shopper holds.

The same three steps as a redemption: commit the intent, call Omneo, commit the outcome. Without them a lost answer
or a second click could claim the same benefit twice.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

from claimable_benefits import signals
from claimable_benefits.domain.benefits import Definition
from claimable_benefits.domain.evidence import Evidence
from claimable_benefits.domain.policy import Place
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import CLAIM_MOVES, ClaimState
from claimable_benefits.errors import (
    ConflictError,
    Declined,
    LedgerUnavailable,
    NotApplied,
    OmneoError,
    OutcomeUnknown,
    Rejected,
)
from claimable_benefits.ledger import claims as ledger_claims
from claimable_benefits.ledger.claims import Claim, add_claim, move_claim, touch_claim
from claimable_benefits.service.account.wallet_view import Wallet, cached_wallet, read_wallet
from claimable_benefits.service.context import Context, shopper_actor
from claimable_benefits.service.lookup import look_up_claim

_log = logging.getLogger("claimable_benefits")


@dataclass(frozen=True, slots=True)
class Claimed:
    """The outcome of a claim. ``already``: nothing changed; ``confirmed`` is False while the claim is in doubt."""

    name: str
    already: bool = False
    confirmed: bool = True


def claim(ctx: Context, shopper: Shopper, handle: str, claim_id: str) -> Claimed:
    """Claim the definition ``handle``. ``claim_id`` comes from the form, so a second click claims nothing.

    Raises `Declined` (``not_claimable``, ``loyalty_unavailable``) and `OmneoError` where the benefits cannot be read.
    """
    if known := _find_own(ctx, shopper, claim_id):
        return _repeated_outcome(known)
    if theirs := _held_already(ctx, shopper, handle):
        return theirs
    wallet = read_wallet(ctx, shopper)
    definition = wallet.definition(handle)
    if definition is None:
        return _not_claimable(ctx, wallet, handle)
    if Place.CLAIM in ctx.policy(handle).used_at:  # the page was rendered before the policy changed
        sentence = f"{definition.name} is used as soon as it is claimed. Please open your benefits again."
        raise Declined("not_claimable", sentence)
    try:
        intended = _record_intent(ctx, shopper, wallet.profile_id or "", definition, claim_id)
    except ConflictError:
        return Claimed(definition.name, already=True, confirmed=False)
    return _send(ctx, intended, definition, shopper_actor(shopper))


def _held_already(ctx: Context, shopper: Shopper, handle: str) -> Claimed | None:
    """Answer from a fresh cached wallet that has a benefit which is claimed once and for all; else None.

    Whoever clicks again and again must not make Omneo give the same lists each time.
    """
    wallet = cached_wallet(ctx, shopper)
    held = wallet.holds(handle) if wallet and wallet.definition(handle) is None else None
    return Claimed(held.name, already=True) if held and not held.definition.is_reclaimable else None


def _find_own(ctx: Context, shopper: Shopper, claim_id: str) -> Claim | None:
    with ctx.ledger.read() as connection:
        known = ledger_claims.find_claim(connection, claim_id)
    return known if known and known.customer_id == shopper.customer_id else None


def _repeated_outcome(known: Claim) -> Claimed:
    if known.state is ClaimState.REFUSED:
        raise Declined("not_claimable", f"{known.name} cannot be claimed any more.")
    if known.state is ClaimState.ABANDONED:
        raise Declined("loyalty_unavailable", f"{known.name} was not claimed. Please try once more.")
    return Claimed(known.name, already=True, confirmed=known.state is ClaimState.CLAIMED)


def _not_claimable(ctx: Context, wallet: Wallet, handle: str) -> Claimed:
    if held := wallet.holds(handle):
        return Claimed(held.name, already=True)
    if wallet.profile_id is not None:
        with ctx.ledger.read() as connection:
            under_way = ledger_claims.live_claims_of(connection, wallet.profile_id)
        if names := [item.name for item in under_way if item.definition_handle == handle]:
            return Claimed(names[0], already=True, confirmed=False)
    raise Declined("not_claimable", "This benefit cannot be claimed any more.")


def _record_intent(ctx: Context, shopper: Shopper, profile_id: str, definition: Definition, claim_id: str) -> Claim:
    audit = ctx.audit(shopper_actor(shopper), "claimed on the account page")
    with ctx.ledger.write() as connection:
        return add_claim(
            connection,
            audit,
            claim_id=claim_id,
            reference=f"{ctx.reference_prefix}-{claim_id}",
            customer_id=shopper.customer_id,
            profile_id=profile_id,
            definition_id=definition.id,
            definition_handle=definition.handle,
            name=definition.name,
            sent_at=audit.at,
            lease_until=audit.at + ctx.timing.lease,
        )


def _send(ctx: Context, intended: Claim, definition: Definition, actor: str) -> Claimed:
    try:
        with ctx.omneo.within(ctx.timing.answer_seconds):
            benefit = ctx.omneo.claim(intended.profile_id, definition, reference=intended.reference)
    except NotApplied as error:
        _handle_not_applied(ctx, intended, actor, error)
        sentence = f"We could not reach the loyalty programme, so {intended.name} was not claimed. Please try again."
        raise Declined("loyalty_unavailable", sentence) from error
    except Rejected as error:
        _record(ctx, intended, ClaimState.REFUSED, actor, "Omneo refused it", note=str(error))
        raise Declined("not_claimable", f"{intended.name} cannot be claimed any more.") from error
    except OutcomeUnknown as error:
        return _handle_unknown(ctx, intended, actor, error)
    return _record_claimed(ctx, intended, actor, "Omneo issued it", benefit.id)


def _handle_not_applied(ctx: Context, intended: Claim, actor: str, error: OmneoError) -> None:
    """As far as is known, 401, 403 and 429 are answered before Omneo's own code runs; a sweep checks it later."""
    sweep_at = None if error.status is None else ctx.clock() + ctx.timing.sweep_gaps[0]
    reason = "Omneo was not reached"
    _record(ctx, intended, ClaimState.ABANDONED, actor, reason, note=str(error), sweep_at=sweep_at)


def _handle_unknown(ctx: Context, intended: Claim, actor: str, error: OmneoError) -> Claimed:
    lease = ctx.clock() + ctx.timing.lease
    reason = "no answer from Omneo"
    try:
        doubtful = _move(ctx, intended, ClaimState.IN_DOUBT, actor, reason, note=str(error), lease_until=lease)
        if found := _poll_briefly(ctx, doubtful):
            return _record_claimed(ctx, doubtful, actor, "found at Omneo after a lost answer", found)
        with ctx.ledger.write() as connection:
            touch_claim(connection, doubtful, ctx.clock(), lease_until=None)
    except (ConflictError, LedgerUnavailable):
        _log.info("Claim %s is left to the worker.", intended.claim_id)
    return Claimed(intended.name, confirmed=False)


def _poll_briefly(ctx: Context, doubtful: Claim) -> str | None:
    try:
        for pause in ctx.timing.brief_polls:
            ctx.sleep(pause)
            with ctx.omneo.within(ctx.timing.lookup_seconds):
                finding = look_up_claim(ctx, doubtful)
            if finding.evidence is Evidence.FOUND:
                return finding.found_id
    except OmneoError:
        return None  # the lookup failed too: the worker resolves it later
    return None


def _record_claimed(ctx: Context, intended: Claim, actor: str, reason: str, benefit_id: str | None) -> Claimed:
    moved = _record(ctx, intended, ClaimState.CLAIMED, actor, reason, benefit_id=benefit_id, note=None)
    if moved is not None:
        ctx.send_signal(signals.benefit_claimed, claim=moved)
    return Claimed(intended.name)


def _record(ctx: Context, intended: Claim, to: ClaimState, actor: str, reason: str, **changes: object) -> Claim | None:
    """Commit a definite answer, however late. None where it is recorded already, or the ledger is unavailable."""
    current: Claim | None = intended
    with suppress(LedgerUnavailable):  # the row says that the claim was sent: the worker resolves it
        while current is not None and to in CLAIM_MOVES[current.state]:
            with suppress(ConflictError):
                return _move(ctx, current, to, actor, reason, **changes)
            with ctx.ledger.read() as connection:
                current = ledger_claims.find_claim(connection, intended.claim_id)
    return None


def _move(ctx: Context, known: Claim, to: ClaimState, actor: str, reason: str, **changes: object) -> Claim:
    with ctx.ledger.write() as connection:
        return move_claim(connection, known, to, ctx.audit(actor, reason), **changes)
