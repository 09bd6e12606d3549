"""The POSTs. Each does one thing, leaves a sentence for the next page, and sends the browser there with a 303."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import redirect, request
from flask.typing import ResponseReturnValue

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.errors import BenefitsError, Declined, LedgerUnavailable, OutcomeUnknown
from claimable_benefits.service.context import Context
from claimable_benefits.web.current import context, runtime, services, url
from claimable_benefits.web.flashes import flash
from claimable_benefits.web.forms.buttons import Action
from claimable_benefits.web.forms.guard import VerifiedForm, return_path, verify_form
from claimable_benefits.web.http_errors import LedgerUnavailablePage
from claimable_benefits.web.rendering import messages

if TYPE_CHECKING:
    from claimable_benefits.service.redemption.redeem import Used

_log = logging.getLogger("claimable_benefits")


def claim() -> ResponseReturnValue:
    """Claim a benefit and go back to the list."""
    asked = verify_form(Action.CLAIM, way_on=url("wallet"))
    try:
        outcome = services().claim(context(), asked.shopper, asked.subject, asked.number)
    except BenefitsError as error:
        _flash_error(asked, error, back_to=url("wallet"))
    else:
        flash(asked.shopper, messages.claimed(outcome))
    return redirect(url("wallet"), 303)


def claim_and_redeem() -> ResponseReturnValue:
    """Claim a benefit, use it in the same step, and go to its receipt."""
    return _use_now(Action.CLAIM_AND_REDEEM, services().claim_and_redeem)


def use() -> ResponseReturnValue:
    """Use a benefit from the account and go to its receipt."""
    return _use_now(Action.USE, services().use_from_account)


def _use_now(action: Action, verb: Callable[[Context, Shopper, str, str], Used]) -> ResponseReturnValue:
    asked = verify_form(action, way_on=url("wallet"))
    try:
        outcome = verb(context(), asked.shopper, asked.subject, asked.number)
    except BenefitsError as error:
        if doubtful := _use_in_doubt(error):
            return redirect(url("receipt", use_id=doubtful), 303)
        _flash_error(asked, error, back_to=url("wallet"))
        return redirect(url("wallet"), 303)
    return redirect(url("receipt", use_id=outcome.use.use_id), 303)


def apply() -> ResponseReturnValue:
    """Hold a benefit for this request's cart."""
    return _on_the_cart(Action.APPLY)


def move() -> ResponseReturnValue:
    """Take a hold over from another cart of the same shopper."""
    return _on_the_cart(Action.MOVE)


def remove() -> ResponseReturnValue:
    """Release what this request's cart holds."""
    return _on_the_cart(Action.REMOVE)


def _on_the_cart(action: Action) -> ResponseReturnValue:
    back_to = return_path(request.form.get("next"))
    asked = verify_form(action, way_on=back_to)
    cart = runtime().load_cart()
    if cart is None:
        flash(asked.shopper, messages.NO_CART, alert=True)
        return redirect(back_to, 303)
    try:
        flash(asked.shopper, _do(action, asked, cart))
    except BenefitsError as error:
        _flash_error(asked, error, back_to=back_to)
    return redirect(back_to, 303)


def _do(action: Action, asked: VerifiedForm, cart: Cart) -> str:
    """Do it, and say what was done."""
    if action is Action.REMOVE:
        return messages.released(services().release(context(), asked.shopper, cart, asked.subject))
    move = action is Action.MOVE
    return messages.held(services().hold(context(), asked.shopper, cart, asked.subject, move=move))


def _use_in_doubt(error: BenefitsError) -> str | None:
    """The use that went out and found no answer: its receipt says so, until it is settled."""
    if isinstance(error, Declined) and error.reason == "not_confirmed":
        return error.facts.get("use_id")
    return None


def _flash_error(asked: VerifiedForm, error: BenefitsError, *, back_to: str) -> None:
    if not isinstance(error, Declined):
        _log.warning("A shopper was turned away: %s", error)
    if isinstance(error, LedgerUnavailable):
        # The page that would show the sentence needs the ledger too.
        raise LedgerUnavailablePage(way_on="Go back", link=back_to) from error
    flash(asked.shopper, messages.of_error(error), alert=not isinstance(error, OutcomeUnknown))
