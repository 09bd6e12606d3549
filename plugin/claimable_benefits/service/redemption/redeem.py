"""Redeem a benefit at Omneo: for an order just before the money moves, or from the account page.

Always three steps: commit the intent, call Omneo outside any database transaction, commit the outcome. After a crash
at any point the row says what is in doubt, and no request is sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from sqlalchemy import Connection

from claimable_benefits.domain.benefits import Benefit
from claimable_benefits.domain.references import order_number_of
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UNANSWERED_USES, UseState
from claimable_benefits.errors import ConflictError, Declined, OmneoError
from claimable_benefits.ledger import uses as ledger_uses
from claimable_benefits.ledger.retention.tombstones import pruned_references
from claimable_benefits.ledger.uses import Use, move_use
from claimable_benefits.service.account.wallet_view import Wallet, read_wallet
from claimable_benefits.service.context import Context, shopper_actor
from claimable_benefits.service.holds.slots import take_slot
from claimable_benefits.service.redemption.execution import execute, unavailable

_SUCCESS = (UseState.REDEEMED, UseState.CONSUMED)


@dataclass(frozen=True, slots=True)
class Used:
    """A use from the account page. ``already``: this request repeats an earlier one."""

    use: Use
    already: bool = False


def redeem_for_order(ctx: Context, use_id: str, order_number: str, *, actor: str) -> Use:
    """Redeem a held use for an order; a repeated call for the same order gives the same use.

    Raises `Declined` before any money moves: ``no_longer_held``, ``benefit_gone`` (Omneo refused), ``not_confirmed``
    (no answer came) or ``loyalty_unavailable`` (nothing was applied, or nothing was sent as Omneo did not show what is
    left; the cart still holds the benefit). Raises `ValueError` for an order number that cannot be stored.
    """
    order_number = order_number_of(order_number)
    baseline = _baseline_of_hold(ctx, use_id)
    try:
        with ctx.ledger.write() as connection:
            use = ledger_uses.find_use(connection, use_id)
            is_first = use is not None and use.state is UseState.HELD
            if use and is_first:
                _roll_back_others(ctx, connection, order_number, actor)
                reason = f"order {order_number} is being placed"
                named = {"order_number": order_number, "reference": _new_reference(ctx, connection, order_number)}
                use = record_intent(ctx, connection, use, actor, reason, **named, **baseline)
    except ConflictError:  # another request was faster
        with ctx.ledger.read() as connection:
            use, is_first = ledger_uses.find_use(connection, use_id), False
    if use and is_first:
        return execute(ctx, use, actor, then=UseState.REDEEMED)
    return _await_first_request(ctx, use, order_number)


def use_from_account(ctx: Context, shopper: Shopper, benefit_id: str, use_id: str) -> Used:
    """Use a benefit from the account page. ``use_id`` comes from the form, so a second click uses nothing.

    Raises `Declined` like `redeem_for_order`, and `OmneoError` where the benefits cannot be read.
    """
    if known := find_use(ctx, shopper, use_id):
        return repeated_outcome(known)
    wallet = read_wallet(ctx, shopper)
    benefit = _account_benefit(wallet, benefit_id)
    return _use_now(ctx, shopper, wallet, benefit, use_id, channel="account", actor=shopper_actor(shopper))


def use_for_customer(ctx: Context, customer_id: str, benefit_id: str, use_id: str, *, actor: str) -> Used:
    """Record a use for a customer, wherever the policy says it is used: staff has seen it happen.

    Raises `Declined` like `redeem_for_order`, and `OmneoError` where the benefits cannot be read.
    """
    shopper = Shopper(customer_id)
    wallet = read_wallet(ctx, shopper)
    if not wallet.known:
        raise Declined("unknown_customer", f"Omneo does not know customer {customer_id!r}.")
    held = wallet.benefit(benefit_id)
    if held is None:
        raise Declined("unknown_benefit", f"Customer {customer_id} has no usable benefit {benefit_id}.")
    return _use_now(ctx, shopper, wallet, held.benefit, use_id, channel="store", actor=actor)


def find_use(ctx: Context, shopper: Shopper, use_id: str) -> Use | None:
    """Find the shopper's own use with that id; None for another shopper's."""
    with ctx.ledger.read() as connection:
        use = ledger_uses.find_use(connection, use_id)
    return use if use and use.customer_id == shopper.customer_id else None


def repeated_outcome(use: Use) -> Used:
    """Give a repeated request the outcome of the first one."""
    if use.state is UseState.REFUSED:
        raise Declined("benefit_gone", f"{use.name} could not be used: it is not available any more.")
    if use.state is UseState.RELEASED:
        raise Declined("loyalty_unavailable", f"{use.name} was not used. Please open the page again to try once more.")
    return Used(use, already=True)


def _use_now(
    ctx: Context, shopper: Shopper, wallet: Wallet, benefit: Benefit, use_id: str, *, channel: str, actor: str
) -> Used:
    baseline = _read_baseline(ctx, wallet.profile_id or "", benefit.id, use_id, benefit.name)
    audit = ctx.audit(actor, f"used: {channel}")
    try:
        with ctx.ledger.write() as connection:
            use = take_slot(
                ctx,
                connection,
                shopper,
                wallet.profile_id or "",
                benefit,
                audit,
                use_id=use_id,
                channel=channel,
                cart_id=f"{channel} {use_id}",
            )
            use = record_intent(ctx, connection, use, actor, audit.reason, **baseline)
    except ConflictError:
        if known := find_use(ctx, shopper, use_id):
            return repeated_outcome(known)
        sentence = f"{benefit.name} is being used elsewhere at this moment. Please try again."
        raise Declined("in_another_cart", sentence) from None
    return Used(execute(ctx, use, actor, then=UseState.CONSUMED))


def _account_benefit(wallet: Wallet, benefit_id: str) -> Benefit:
    held = wallet.benefit(benefit_id)
    if held is None:
        raise Declined("unknown_benefit", "This benefit is not available any more.")
    if not held.policy.from_account:
        raise Declined("not_used_here", f"{held.benefit.name} is not used from the account page.")
    return held.benefit


def record_intent(ctx: Context, connection: Connection, use: Use, actor: str, reason: str, **also: object) -> Use:
    """Record that the use is about to be sent; the caller commits, and only then sends it."""
    audit = ctx.audit(actor, reason)
    return move_use(
        connection,
        use,
        UseState.REDEEMING,
        audit,
        sent_at=audit.at,
        lease_until=audit.at + ctx.timing.lease,
        **also,
    )


def _new_reference(ctx: Context, connection: Connection, order_number: str) -> str:
    """Return the order's first reference that no attempt has had: the shop can make it again without the ledger."""
    for attempt in count(1):
        reference = ctx.order_reference(order_number, attempt)
        known = ledger_uses.known_references(connection, [reference]) | pruned_references(connection, [reference])
        if not known:
            return reference
    raise AssertionError("count() does not end.")


