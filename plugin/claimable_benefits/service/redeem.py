"""Use a benefit at Omneo: for an order just before the money moves, or from the account page.

Three steps, always: commit the intention, call Omneo outside any database transaction, commit the outcome. A crash
anywhere leaves a row that says exactly what is not known; nothing is ever sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from sqlalchemy import Connection

from claimable_benefits import signals
from claimable_benefits.domain.benefits import Benefit
from claimable_benefits.domain.lookup import Trace
from claimable_benefits.domain.policy import Place
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined, OmneoError, OutcomeUnknown, Overtaken, Rejected, Unreachable
from claimable_benefits.ledger import uses as ledger_uses
from claimable_benefits.ledger.uses import Use, move_use
from claimable_benefits.service.context import Context, by
from claimable_benefits.service.look import look_for_redemption
from claimable_benefits.service.shelf import Shelf, read_shelf
from claimable_benefits.service.slots import take_slot

# The order is placed in the same request, a moment later; only a crash leaves it for the worker to find.
PLACED_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Used:
    """A use from the account page. ``already``: this very click came before."""

    use: Use
    already: bool = False


def redeem_for_order(ctx: Context, use_id: str, order_number: str, *, actor: str) -> Use:
    """Redeem a held use for an order; a repeated call for the same order gives the same use.

    Raises `Declined` before any money moves: ``no_longer_held``, ``benefit_gone`` (Omneo said no), ``not_confirmed``
    (no answer came) or ``loyalty_unavailable`` (nothing was sent; the benefit is still held).
    """
    with ctx.ledger.write() as connection:
        use = ledger_uses.find_use(connection, use_id)
        if use and use.order_number == order_number and use.state in (UseState.REDEEMED, UseState.CONSUMED):
            return use
        if use is None or use.state is not UseState.HELD:
            _decline_unheld(use)
        use = _intend(ctx, connection, use, actor, f"order {order_number} is being placed", order_number=order_number)
    return _send(ctx, use, actor, then=UseState.REDEEMED)


def use_from_account(ctx: Context, shopper: Shopper, benefit_id: str, use_id: str) -> Used:
    """Use a benefit that is not about a cart. ``use_id`` was minted into the form, so a second click uses nothing.

    Raises `Declined` like `redeem_for_order`, and `OmneoError` where the benefits cannot be read.
    """
    if known := find_use(ctx, shopper, use_id):
        return _known(known)
    shelf = read_shelf(ctx, shopper)
    benefit = _account_benefit(shelf, benefit_id)
    return _use_now(ctx, shopper, shelf, benefit, use_id, channel="account", actor=by(shopper))


def use_for_customer(ctx: Context, customer_id: str, benefit_id: str, use_id: str, *, actor: str) -> Used:
    """Record a use on a customer's behalf, whatever the policy says of places: staff has seen it happen.

    Raises `Declined` like `redeem_for_order`, and `OmneoError` where the benefits cannot be read.
    """
    shopper = Shopper(customer_id)
    shelf = read_shelf(ctx, shopper)
    held = shelf.benefit(benefit_id)
    if held is None:
        raise Declined("unknown_benefit", f"Customer {customer_id} has no usable benefit {benefit_id}.")
    return _use_now(ctx, shopper, shelf, held.benefit, use_id, channel="store", actor=actor)


def _use_now(
    ctx: Context, shopper: Shopper, shelf: Shelf, benefit: Benefit, use_id: str, *, channel: str, actor: str
) -> Used:
    because = ctx.because(actor, f"used: {channel}")
    try:
        with ctx.ledger.write() as connection:
            use = take_slot(
                ctx,
                connection,
                shopper,
                shelf.profile_id or "",
                benefit,
                because,
                use_id=use_id,
                channel=channel,
                cart_id=f"{channel} {use_id}",
            )
            use = _intend(ctx, connection, use, actor, because.reason)
    except Overtaken:
        if known := find_use(ctx, shopper, use_id):
            return _known(known)
        sentence = f"{benefit.name} is being used elsewhere at this moment. Please try again."
        raise Declined("in_another_cart", sentence) from None
    return Used(_send(ctx, use, actor, then=UseState.CONSUMED))


def find_use(ctx: Context, shopper: Shopper, use_id: str) -> Use | None:
    """The shopper's own use of that id; None for anybody else's."""
    with ctx.ledger.read() as connection:
        use = ledger_uses.find_use(connection, use_id)
    return use if use and use.customer_id == shopper.customer_id else None


def _account_benefit(shelf: Shelf, benefit_id: str) -> Benefit:
    held = shelf.benefit(benefit_id)
    if held is None:
        raise Declined("unknown_benefit", "This benefit is not available any more.")
    if Place.ACCOUNT not in held.policy.used_at:
        raise Declined("not_used_here", f"{held.benefit.name} is not used from the account page.")
    return held.benefit


def _known(use: Use) -> Used:
    if use.state is UseState.REFUSED:
        raise Declined("benefit_gone", f"{use.name} could not be used: it is not available any more.")
    if use.state is UseState.RELEASED:
        raise Declined("loyalty_unavailable", f"{use.name} was not used. Please open the page again to try once more.")
    return Used(use, already=True)


def _intend(
    ctx: Context, connection: Connection, use: Use, actor: str, reason: str, *, order_number: str | None = None
) -> Use:
    because = ctx.because(actor, reason)
    return move_use(
        connection,
        use,
        UseState.REDEEMING,
        because,
        order_number=order_number,
        sent_at=because.at,
        lease_until=because.at + ctx.timing.lease,
    )


def _send(ctx: Context, use: Use, actor: str, *, then: UseState) -> Use:
    try:
        redemption = ctx.omneo.redeem(
            use.profile_id, use.benefit_id, reference=use.reference, at=ctx.clock(), handle=use.definition_handle
        )
    except Unreachable as error:
        _not_sent(ctx, use, actor, error)
    except Rejected as error:
        _refused(ctx, use, actor, error)
    except OutcomeUnknown as error:
        return _in_doubt(ctx, use, actor, error, then=then)
    return redeemed(ctx, use, redemption.id, actor, "Omneo redeemed it", to=then)


def redeemed(ctx: Context, use: Use, redemption_id: str, actor: str, reason: str, *, to: UseState) -> Use:
    """Commit the good outcome, and tell the shop."""
    because = ctx.because(actor, reason)
    due_at = because.at + PLACED_WITHIN if to is UseState.REDEEMED else None
    with ctx.ledger.write() as connection:
        use = move_use(
            connection, use, to, because, redemption_id=redemption_id, redeemed_at=because.at, due_at=due_at, note=None
        )
    ctx.tell(signals.benefit_redeemed, use=use)
    return use


def _not_sent(ctx: Context, use: Use, actor: str, error: OmneoError) -> NoReturn:
    """Nothing was applied, so the same reference may go out again: a cart's use is held as before."""
    if use.channel == "checkout":
        try:
            _move_back(ctx, use, UseState.HELD, actor, error)
        except Overtaken:  # the shopper has applied something else to this cart meanwhile
            _move_back(ctx, use, UseState.RELEASED, actor, error)
    else:
        _move_back(ctx, use, UseState.RELEASED, actor, error)
    raise Declined(
        "loyalty_unavailable",
        f"We could not reach the loyalty programme, so {use.name} was not used. "
        "Please try again, or carry on without it.",
        use_id=use.use_id,
    )


