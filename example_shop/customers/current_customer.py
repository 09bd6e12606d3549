"""The shopper of this request: account, carts and a guest's orders, kept in the browser's session."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app, has_request_context, redirect, request, session, url_for
from werkzeug.wrappers import Response

from example_shop.customers.demo_shoppers import SHOPPERS, DemoShopper, load_test_shopper

_BY_ID = {shopper.customer_id: shopper for shopper in SHOPPERS}
_GUEST = "guest"
P = ParamSpec("P")
R = TypeVar("R")


def find(customer_id: str) -> DemoShopper | None:
    """Return the shopper with that id, or None."""
    return _BY_ID.get(customer_id) or load_test_shopper(customer_id, current_app.config["SHOP_CROWD"])


def get() -> DemoShopper | None:
    """Return who is signed in; None for a guest, and outside a request, such as in the worker's thread."""
    return find(session.get("customer_id", "")) if has_request_context() else None


def switch_to(customer_id: str | None) -> None:
    """Make the session that of another shopper, or of a guest (None).

    The session starts empty, so that no message for one person is shown to the next. Each cart stays with its owner; a
    guest who signs in still sees what they ordered before.
    """
    carts = session.get("carts", {})
    orders = session.get("orders", []) if get() is None and customer_id else []
    session.clear()
    session.update(carts=carts, orders=orders)
    if customer_id is not None:
        session["customer_id"] = customer_id


def cart_id(owner: str | None) -> str | None:
    """Return the id of the cart that this browser keeps for ``owner`` (a shopper id; None: a guest)."""
    found: str | None = session.get("carts", {}).get(owner or _GUEST)
    return found


def remember_cart(owner: str | None, cart: str | None) -> None:
    """Keep the cart's id for ``owner``; None removes it."""
    others = {who: kept for who, kept in session.get("carts", {}).items() if who != (owner or _GUEST)}
    session["carts"] = others | ({owner or _GUEST: cart} if cart else {})


def remember_order(number: str) -> None:
    """Let a guest see their order again in this browser."""
    numbers = session.get("orders", [])
    if get() is None and number not in numbers:
        session["orders"] = [*numbers, number]


def may_see(number: str, customer_id: str | None) -> bool:
    """Whether this customer placed the order ``number``, which belongs to ``customer_id`` (None: to a guest)."""
    customer = get()
    is_theirs = customer is not None and customer.customer_id == customer_id
    return is_theirs or (customer_id is None and number in session.get("orders", []))


def local_path(wanted: str | None) -> str:
    """Return ``wanted`` where it is a path of this shop, else the home page; never another site."""
    path = wanted or "/"
    is_local = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if is_local else "/"


def sign_in_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Send guests to the sign-in page, which leads to this view afterwards."""

    @wraps(view)
    def signed_in(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if get() is None:
            return redirect(url_for("accounts.sign_in", next=request.full_path.removesuffix("?")))
        return view(*args, **kwargs)

    return signed_in
