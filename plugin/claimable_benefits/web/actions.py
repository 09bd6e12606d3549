"""The POSTs. Each does one thing, flashes a sentence, and redirects to the page that shows it (303)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import redirect, request
from flask.typing import ResponseReturnValue

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.errors import BenefitsError, Declined, LedgerUnavailable, OutcomeUnknown
from claimable_benefits.service.context import Context
from claimable_benefits.service.redemption.redeem import Used
from claimable_benefits.web.addresses import return_path
from claimable_benefits.web.current import context, runtime, services, url, wallet_url
from claimable_benefits.web.flashes import flash
from claimable_benefits.web.forms.buttons import Action
from claimable_benefits.web.forms.guard import VerifiedForm, verify_form
from claimable_benefits.web.http_errors import LedgerUnavailablePage
from claimable_benefits.web.rendering import messages

_log = logging.getLogger("claimable_benefits")


def claim() -> ResponseReturnValue:
    """Claim a benefit and go back to the list."""
    form = verify_form(Action.CLAIM, way_on=wallet_url())
    try:
        outcome = services().claim(context(), form.shopper, form.subject, form.number)
    except BenefitsError as error:
        _flash_error(form, error, back_to=wallet_url())
    else:
        flash(form.shopper, messages.claimed(outcome))
    return redirect(wallet_url(), 303)


def claim_and_redeem() -> ResponseReturnValue:
    """Claim a benefit, use it in the same step, and go to its receipt."""
    return _use_now(Action.CLAIM_AND_REDEEM, services().claim_and_redeem)


def use() -> ResponseReturnValue:
    """Use a benefit from the account and go to its receipt."""
    return _use_now(Action.USE, services().use_from_account)


def _use_now(action: Action, function: Callable[[Context, Shopper, str, str], Used]) -> ResponseReturnValue:
    form = verify_form(action, way_on=wallet_url())
    try:
        outcome = function(context(), form.shopper, form.subject, form.number)
    except BenefitsError as error:
        if use_id := _use_in_doubt(error):
            return redirect(url("receipt", use_id=use_id), 303)
        _flash_error(form, error, back_to=wallet_url())
        return redirect(wallet_url(), 303)
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
    form = verify_form(action, way_on=back_to)
    cart = runtime().load_cart()
    if cart is None:
        flash(form.shopper, messages.NO_CART, alert=True)
        return redirect(back_to, 303)
    try:
        flash(form.shopper, _change_cart(action, form, cart))
    except BenefitsError as error:
        _flash_error(form, error, back_to=back_to)
    return redirect(back_to, 303)


def _change_cart(action: Action, form: VerifiedForm, cart: Cart) -> str:
    """Apply, move or remove, and return the sentence that says so."""
    if action is Action.REMOVE:
        return messages.released(services().release(context(), form.shopper, cart, form.subject))
    move = action is Action.MOVE
    return messages.held(services().hold(context(), form.shopper, cart, form.subject, move=move))


def _use_in_doubt(error: BenefitsError) -> str | None:
    """Return the id of a use whose answer was lost: its receipt says so until the use is resolved."""
    if isinstance(error, Declined) and error.reason == "not_confirmed":
        return error.facts.get("use_id")
    return None


def _flash_error(form: VerifiedForm, error: BenefitsError, *, back_to: str) -> None:
    if not isinstance(error, Declined):
        _log.warning("A shopper's request failed: %s", error)
    if isinstance(error, LedgerUnavailable):
        # The page that would show the flash needs the ledger, too.
        raise LedgerUnavailablePage(way_on="Go back", link=back_to) from error
    flash(form.shopper, messages.of_error(error), alert=not isinstance(error, OutcomeUnknown))
