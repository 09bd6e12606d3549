"""The shop window: all products, one category, one product."""

from __future__ import annotations

from flask import Blueprint, abort, render_template

from example_shop.products import CATEGORIES, PRODUCTS, Product

blueprint = Blueprint("catalogue", __name__)
_BY_SKU = {product.sku: product for product in PRODUCTS}


def find(sku: str) -> Product | None:
    """The product called ``sku``, or None."""
    return _BY_SKU.get(sku)


def in_category(category: str) -> tuple[Product, ...]:
    """The products of one category, in the order of the shelf."""
    return tuple(product for product in PRODUCTS if category in product.categories)


def beside(product: Product) -> tuple[Product, ...]:
    """Up to three others that go with ``product``: those that share the most categories come first."""
    others = (other for other in PRODUCTS if other is not product)
    alike = sorted(others, key=lambda other: -len(set(other.categories) & set(product.categories)))
    return tuple(alike[:3])


@blueprint.get("/")
def home() -> str:
    """Everything there is."""
    return render_template("home.html", products=PRODUCTS)


@blueprint.get("/shop/<category>")
def category(category: str) -> str:
    """One category."""
    if category not in CATEGORIES:
        abort(404)
    return render_template("category.html", category=category, products=in_category(category))


@blueprint.get("/products/<sku>")
def product(sku: str) -> str:
    """One product."""
    found = find(sku)
    if found is None:
        abort(404)
    return render_template("product.html", product=found, others=beside(found))
