"""The checks that every POST passes before anything is done."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.addresses import login_url
from claimable_benefits.web.current import runtime, settings
from claimable_benefits.web.forms.buttons import Action
from claimable_benefits.web.forms.tokens import read_token
from claimable_benefits.web.http_errors import FOREIGN, SIGNED_OUT, FormRefused, TooManyClicks

CLAIMS_A_MINUTE = 20  # claims and uses from the account, by one shopper
CART_CHANGES_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class VerifiedForm:
    """A checked POST: the shopper, the subject of the action, and the number of the button (a UUID)."""

    shopper: Shopper
    subject: str
    number: str


def verify_form(action: Action, *, way_on: str) -> VerifiedForm:
    """Check the origin, the shopper, the token, and how often this shopper has clicked in the last minute.

    Raises `FormRefused`, a 400, or `TooManyClicks`, a 429; both with ``way_on`` as the link.
    """
    if _is_foreign():
        raise FormRefused(FOREIGN, link=way_on)
    shopper = runtime().load_shopper()
    if shopper is None:
        raise FormRefused(SIGNED_OUT, way_on="Sign in", link=login_url(way_on))
    subject = request.form.get(action.field, "")
    token = request.form.get("cb_token", "")
    number = read_token(token, shopper, action, subject, minutes=settings().form_minutes, way_on=way_on)
    _limit(shopper, action, way_on=way_on)
    return VerifiedForm(shopper, subject, number)


def _limit(shopper: Shopper, action: Action, *, way_on: str) -> None:
    """Count the click. A claim or a use calls Omneo, and each change of a cart writes a row, so both have a limit."""
    is_for_a_cart = action in (Action.APPLY, Action.MOVE, Action.REMOVE)
    name, most = ("carts", CART_CHANGES_A_MINUTE) if is_for_a_cart else ("claims", CLAIMS_A_MINUTE)
    if wait := runtime().clicks.take(name, shopper.customer_id, most):
        raise TooManyClicks(wait, link=way_on)


def _is_foreign() -> bool:
    """Whether another site sent this request, as far as the browser says.

    ``Sec-Fetch-Site`` compares the page with the address that the browser called, and no script can set it. So it is
    believed where it says "same-origin": behind a proxy that does not pass the Host on, ``Origin`` never equals our
    host. "same-site" is not believed: the page of another subdomain says it, too.

    Without it hosts alone are compared, because a proxy may change the scheme.
    """
    site = request.headers.get("Sec-Fetch-Site", "")
    origin = request.headers.get("Origin")
    if site in ("same-origin", "cross-site"):
        return site == "cross-site"
    if origin is None:
        return site == "same-site"
    return origin.partition("://")[2] != request.host
