"""The account pages: sign in with one click, sign out, and see one's orders."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from example_shop.checkout import carts
from example_shop.customers import current_customer
from example_shop.customers.demo_shoppers import SHOPPERS
from example_shop.extensions import benefits
from example_shop.orders import orders

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/sign-in")
def sign_in() -> str:
    """Show a button for each demo shopper."""
    next_page = current_customer.local_path(request.args.get("next"))
    return render_template("sign_in.html", shoppers=SHOPPERS, next=next_page)


@blueprint.post("/sign-in")
def enter() -> Response:
    """Sign in as the chosen shopper, who keeps what is in the guest's cart."""
    shopper = current_customer.find(request.form.get("customer_id", ""))
    if shopper is None:
        abort(400, "No customer has that number.")
    carts.hand_over(shopper.customer_id)
    current_customer.switch_to(shopper.customer_id)
    benefits.warm()
    flash(f"Hello {shopper.first_name}, good to see you.")
    return redirect(current_customer.local_path(request.form.get("next")), 303)


@blueprint.post("/guest")
def guest() -> Response:
    """Continue without an account."""
    current_customer.switch_to(None)
    wanted = current_customer.local_path(request.form.get("next"))
    return redirect("/" if wanted.startswith("/account") else wanted, 303)


@blueprint.post("/sign-out")
def leave() -> Response:
    """Sign out; this browser keeps the cart for the next time its owner signs in."""
    current_customer.switch_to(None)
    flash("You are signed out.")
    return redirect("/", 303)


@blueprint.get("/account")
@current_customer.sign_in_required
def account() -> str:
    """Show the shopper's orders, and the link to their benefits."""
    customer = current_customer.get()
    return render_template("account.html", orders=orders.of_customer(customer.customer_id if customer else ""))
