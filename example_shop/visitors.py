"""Who is here: what this browser's session says about its person, their carts and a guest's orders."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app, has_request_context, redirect, request, session, url_for
from werkzeug.wrappers import Response

from example_shop.shoppers import SHOPPERS, DemoShopper, in_the_crowd

_BY_ID = {shopper.customer_id: shopper for shopper in SHOPPERS}
_GUEST = "guest"
P = ParamSpec("P")
R = TypeVar("R")


def known(customer_id: str) -> DemoShopper | None:
    """The shopper with that id, or None."""
    return _BY_ID.get(customer_id) or in_the_crowd(customer_id, current_app.config["SHOP_CROWD"])


def current() -> DemoShopper | None:
    """Who is signed in; None for a guest, and where there is no request, as in a worker's thread."""
    return known(session.get("customer_id", "")) if has_request_context() else None


def become(customer_id: str | None) -> None:
    """Make the session that of another person, or of a guest.

    It starts afresh, so that nothing said to one is shown to the next. Carts stay, each under its owner; a guest who
    signs in keeps sight of what they ordered before.
    """
    carts = session.get("carts", {})
    orders = session.get("orders", []) if current() is None and customer_id else []
    session.clear()
    session.update(carts=carts, orders=orders)
    if customer_id is not None:
        session["customer_id"] = customer_id


def cart_id(owner: str | None) -> str | None:
    """The cart that this browser keeps for ``owner`` (a customer id, None: a guest)."""
    found: str | None = session.get("carts", {}).get(owner or _GUEST)
    return found


def keep_cart(owner: str | None, cart: str | None) -> None:
    """Remember the cart of ``owner``; None forgets it."""
    others = {who: kept for who, kept in session.get("carts", {}).items() if who != (owner or _GUEST)}
    session["carts"] = others | ({owner or _GUEST: cart} if cart else {})


def may_see(number: str, customer_id: str | None) -> bool:
    """Whether this person placed the order ``number`` of ``customer_id`` (None: a guest's)."""
    shopper = current()
    is_theirs = shopper is not None and shopper.customer_id == customer_id
    return is_theirs or (customer_id is None and number in session.get("orders", []))


def remember_order(number: str) -> None:
    """Let a guest come back to their order in this browser."""
    numbers = session.get("orders", [])
    if current() is None and number not in numbers:
        session["orders"] = [*numbers, number]


def safe_next(wanted: str | None) -> str:
    """The page to go on to: a path of this shop, or the home page; never another site."""
    path = wanted or "/"
    is_ours = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if is_ours else "/"


def needs_sign_in(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Send guests to the sign-in page and back."""

    @wraps(view)
    def signed_in(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if current() is None:
            return redirect(url_for("accounts.sign_in", next=request.full_path.removesuffix("?")))
        return view(*args, **kwargs)

    return signed_in
