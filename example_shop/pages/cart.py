"""The cart page, and the forms that change the cart."""

from __future__ import annotations

from decimal import Decimal

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from example_shop.catalogue import search
from example_shop.checkout import carts
from example_shop.extensions import db

blueprint = Blueprint("carts", __name__)


@blueprint.get("/cart")
def show() -> str:
    """Show the cart."""
    found = carts.rows(carts.current())
    return render_template("cart.html", rows=found, subtotal=sum((row.total for row in found), Decimal(0)))


@blueprint.post("/cart")
def add() -> Response:
    """Put pieces of one product into the cart."""
    product = search.find(request.form.get("sku", ""))
    if product is None:
        abort(404)
    carts.put(carts.current_or_new(), product.sku, _wanted(least=1))
    db.session.commit()
    flash(f"{product.name} is in your cart.")
    return redirect(url_for("carts.show"), 303)


@blueprint.post("/cart/<sku>")
def change(sku: str) -> Response:
    """Set how many pieces of one product the shopper wants; 0 removes it."""
    cart = carts.current()
    quantity = 0 if "remove" in request.form else _wanted(least=0)
    if cart is not None:
        carts.set_quantity(cart, sku, quantity)
        db.session.commit()
    return redirect(url_for("carts.show"), 303)


def _wanted(least: int) -> int:
    try:
        return max(least, min(int(request.form.get("quantity", "1")), carts.MOST_PIECES))
    except ValueError:
        abort(400, "The quantity must be a whole number.")
