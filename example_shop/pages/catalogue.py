"""The catalogue pages: all products, one category, one product."""

from __future__ import annotations

from flask import Blueprint, abort, render_template

from example_shop.catalogue import search
from example_shop.catalogue.products import CATEGORIES, PRODUCTS

blueprint = Blueprint("catalogue", __name__)


@blueprint.get("/")
def home() -> str:
    """Show all products."""
    return render_template("home.html", products=PRODUCTS)


@blueprint.get("/shop/<category>")
def category(category: str) -> str:
    """Show one category."""
    if category not in CATEGORIES:
        abort(404)
    return render_template("category.html", category=category, products=search.in_category(category))


@blueprint.get("/products/<sku>")
def product(sku: str) -> str:
    """Show one product."""
    found = search.find(sku)
    if found is None:
        abort(404)
    return render_template("product.html", product=found, others=search.goes_well_with(found))
