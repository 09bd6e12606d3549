"""The policy file: the plugin reads it, and every kind of benefit of the demo has its table."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import example_shop
from claimable_benefits.domain.policy import DiscountKind, Place, read_policies
from example_shop.catalogue.products import PRODUCTS
from tests.example_shop.conftest import RunningShop

FILE = Path(example_shop.__file__).with_name("benefits.toml")
POLICIES = read_policies(tomllib.loads(FILE.read_text("utf-8")))


def test_every_kind_of_benefit_of_the_demo_has_a_policy(shop: RunningShop) -> None:
    kinds = shop.omneo("GET", "/benefits/definitions?page[size]=100")["data"]

    assert {kind["handle"] for kind in kinds} == set(POLICIES)


def test_the_policies_say_what_the_shop_promises() -> None:
    first, thanks = POLICIES["first-spend"], POLICIES["thank-you-10"]

    assert (DiscountKind.PERCENT, Decimal(10)) == (first.discount, first.size)
    assert {"gift-card", "sale"} == first.excludes
    assert (Decimal(10), Decimal(50)) == (thanks.amount.in_currency("AUD"), thanks.minimum.in_currency("AUD"))
    assert {Place.STORE} == POLICIES["barista-coffee"].used_at


def test_every_tag_that_a_policy_names_is_on_a_product() -> None:
    on_products = {tag for product in PRODUCTS for tag in product.tags}
    named = {tag for policy in POLICIES.values() for tag in policy.fits | policy.excludes}

    assert set() == named - on_products


def test_the_file_explains_every_key_it_uses() -> None:
    text = FILE.read_text("utf-8")
    explained = set(re.findall(r"^#   (\w+) ", text, re.MULTILINE))

    assert set(re.findall(r"^(\w+) =", text, re.MULTILINE)) <= explained