def _baseline_of_hold(ctx: Context, use_id: str) -> dict[str, int | None]:
    with ctx.ledger.read() as connection:
        use = ledger_uses.find_use(connection, use_id)
    if use is None or use.state is not UseState.HELD:
        return {}
    return _read_baseline(ctx, use.profile_id, use.benefit_id, use_id, use.name)


def _read_baseline(ctx: Context, profile_id: str, benefit_id: str, use_id: str, name: str) -> dict[str, int | None]:
    """Read what is left now: where our reference does not decide, it is the evidence after a lost answer.

    What a hold or a page knows may be half an hour old, and a till may have used the benefit since. Raises `Declined`
    where it cannot be read: without it a lost answer waits for a person, so nothing is sent.
    """
    if _references_decide(ctx):
        return {}
    for pause in (*ctx.timing.baseline_pauses, None):
        try:
            with ctx.omneo.within(ctx.timing.baseline_seconds):
                benefit = ctx.omneo.benefit(profile_id, benefit_id)
        except OmneoError as error:
            if pause is None:
                raise unavailable(use_id, name) from error
            ctx.sleep(pause)
        else:
            break
    return {"baseline_remaining": benefit.remaining if benefit else None}


def _references_decide(ctx: Context) -> bool:
    """Whether the tenant keeps our references and filters by them; False where that is not known."""
    try:
        with ctx.omneo.within(ctx.timing.lookup_seconds):
            return bool(ctx.omneo.keeps_references() and ctx.omneo.filters_by_reference())
    except OmneoError:
        return False


def _roll_back_others(ctx: Context, connection: Connection, order_number: str, actor: str) -> None:
    """Roll back what the order redeemed before and was not placed with: an order has one benefit."""
    audit = ctx.audit(actor, f"order {order_number} is placed with another benefit")
    for use in ledger_uses.uses_of_order(connection, order_number):
        if use.state is UseState.REDEEMED:
            move_use(connection, use, UseState.ROLLING_BACK, audit, attempts=0, note=audit.reason)


def _await_first_request(ctx: Context, use: Use | None, order_number: str) -> Use:
    """Wait a little for the first request of a double click, and give its outcome."""
    pauses = iter(ctx.timing.first_request_polls)
    while use and use.order_number == order_number and use.state in UNANSWERED_USES:
        pause = next(pauses, None)
        if pause is None:
            break
        ctx.sleep(pause)
        with ctx.ledger.read() as connection:
            use = ledger_uses.find_use(connection, use.use_id)
    if use and use.order_number == order_number and use.state in _SUCCESS:
        return use
    raise _not_held_error(use)


def _not_held_error(use: Use | None) -> Declined:
    if use and use.state in UNANSWERED_USES:
        return Declined(
            "not_confirmed", f"{use.name} is still being confirmed. Please wait a moment, or go on without it."
        )
    name = use.name if use else "The benefit"
    return Declined("no_longer_held", f"{name} is no longer reserved for this cart. Please review your order.")
