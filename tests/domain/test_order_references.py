"""A reference that only one shop can make, for one order, again and again."""

from __future__ import annotations

import re

import pytest

from claimable_benefits.domain.order_references import order_of_reference, order_reference, reference_key

OURS, THEIRS = reference_key("one secret"), reference_key(b"another secret")


@pytest.mark.parametrize(
    "number", ["A1", "1000", "WEB/2026/11-7", "Bestellung Nº 7 für Jürgen " * 9, "注文", "-1-", " 7 "]
)
def test_a_reference_is_made_again_and_leads_to_its_order(number: str) -> None:
    made = order_reference(OURS, "shop", number, 2)

    assert made == order_reference(OURS, "shop", number, 2)
    assert re.fullmatch(r"shop-[A-Za-z0-9-]{1,61}", made)
    assert order_of_reference(OURS, "shop", made, ["other", number]) == number


def test_two_shops_with_one_prefix_and_the_same_numbers_make_other_references() -> None:
    ours, theirs = order_reference(OURS, "shop", "1000", 1), order_reference(THEIRS, "shop", "1000", 1)

    assert ours != theirs
    assert order_of_reference(OURS, "shop", theirs, ["1000"]) is None


def test_attempts_and_orders_that_read_alike_differ() -> None:
    made = {
        order_reference(OURS, "shop", *named) for named in [("A1", 1), ("A1", 2), ("A-1", 1), ("A/1", 1), ("A1-1", 1)]
    }

    assert len(made) == 5


@pytest.mark.parametrize(
    "reference",
    ["", "till-9", "shop-", "shop-A1", "shop-A1-1-", "shop-A1-x-abc", "shop-0f0e2b52-7c1e-4bb4-9d8a-7a1c7f9f0c11"],
)
def test_any_other_text_leads_to_no_order(reference: str) -> None:
    assert order_of_reference(OURS, "shop", reference, ["A1", ""]) is None


def test_the_longest_reference_fits_the_ledger() -> None:
    assert len(order_reference(OURS, "p" * 20, "9" * 300, 999)) <= 80
