"""The cart: one per shopper and browser, kept in the database."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from example_shop.catalogue import search
from example_shop.catalogue.products import Product
from example_shop.customers import current_customer
from example_shop.extensions import db
from example_shop.storage.models import Cart, CartLine, new_id

MOST_PIECES = 10  # of one product: a household, not a reseller


@dataclass(frozen=True, slots=True)
class CartRow:
    """A line of the cart together with its product."""

    product: Product
    quantity: int

    @property
    def total(self) -> Decimal:
        """The price of the line."""
        return self.product.price * self.quantity


def current() -> Cart | None:
    """Return the open cart of the current shopper; None until they put something in."""
    return _open_cart(_owner())


def current_or_new() -> Cart:
    """Return the open cart of the current shopper, or a new one. The caller commits."""
    cart = current()
    if cart is None:
        cart = Cart(customer_id=_owner())
        db.session.add(cart)
        db.session.flush()
        current_customer.remember_cart(cart.customer_id, cart.id)
    return cart


def rows(cart: Cart | None) -> tuple[CartRow, ...]:
    """Return the lines of the cart with their products, oldest first."""
    found = ((search.find(line.sku), line.quantity) for line in (cart.lines if cart else ()))
    return tuple(CartRow(product, quantity) for product, quantity in found if product)


def count() -> int:
    """Return how many pieces the current cart holds."""
    return sum(row.quantity for row in rows(current()))


def put(cart: Cart, sku: str, quantity: int) -> None:
    """Add pieces, up to `MOST_PIECES`; two clicks at the same time add up. The caller commits."""
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    wish = insert(CartLine).values(cart_id=cart.id, sku=sku, quantity=quantity)
    both = CartLine.quantity + wish.excluded.quantity
    together = case((both < MOST_PIECES, both), else_=MOST_PIECES)
    db.session.execute(wish.on_conflict_do_update(index_elements=["cart_id", "sku"], set_={"quantity": together}))
    _renew_checkout_id(cart)


def set_quantity(cart: Cart, sku: str, quantity: int) -> None:
    """Set how many pieces of a product the cart holds; 0 removes the line. The caller commits."""
    line = (CartLine.cart_id == cart.id, CartLine.sku == sku)
    change = update(CartLine).where(*line).values(quantity=quantity) if quantity else delete(CartLine).where(*line)
    db.session.execute(change)
    _renew_checkout_id(cart)


def reopen(cart_id: str, checkout_id: str) -> None:
    """Give the cart a new checkout id after a payment that failed, unless it has changed since. The caller commits."""
    same = (Cart.id == cart_id, Cart.checkout_id == checkout_id)
    db.session.execute(update(Cart).where(*same).values(checkout_id=new_id()))


def close(cart_id: str, checkout_id: str) -> None:
    """Close a cart whose content is bought or being paid for, unless it has changed since. The caller commits."""
    same = (Cart.id == cart_id, Cart.checkout_id == checkout_id)
    db.session.execute(update(Cart).where(*same).values(is_closed=True))


def is_unchanged(cart_id: str, checkout_id: str) -> bool:
    """Whether the cart is open and still holds what it held under that checkout id."""
    cart = db.session.get(Cart, cart_id)
    return cart is not None and cart.checkout_id == checkout_id and not cart.is_closed


def hand_over(customer_id: str) -> None:
    """Give this browser's guest cart to the shopper who signs in, in addition to their own."""
    if current_customer.get() is not None or (brought := _open_cart(None)) is None:
        return
    own = _open_cart(customer_id)
    if own is None or not own.lines:
        brought.customer_id = customer_id
        current_customer.remember_cart(customer_id, brought.id)
    else:
        for line in brought.lines:
            put(own, line.sku, line.quantity)
        brought.is_closed = True
    db.session.commit()
    current_customer.remember_cart(None, None)


def _owner() -> str | None:
    customer = current_customer.get()
    return customer.customer_id if customer else None


def _open_cart(owner: str | None) -> Cart | None:
    cart_id = current_customer.cart_id(owner)
    cart = db.session.get(Cart, cart_id) if cart_id else None
    return cart if cart and not cart.is_closed and cart.customer_id == owner else None


def _renew_checkout_id(cart: Cart) -> None:
    """A page that shows the old content can no longer place an order."""
    db.session.execute(update(Cart).where(Cart.id == cart.id).values(checkout_id=new_id()))
    db.session.refresh(cart)
