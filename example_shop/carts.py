"""The cart: one per person and browser, kept in the database."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from werkzeug.wrappers import Response

from example_shop import catalogue, visitors
from example_shop.extensions import db
from example_shop.models import Cart, CartLine, new_id
from example_shop.products import Product

blueprint = Blueprint("carts", __name__)
MOST_PIECES = 10  # of one product: a household, not a reseller


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the cart together with its product."""

    product: Product
    quantity: int

    @property
    def total(self) -> Decimal:
        """The price of the line."""
        return self.product.price * self.quantity


def current() -> Cart | None:
    """The open cart of whoever is here; None until something is put in."""
    shopper = visitors.current()
    return _open_cart(shopper.customer_id if shopper else None)


def rows(cart: Cart | None) -> tuple[Row, ...]:
    """What lies in the cart, in the order it was put in."""
    found = ((catalogue.find(line.sku), line.quantity) for line in (cart.lines if cart else ()))
    return tuple(Row(product, quantity) for product, quantity in found if product)


def count() -> int:
    """How many pieces lie in the cart."""
    return sum(row.quantity for row in rows(current()))


def put(cart: Cart, sku: str, quantity: int) -> None:
    """Add pieces; two clicks at once add up."""
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    wish = insert(CartLine).values(cart_id=cart.id, sku=sku, quantity=quantity)
    both = CartLine.quantity + wish.excluded.quantity
    together = case((both < MOST_PIECES, both), else_=MOST_PIECES)
    db.session.execute(wish.on_conflict_do_update(index_elements=["cart_id", "sku"], set_={"quantity": together}))
    changed(cart)


def changed(cart: Cart) -> None:
    """Give the cart a new checkout id: a page that shows the old contents can no longer place an order."""
    db.session.execute(update(Cart).where(Cart.id == cart.id).values(checkout_id=new_id()))
    db.session.refresh(cart)


def close(cart_id: str, checkout_id: str) -> None:
    """Put a cart away that is bought, unless it has changed since."""
    same = (Cart.id == cart_id, Cart.checkout_id == checkout_id)
    db.session.execute(update(Cart).where(*same).values(is_closed=True))


def hand_over(customer_id: str) -> None:
    """Give the guest's cart of this browser to the person who signs in, on top of what they had."""
    if visitors.current() is not None or (brought := _open_cart(None)) is None:
        return
    own = _open_cart(customer_id)
    if own is None or not own.lines:
        brought.customer_id = customer_id
        visitors.keep_cart(customer_id, brought.id)
    else:
        for line in brought.lines:
            put(own, line.sku, line.quantity)
        brought.is_closed = True
    db.session.commit()
    visitors.keep_cart(None, None)


@blueprint.get("/cart")
def show() -> str:
    """The cart."""
    found = rows(current())
    return render_template("cart.html", rows=found, subtotal=sum((row.total for row in found), Decimal(0)))


@blueprint.post("/cart")
def add() -> Response:
    """Put pieces of one product into the cart."""
    product = catalogue.find(request.form.get("sku", ""))
    if product is None:
        abort(404)
    put(current_or_new(), product.sku, _wanted(least=1))
    db.session.commit()
    flash(f"{product.name} is in your cart.")
    return redirect(url_for("carts.show"), 303)


@blueprint.post("/cart/<sku>")
def change(sku: str) -> Response:
    """Set how many pieces of one product are wanted; none removes it."""
    cart = current()
    quantity = 0 if "remove" in request.form else _wanted(least=0)
    if cart is not None:
        line = (CartLine.cart_id == cart.id, CartLine.sku == sku)
        if quantity:
            db.session.execute(update(CartLine).where(*line).values(quantity=quantity))
        else:
            db.session.execute(delete(CartLine).where(*line))
        changed(cart)
        db.session.commit()
    return redirect(url_for("carts.show"), 303)


def _open_cart(owner: str | None) -> Cart | None:
    cart_id = visitors.cart_id(owner)
    cart = db.session.get(Cart, cart_id) if cart_id else None
    return cart if cart and not cart.is_closed and cart.customer_id == owner else None


def current_or_new() -> Cart:
    """The open cart of whoever is here, or a fresh one."""
    cart = current()
    if cart is None:
        shopper = visitors.current()
        cart = Cart(customer_id=shopper.customer_id if shopper else None)
        db.session.add(cart)
        db.session.flush()
        visitors.keep_cart(cart.customer_id, cart.id)
    return cart


def _wanted(least: int) -> int:
    try:
        return max(least, min(int(request.form.get("quantity", "1")), MOST_PIECES))
    except ValueError:
        abort(400, "The quantity is a whole number.")
