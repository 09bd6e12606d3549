"""What a shop may hand in: values as shops have them, in one normal form, or refused with the field and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from claimable_benefits.domain.shop import Cart, Item, Line, Order, OrderState, Shopper, Transaction
from claimable_benefits.errors import BenefitsError, InvalidValue

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NAIVE = datetime(2026, 3, 2, 1, 0)  # noqa: DTZ001 - as SQLite's columns give it
ITEM = Item("Linen shirt", 1, Decimal("99.99"), Decimal("89.99"), discount=Decimal("10.00"))
SALE = Transaction("A1", "1001", Decimal("89.99"), Decimal("99.99"), AT, "AUD", (ITEM,))
LINE = Line("shirt", "Linen shirt", 1, Decimal("19.99"))
CART = Cart("c", (LINE,), "AUD")
NUMBER = UUID("6f1a5b1e-8a5e-4a58-9d6e-0d7a3a7d0001")


class Word(str, Enum):  # noqa: UP042 - as a shop's own code has it
    """A text and an enum, whose `str` is not its text."""

    PAID = "paid"


class Lazy:
    """A translation that is made when it is read."""

    def __str__(self) -> str:
        return "Leinenhemd"


IDS: dict[str, tuple[object, str]] = {
    "an integer": (1001, "1001"),
    "zero": (0, "0"),
    "a UUID": (NUMBER, str(NUMBER)),
    "a text": ("1001", "1001"),
    "markup": (Markup("1001"), "1001"),
    "a member of a text enum": (Word.PAID, "paid"),
}
NO_IDS: dict[str, object] = {
    "none": None,
    "an empty text": "",
    "a blank": "  ",
    "a truth": True,
    "a float": 1001.0,
    "a decimal": Decimal(1001),
    "bytes": b"1001",
    "NUL": "a\x00b",
    "half a surrogate pair": "\ud800",
    "more than a column takes": "9" * 241,
}


Making = Callable[[Any], object]
ID_FIELDS: dict[str, Making] = {
    "Shopper.customer_id": lambda value: Shopper(value).customer_id,
    "Cart.id": lambda value: Cart(value, (), "AUD").id,
    "Order.number": lambda value: Order(value, OrderState.OPEN).number,
    "Transaction.order_number": lambda value: replace(SALE, order_number=value).order_number,
    "Transaction.customer_id": lambda value: replace(SALE, customer_id=value).customer_id,
}


@pytest.mark.parametrize(("given_id", "text"), IDS.values(), ids=IDS)
@pytest.mark.parametrize("field", ID_FIELDS)
def test_integers_and_uuids_become_text_everywhere(field: str, given_id: object, text: str) -> None:
    became = ID_FIELDS[field](given_id)

    assert (text, str) == (became, type(became))


@pytest.mark.parametrize("value", NO_IDS.values(), ids=NO_IDS)
@pytest.mark.parametrize("field", ID_FIELDS)
def test_none_and_an_empty_text_are_refused_with_the_field(field: str, value: object) -> None:
    if (field, value) == ("Transaction.customer_id", None):
        return  # a guest's sale
    is_long_order = "number" in field and value == "9" * 241
    if is_long_order:
        return  # an order number may be longer: its column has no limit

    with pytest.raises(InvalidValue) as refused:
        ID_FIELDS[field](value)

    assert field == refused.value.field
    assert str(refused.value).startswith(f"{field} ")


def test_the_error_of_a_value_is_one_of_ours_and_a_value_error() -> None:
    assert issubclass(InvalidValue, BenefitsError)
    assert issubclass(InvalidValue, ValueError)


def test_a_guests_transaction_has_no_customer() -> None:
    assert replace(SALE, customer_id=None).customer_id is None


# Amounts.

AMOUNTS: dict[str, tuple[object, Decimal]] = {
    "an integer": (20, Decimal(20)),
    "a text": ("19.99", Decimal("19.99")),
    "a text with blanks": (" 19.99 ", Decimal("19.99")),
    "a decimal": (Decimal("19.99"), Decimal("19.99")),
    "nothing": (0, Decimal(0)),
    "a refund": ("-5.00", Decimal("-5.00")),
}
NO_AMOUNTS: dict[str, tuple[object, str]] = {
    "a float": (19.99, "Write Decimal('19.99') or '19.99'."),
    "a whole float": (20.0, "Write Decimal('20.0') or '20.0'."),
    "a float that is no number": (float("nan"), "Write"),
    "a truth": (True, 'Write Decimal("19.99") or "19.99".'),
    "a word": ("free", 'Write Decimal("19.99") or "19.99".'),
    "an empty text": ("", 'Write Decimal("19.99") or "19.99".'),
    "a comma": ("19,99", 'Write Decimal("19.99") or "19.99".'),
    "a currency": ("19.99 AUD", 'Write Decimal("19.99") or "19.99".'),
    "no number": (Decimal("NaN"), "finite"),
    "infinity": (Decimal("Infinity"), "finite"),
    "more than the arithmetic holds": (Decimal(10) ** 15, "finite Decimal below"),
    "finer than anything": (Decimal("1E-999999"), "finite Decimal below"),
}
AMOUNT_FIELDS: dict[str, Making] = {
    "Line.unit_price": lambda value: replace(LINE, unit_price=value).unit_price,
    "Cart.shipping": lambda value: replace(CART, shipping=value).shipping,
    "Item.price": lambda value: replace(ITEM, price=value).price,
    "Item.price_paid": lambda value: replace(ITEM, price_paid=value).price_paid,
    "Item.discount": lambda value: replace(ITEM, discount=value).discount,
    "Transaction.total": lambda value: replace(SALE, total=value).total,
    "Transaction.total_original": lambda value: replace(SALE, total_original=value).total_original,
}


@pytest.mark.parametrize(("value", "amount"), AMOUNTS.values(), ids=AMOUNTS)
@pytest.mark.parametrize("field", AMOUNT_FIELDS)
def test_a_price_as_an_integer_or_a_text_becomes_a_decimal(field: str, value: object, amount: Decimal) -> None:
    became = AMOUNT_FIELDS[field](value)

    assert (amount, Decimal) == (became, type(became))


@pytest.mark.parametrize(("value", "remedy"), NO_AMOUNTS.values(), ids=NO_AMOUNTS)
@pytest.mark.parametrize("field", AMOUNT_FIELDS)
def test_a_float_is_refused_by_name_with_what_to_write(field: str, value: object, remedy: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        AMOUNT_FIELDS[field](value)

    assert field == refused.value.field
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("field", AMOUNT_FIELDS)
def test_an_amount_is_never_left_out_except_shipping(field: str) -> None:
    if field == "Cart.shipping":
        assert AMOUNT_FIELDS[field](None) is None
        return
    with pytest.raises(InvalidValue, match=field):
        AMOUNT_FIELDS[field](None)


# Quantities, tags, lines, currencies.


@pytest.mark.parametrize(("quantity", "became"), [(2, 2), ("2", 2), (Decimal(2), 2), (-1, -1), (0, 0)])
def test_a_quantity_becomes_an_integer_and_a_return_is_negative(quantity: Any, became: int) -> None:
    found = (replace(LINE, quantity=quantity).quantity, replace(ITEM, quantity=quantity).quantity)

    assert (became, became) == found
    assert {int} == {type(one) for one in found}


@pytest.mark.parametrize("quantity", [1.5, 2.0, Decimal("1.5"), "1.5", True, None, "two", Decimal("NaN"), 10**12])
def test_a_part_of_a_piece_is_refused_with_how_to_write_goods_by_weight(quantity: Any) -> None:
    for value in (LINE, ITEM):
        with pytest.raises(InvalidValue, match=r"quantity .* Write an integer; for goods by weight, write 1 and"):
            replace(value, quantity=quantity)


@pytest.mark.parametrize("tags", [["sale", "gift"], ("sale", "gift"), {"sale", "gift"}, frozenset({"sale", "gift"})])
def test_tags_as_a_list_a_tuple_or_a_set_become_a_frozenset(tags: Any) -> None:
    assert frozenset({"sale", "gift"}) == replace(LINE, tags=tags).tags


def test_no_tags_are_none() -> None:
    assert frozenset() == replace(LINE, tags=None).tags  # type: ignore[arg-type]


@pytest.mark.parametrize("tags", ["sale", b"sale", 5, [None], [""]])
def test_one_text_is_no_list_of_tags(tags: Any) -> None:
    with pytest.raises(InvalidValue, match=r"Line\.tags"):
        replace(LINE, tags=tags)


def test_lines_and_items_as_lists_or_generators_become_tuples() -> None:
    assert (LINE,) == replace(CART, lines=[LINE]).lines == replace(CART, lines=iter([LINE])).lines  # type: ignore[arg-type]
    assert replace(SALE, items=[ITEM]).items == (ITEM,)  # type: ignore[arg-type]
    assert replace(SALE, items=None).items == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("lines", [[{"sku": "shirt"}], "shirt", [ITEM], 5])
def test_a_line_that_is_none_is_refused(lines: Any) -> None:
    with pytest.raises(InvalidValue, match=r"Cart\.lines holds .* Give a tuple of Line\."):
        replace(CART, lines=lines)


@pytest.mark.parametrize(("code", "became"), [("AUD", "AUD"), ("aud", "AUD"), (" jpy ", "JPY"), ("XCG", "XCG")])
def test_a_currency_is_a_code_in_capitals(code: str, became: str) -> None:
    assert (became, became) == (replace(CART, currency=code).currency, replace(SALE, currency=code).currency)


@pytest.mark.parametrize("code", ["", "$", "dollars", None, 36, "AU"])
def test_what_is_no_currency_is_refused(code: Any) -> None:
    for value, field in ((CART, "Cart.currency"), (SALE, "Transaction.currency")):
        with pytest.raises(InvalidValue, match=f"{field} is .* ISO 4217"):
            replace(value, currency=code)


@pytest.mark.parametrize("decimals", [-1, 7, "2", True, 2.0])
def test_decimals_are_a_few_digits(decimals: Any) -> None:
    with pytest.raises(InvalidValue, match=r"Cart\.decimals .* the currency decides"):
        replace(CART, decimals=decimals)


def test_texts_for_people_may_be_missing_lazy_or_numbers() -> None:
    lazy: Any = Lazy()

    assert Shopper("1", name=None).name == ""  # type: ignore[arg-type]
    assert (Line(7, lazy, 1, Decimal(1)).sku, Line(7, lazy, 1, Decimal(1)).name) == ("7", "Leinenhemd")  # type: ignore[arg-type]
    assert Shopper("1", timezone=ZoneInfo("Australia/Melbourne")).timezone == "Australia/Melbourne"  # type: ignore[arg-type]


def test_half_a_surrogate_pair_in_an_items_name_is_replaced_as_it_could_not_be_sent() -> None:
    assert replace(ITEM, name="Shirt \ud83d").name == "Shirt \ufffd"


def test_bytes_are_no_text() -> None:
    with pytest.raises(InvalidValue, match=r"Item\.name .* Decode it"):
        replace(ITEM, name=b"Shirt")  # type: ignore[arg-type]


# Times.


def test_a_time_without_a_zone_is_taken_as_it_is_and_read_in_the_zone_of_the_settings() -> None:
    sale = replace(SALE, transacted_at=NAIVE)

    assert (sale.is_naive, SALE.is_naive) == (True, False)
    assert sale.in_zone(UTC) == SALE
    assert AT - timedelta(hours=11) == sale.in_zone(ZoneInfo("Australia/Melbourne")).transacted_at


def test_an_aware_time_keeps_its_zone() -> None:
    sale = replace(SALE, transacted_at=AT.astimezone(timezone(timedelta(hours=9))))

    assert sale is sale.in_zone(ZoneInfo("Australia/Melbourne"))


@pytest.mark.parametrize(
    "at",
    [
        None,
        "2026-03-02",
        date(2026, 3, 2),
        1772413200,
        datetime(9999, 12, 31, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
)
def test_what_is_no_time_is_refused(at: Any) -> None:
    with pytest.raises(InvalidValue, match=r"Transaction\.transacted_at is"):
        replace(SALE, transacted_at=at)


# Orders.


@pytest.mark.parametrize("state", [OrderState.PAID, "paid", "PAID", " paid ", Word.PAID])
def test_a_state_may_be_given_as_its_text(state: Any) -> None:
    assert OrderState.PAID is Order("A1", state, SALE).state


@pytest.mark.parametrize("state", ["shipped", "", None, True, 1])
def test_an_unknown_state_is_refused_with_the_known_ones(state: Any) -> None:
    with pytest.raises(InvalidValue, match=r'Order\.state is .* Give one of "open", "unknown", "paid", "cancelled"'):
        Order("A1", state)


def test_an_order_has_its_own_transaction() -> None:
    with pytest.raises(InvalidValue, match=r"Order\.transaction is that of order A1, not of order A2"):
        Order("A2", OrderState.PAID, SALE)
    with pytest.raises(InvalidValue, match=r"Order\.transaction is a dict"):
        Order("A1", OrderState.PAID, {"total": 5})  # type: ignore[arg-type]


def test_an_order_and_its_transaction_may_have_an_integer_for_a_number() -> None:
    order = Order(1001, "paid", replace(SALE, order_number=1001))  # type: ignore[arg-type]

    assert order.number == "1001"


@pytest.mark.parametrize("value", ["True", 1, None])
def test_a_sale_is_void_or_not(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"Transaction\.is_void"):
        replace(SALE, is_void=value)


# What was right before.


@pytest.mark.parametrize("total", [Decimal(0), Decimal("-5.00"), 0])
def test_a_free_order_and_a_refund_are_orders_like_any_other(total: Any) -> None:
    assert total == replace(SALE, total=total).total


def test_a_carts_subtotal_is_the_sum_of_its_lines_without_shipping() -> None:
    lines = (Line("a", "A", 3, Decimal("1.10")), Line("b", "B", 1, Decimal("0.70")))

    assert Decimal("4.00") == Cart("c", lines, "AUD", Decimal("9.95")).subtotal


def test_an_empty_cart_costs_nothing() -> None:
    assert Decimal(0) == Cart("c", (), "AUD").subtotal


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3), st.decimals()
) | st.lists(st.integers() | st.text(max_size=3), max_size=2)


@given(anything, anything, anything, anything, anything)
def test_whatever_a_shop_gives_it_is_a_value_or_an_error_of_ours(a: Any, b: Any, c: Any, d: Any, e: Any) -> None:
    made: tuple[Callable[[], object], ...] = (
        lambda: Shopper(a, b, c, d),
        lambda: Line(a, b, c, d, e),
        lambda: Cart(a, b, "AUD", d, e),
        lambda: Item(a, b, c, d, e),
        lambda: Transaction(a, b, c, d, AT, "AUD", e),
        lambda: Transaction("A1", None, 1, 1, a, b),  # type: ignore[arg-type]
        lambda: Order(a, b, c),
    )
    for make in made:
        try:
            make()
        except InvalidValue as error:
            assert error.field.split(".")[0] in {"Shopper", "Line", "Cart", "Item", "Transaction", "Order"}  # noqa: PT017
