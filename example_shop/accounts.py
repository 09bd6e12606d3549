"""Sign in with one click, sign out, and the account page."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from example_shop import carts, orders, visitors
from example_shop.shoppers import SHOPPERS

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/sign-in")
def sign_in() -> str:
    """Everybody who can sign in, a button each."""
    return render_template("sign_in.html", shoppers=SHOPPERS, next=visitors.safe_next(request.args.get("next")))


@blueprint.post("/sign-in")
def enter() -> Response:
    """Sign in as the chosen shopper, who takes along what lies in the cart."""
    shopper = visitors.known(request.form.get("customer_id", ""))
    if shopper is None:
        abort(400, "Nobody with that customer number shops here.")
    carts.hand_over(shopper.customer_id)
    visitors.become(shopper.customer_id)
    flash(f"Hello {shopper.first_name}, good to see you.")
    return redirect(visitors.safe_next(request.form.get("next")), 303)


@blueprint.post("/guest")
def guest() -> Response:
    """Go on without an account."""
    visitors.become(None)
    wanted = visitors.safe_next(request.form.get("next"))
    return redirect("/" if wanted.startswith("/account") else wanted, 303)


@blueprint.post("/sign-out")
def leave() -> Response:
    """Forget who was here; their cart waits in this browser until they come back."""
    visitors.become(None)
    flash("You are signed out.")
    return redirect("/", 303)


@blueprint.get("/account")
@visitors.needs_sign_in
def account() -> str:
    """The shopper's orders, and the way to their benefits."""
    shopper = visitors.current()
    return render_template("account.html", orders=orders.of_customer(shopper.customer_id if shopper else ""))
