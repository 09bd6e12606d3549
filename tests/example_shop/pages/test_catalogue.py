"""The catalogue: every product has a page and a picture, and no page loads anything from another site."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from flask import Flask

import example_shop
from example_shop.catalogue.products import CATEGORIES, PRODUCTS, Product

STATIC = Path(example_shop.__file__).with_name("static")
PAGES = ["/", "/shop/sale", "/products/gift-card", "/cart", "/sign-in", "/nowhere"]


def test_the_home_page_shows_every_product_with_its_price(app: Flask) -> None:
    page = app.test_client().get("/").text

    assert [product.name for product in PRODUCTS if product.name.replace("&", "&amp;") not in page] == []
    assert "$129.00" in page


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.sku)
def test_each_product_has_a_page_and_a_picture_that_we_drew(app: Flask, product: Product) -> None:
    page = app.test_client().get(f"/products/{product.sku}").text
    picture = ET.fromstring((STATIC / "products" / f"{product.sku}.svg").read_text("utf-8"))  # noqa: S314  # ours
    elements = {element.tag.rpartition("}")[2] for element in picture.iter()}

    assert product.story.split(".")[0] in page
    assert f'alt="{product.picture}"' in page
    assert picture.get("viewBox") == "0 0 600 720"
    assert set() == elements & {"script", "style", "image", "foreignObject"}


def test_a_category_shows_its_products_only(app: Flask) -> None:
    page = app.test_client().get("/shop/sale").text

    assert re.findall(r'class="tile__name"><a [^>]+>([^<]+)', page) == ["Jetty trousers", "Summer scarf"]


def test_every_product_has_a_category(app: Flask) -> None:
    used = {category for product in PRODUCTS for category in product.categories}

    assert set(CATEGORIES) == used


@pytest.mark.parametrize("address", ["/shop/nonsense", "/products/nonsense", "/nowhere"])
def test_a_missing_page_is_a_page_of_the_shop(app: Flask, address: str) -> None:
    answer = app.test_client().get(address)

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize("address", PAGES)
def test_pages_load_nothing_from_other_sites_and_have_nothing_inline(app: Flask, address: str) -> None:
    page = app.test_client().get(address).text
    from_other_sites = re.findall(r'(?:src|href)="(?!/|#)[^"]*"', page)

    assert from_other_sites == []
    assert re.findall(r"<style|<script(?! src)|\sstyle=|\son\w+=", page) == []


@pytest.mark.parametrize("address", PAGES)
def test_every_page_carries_a_strict_policy(app: Flask, address: str) -> None:
    headers = app.test_client().get(address).headers
    policy = headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'self'; img-src 'self' data: https:; form-action 'self' http://127.0.0.1:9;")
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "private, no-store"
