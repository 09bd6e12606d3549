"""Find products: by SKU, by category, and those that go well with another."""

from __future__ import annotations

from example_shop.catalogue.products import PRODUCTS, Product

_BY_SKU = {product.sku: product for product in PRODUCTS}
_SUGGESTIONS = 3


def find(sku: str) -> Product | None:
    """Return the product with that SKU, or None."""
    return _BY_SKU.get(sku)


def in_category(category: str) -> tuple[Product, ...]:
    """Return the products of one category, in the order of the catalogue."""
    return tuple(product for product in PRODUCTS if category in product.categories)


def goes_well_with(product: Product) -> tuple[Product, ...]:
    """Return up to three other products; those that share the most categories come first."""
    others = (other for other in PRODUCTS if other is not product)
    alike = sorted(others, key=lambda other: -len(set(other.categories) & set(product.categories)))
    return tuple(alike[:_SUGGESTIONS])