def _move_back(ctx: Context, use: Use, to: UseState, actor: str, error: OmneoError) -> None:
    because = ctx.because(actor, "Omneo was not reached")
    with ctx.ledger.write() as connection:
        move_use(connection, use, to, because, sent_at=None, note=str(error))


def _refused(ctx: Context, use: Use, actor: str, error: Rejected) -> NoReturn:
    with ctx.ledger.write() as connection:
        use = move_use(connection, use, UseState.REFUSED, ctx.because(actor, "Omneo refused it"), note=str(error))
    ctx.tell(signals.benefit_refused, use=use, reason=error.message)
    raise Declined(
        "benefit_gone", f"{use.name} is not available any more: it was used or ended meanwhile.", use_id=use.use_id
    )


def _in_doubt(ctx: Context, use: Use, actor: str, error: OmneoError, *, then: UseState) -> Use:
    because = ctx.because(actor, "no answer from Omneo")
    lease = because.at + ctx.timing.lease
    with ctx.ledger.write() as connection:
        use = move_use(connection, use, UseState.IN_DOUBT, because, note=str(error), lease_until=lease)
    if found := _quick_looks(ctx, use):
        return redeemed(ctx, use, found, actor, "found at Omneo after a lost answer", to=then)
    with ctx.ledger.write() as connection:
        use = ledger_uses.touch_use(connection, use, ctx.clock(), lease_until=None, due_at=None)
    raise Declined(
        "not_confirmed",
        f"We could not confirm {use.name} with the loyalty programme. You can go on without it; "
        "if it turns out to be used, you get it back.",
        use_id=use.use_id,
    )


def _quick_looks(ctx: Context, use: Use) -> str | None:
    """Look while the shopper waits; where even looking fails, the worker goes on later."""
    try:
        for pause in ctx.timing.quick_looks:
            ctx.sleep(pause)
            finding = look_for_redemption(ctx, use)
            if finding.trace is Trace.FOUND:
                return finding.found_id
    except OmneoError:
        return None
    return None


def _decline_unheld(use: Use | None) -> NoReturn:
    if use and use.state in (UseState.REDEEMING, UseState.IN_DOUBT):
        raise Declined(
            "not_confirmed", f"{use.name} is still being confirmed. Please wait a moment, or go on without it."
        )
    name = use.name if use else "The benefit"
    raise Declined("no_longer_held", f"{name} is no longer reserved for this cart. Please review your order.")
