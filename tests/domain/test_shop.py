"""What a shop may hand in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from claimable_benefits.domain.shop import Cart, Item, Line, Transaction

ITEM = Item("Linen shirt", 1, Decimal("99.99"), Decimal("89.99"), discount=Decimal("10.00"))
SALE = Transaction(
    "A1", "1001", Decimal("89.99"), Decimal("99.99"), datetime(2026, 3, 2, 1, 0, tzinfo=UTC), "AUD", (ITEM,)
)


def test_a_time_without_a_zone_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="transacted_at needs a time zone: pass an aware datetime"):
        replace(SALE, transacted_at=datetime(2026, 3, 2, 1, 0))  # noqa: DTZ001 - to be refused


@pytest.mark.parametrize("amount", [89.99, "89.99", True, None, Decimal("NaN"), Decimal("Infinity")])
@pytest.mark.parametrize("name", ["total", "total_original"])
def test_an_amount_that_is_no_exact_number_is_refused_where_the_shop_writes_it(name: str, amount: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} .* pass a finite Decimal"):
        replace(SALE, **{name: amount})


@pytest.mark.parametrize("amount", [9.99, "9.99", None, Decimal("NaN")])
@pytest.mark.parametrize("name", ["price", "price_paid", "discount"])
def test_an_items_amounts_are_exact_too(name: str, amount: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} .* pass a finite Decimal"):
        replace(ITEM, **{name: amount})


@pytest.mark.parametrize("total", [Decimal(0), Decimal("-5.00"), 0])
def test_a_free_order_and_a_refund_are_orders_like_any_other(total: Decimal) -> None:
    assert total == replace(SALE, total=total).total


def test_a_carts_subtotal_is_the_sum_of_its_lines_without_shipping() -> None:
    lines = (Line("a", "A", 3, Decimal("1.10")), Line("b", "B", 1, Decimal("0.70")))

    assert Decimal("4.00") == Cart("c", lines, "AUD", Decimal("9.95")).subtotal


def test_an_empty_cart_costs_nothing() -> None:
    assert Decimal(0) == Cart("c", (), "AUD").subtotal
