"""What comes off a cart: to the cent, and never more than a line costs."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimable_benefits.domain.discounts import Discount, amount_off, discount_for, is_eligible, split
from claimable_benefits.domain.policy import DiscountKind, Money, Place, Policy
from claimable_benefits.domain.shop import Cart, Line

PLENTY = settings(deadline=None, max_examples=80)


def policy(kind: str, size: str = "0", currency: str = "AUD", **rules: Any) -> Policy:
    worth: dict[str, Any] = {"amount": money(Decimal(size), currency)} if kind == "amount" else {"size": Decimal(size)}
    return Policy("gift", DiscountKind(kind), **worth, used_at=frozenset({Place.CHECKOUT}), **rules)


def money(amount: Decimal, currency: str = "AUD") -> Money:
    return Money(((currency, amount),))


def line(price: str, quantity: int = 1, *tags: str) -> Line:
    return Line("sku", "A thing", quantity, Decimal(price), frozenset(tags))


def cart(*lines: Line, shipping: str | None = "9.95", currency: str = "AUD") -> Cart:
    return Cart("c", lines, currency, None if shipping is None else Decimal(shipping))


def amounts(*texts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(text) for text in texts)


@st.composite
def carts(draw: st.DrawFn) -> Cart:
    """Carts with prices in whole minor units, none of them negative."""
    currency, decimals = draw(st.sampled_from([("JPY", 0), ("AUD", 2), ("KWD", 3)]))
    prices = st.integers(0, 10**7).map(lambda units: Decimal(units).scaleb(-decimals))
    tags = st.frozensets(st.sampled_from(["sale", "gift-card"]))
    lines = draw(st.lists(st.builds(Line, st.just("s"), st.just("n"), st.integers(0, 20), prices, tags), max_size=8))
    return Cart("c", tuple(lines), currency, draw(st.none() | prices))


percentages = st.integers(1, 10_000).map(lambda hundredths: Decimal(hundredths).scaleb(-2))
positive_amounts = st.integers(1, 10**8).map(lambda units: Decimal(units).scaleb(-2))
monies = positive_amounts.map(lambda amount: Money(tuple((code, amount) for code in ("AUD", "JPY", "KWD"))))
policies = st.one_of(
    st.builds(Policy, st.just("p"), st.just(DiscountKind.PERCENT), percentages),
    st.builds(Policy, st.just("a"), st.just(DiscountKind.AMOUNT), amount=monies),
    st.builds(
        Policy, st.just("a"), st.just(DiscountKind.AMOUNT), amount=monies, excludes=st.just(frozenset({"gift-card"}))
    ),
    st.builds(Policy, st.just("x"), st.sampled_from([DiscountKind.SHIPPING, DiscountKind.FREE_ITEM])),
    st.builds(Policy, st.just("n"), st.just(DiscountKind.NONE)),
)


@PLENTY
@given(carts(), policies)
def test_no_line_and_no_shipping_is_ever_discounted_below_zero(cart: Cart, policy: Policy) -> None:
    discount = discount_for(policy, cart)

    assert len(cart.lines) == len(discount.lines)
    assert all(0 <= off <= line.total for off, line in zip(discount.lines, cart.lines, strict=True))
    assert 0 <= discount.shipping <= (cart.shipping or 0)


@PLENTY
@given(carts(), policies)
def test_every_part_is_whole_minor_units(cart: Cart, policy: Policy) -> None:
    discount = discount_for(policy, cart)

    assert all(off.scaleb(cart.minor_digits) % 1 == 0 for off in (*discount.lines, discount.shipping))


@PLENTY
@given(carts(), percentages)
def test_the_parts_of_a_percentage_add_up_to_the_rounded_whole(cart: Cart, size: Decimal) -> None:
    discount = discount_for(Policy("p", DiscountKind.PERCENT, size), cart)

    exact = (cart.subtotal * size / 100).quantize(Decimal(1).scaleb(-cart.minor_digits), ROUND_HALF_UP)
    assert exact == sum(discount.lines, Decimal(0)) == discount.amount


@PLENTY
@given(carts(), positive_amounts)
def test_the_parts_of_an_amount_add_up_to_it_or_to_the_cart(cart: Cart, size: Decimal) -> None:
    discount = discount_for(Policy("a", DiscountKind.AMOUNT, amount=money(size, cart.currency)), cart)

    rounded = size.quantize(Decimal(1).scaleb(-cart.minor_digits), ROUND_HALF_UP)
    assert min(rounded, cart.subtotal) == discount.amount


@PLENTY
@given(carts())
def test_a_hundred_percent_leaves_nothing(cart: Cart) -> None:
    discount = discount_for(policy("percent", "100"), cart)

    assert tuple(line.total for line in cart.lines) == discount.lines


@PLENTY
@given(
    st.integers(0, 10**6).map(lambda cents: Decimal(cents).scaleb(-2)),
    st.lists(st.integers(-(10**5), 10**5).map(lambda cents: Decimal(cents).scaleb(-2)), max_size=8),
)
def test_shares_add_up_even_where_a_shop_writes_a_coupon_as_a_negative_line(
    amount: Decimal, weights: list[Decimal]
) -> None:
    parts = split(amount, weights, 2)

    assert sum(parts, Decimal(0)) == (amount if sum(weights) > 0 else 0)


@PLENTY
@given(st.lists(st.integers(0, 10**9).map(lambda mills: Decimal(mills).scaleb(-4)), max_size=6), percentages)
def test_a_price_finer_than_a_cent_is_never_discounted_below_zero(prices: list[Decimal], size: Decimal) -> None:
    fuel = cart(*(Line("fuel", "A litre", 1, price) for price in prices))

    discount = discount_for(Policy("p", DiscountKind.PERCENT, size), fuel)

    assert all(0 <= off <= line.total for off, line in zip(discount.lines, fuel.lines, strict=True))
    assert all(off.scaleb(2) % 1 == 0 for off in discount.lines)


def test_the_cent_left_over_goes_to_the_largest_remainder() -> None:
    discount = discount_for(policy("amount", "10"), cart(line("10"), line("10"), line("10")))

    assert amounts("3.34", "3.33", "3.33") == discount.lines


def test_half_a_cent_is_rounded_up() -> None:
    assert Decimal("0.02") == discount_for(policy("percent", "10"), cart(line("0.15"))).amount


def test_yen_have_no_cents() -> None:
    discount = discount_for(policy("percent", "10"), cart(line("1980"), line("555"), shipping="700", currency="JPY"))

    assert amounts("198", "56") == discount.lines


def test_the_shops_own_discount_in_yen_is_rounded_to_whole_yen() -> None:
    discount = amount_off(policy("none"), cart(line("1980"), currency="JPY", shipping=None), Decimal("7.50"))

    assert Decimal(8) == discount.amount


def test_a_hundred_percent_of_many_odd_lines_leaves_zero() -> None:
    odd = cart(line("19.99", 3), line("0.01"), line("7.77", 7))

    assert odd.subtotal - discount_for(policy("percent", "100"), odd).amount == 0


@pytest.mark.parametrize("kind", DiscountKind)
def test_an_empty_cart_gets_no_discount_on_lines(kind: str) -> None:
    assert discount_for(policy(kind, "10"), cart(shipping=None)) == Discount((), Decimal(0))


@pytest.mark.parametrize("kind", ["percent", "amount", "free-item"])
def test_zero_prices_get_no_discount(kind: str) -> None:
    assert amounts("0", "0") == discount_for(policy(kind, "10"), cart(line("0"), line("0", 3))).lines


def test_a_free_line_among_others_gets_no_cent() -> None:
    assert (
        amounts("0", "3.33", "0", "6.67")
        == discount_for(policy("amount", "10"), cart(line("0"), line("33.30"), line("0", 5), line("66.70"))).lines
    )


def test_an_amount_larger_than_the_cart_takes_the_cart() -> None:
    assert Decimal("4.50") == discount_for(policy("amount", "10"), cart(line("4.50"))).amount


def test_shipping_takes_the_chosen_method_off_and_no_line() -> None:
    discount = discount_for(policy("shipping"), cart(line("50"), shipping="9.95"))

    assert (amounts("0"), Decimal("9.95")) == (discount.lines, discount.shipping)


def test_shipping_not_chosen_yet_is_worth_nothing_yet() -> None:
    assert Decimal(0) == discount_for(policy("shipping"), cart(line("50"), shipping=None)).amount


def test_a_free_item_is_one_unit_of_the_cheapest_that_costs_something() -> None:
    discount = discount_for(policy("free-item"), cart(line("30"), line("5.50", 4), line("0"), line("5.50")))

    assert amounts("0", "5.50", "0", "0") == discount.lines


def test_a_line_of_no_pieces_has_no_free_item() -> None:
    assert amounts("0", "30") == discount_for(policy("free-item"), cart(line("5", 0), line("30"))).lines


def test_only_fitting_lines_are_discounted() -> None:
    rules = policy("percent", "10", fits=frozenset({"shoes"}), excludes=frozenset({"sale"}))
    mixed = cart(line("100", 1, "shoes"), line("100", 1, "shoes", "sale"), line("100", 1, "hats"), line("100"))

    assert amounts("10", "0", "0", "0") == discount_for(rules, mixed).lines


def test_the_cheapest_item_is_chosen_among_the_fitting() -> None:
    rules = policy("free-item", fits=frozenset({"shoes"}))

    assert amounts("0", "80") == discount_for(rules, cart(line("5", 1, "socks"), line("80", 1, "shoes"))).lines


def test_exclusion_wins_over_fitting() -> None:
    rules = policy("none", fits=frozenset({"shoes"}), excludes=frozenset({"sale"}))

    assert not is_eligible(rules, line("1", 1, "shoes", "sale"))
    assert is_eligible(rules, line("1", 1, "shoes", "new"))


@pytest.mark.parametrize(
    ("asked", "given_off"), [("5", "5.00"), ("-5", "0"), ("5.005", "5.01"), ("9999", "30.00"), ("0", "0")]
)
def test_the_shops_own_discount_is_capped_and_rounded(asked: str, given_off: str) -> None:
    off = amount_off(policy("none"), cart(line("10"), line("20")), Decimal(asked))

    assert Decimal(given_off) == off.amount


# Any cart: returns, adjustments, coupons written as lines, parts of a cent, every kind of currency.

CURRENCIES = ("AUD", "JPY", "KWD", "CLF", "XXX")
any_price = st.integers(-(10**8), 10**8).map(lambda mills: Decimal(mills).scaleb(-4))
any_line = st.builds(
    Line,
    st.just("s"),
    st.just("n"),
    st.integers(-5, 20),
    any_price,
    st.frozensets(st.sampled_from(["sale", "gift-card"])),
)
any_cart = st.builds(
    Cart,
    st.just("c"),
    st.lists(any_line, max_size=8).map(tuple),
    st.sampled_from(CURRENCIES),
    st.none() | any_price,
)
any_money = positive_amounts.map(lambda amount: Money(tuple((code, amount) for code in CURRENCIES)))
rules = {
    "excludes": st.sampled_from([frozenset[str](), frozenset({"gift-card"})]),
    "fits": st.sampled_from([frozenset[str](), frozenset({"sale"})]),
}
any_policy = st.one_of(
    st.builds(Policy, st.just("p"), st.just(DiscountKind.PERCENT), percentages, **rules),
    st.builds(Policy, st.just("a"), st.just(DiscountKind.AMOUNT), amount=any_money, **rules),
    st.builds(Policy, st.just("x"), st.sampled_from(DiscountKind), **rules),
)


def to_pay(cart: Cart) -> Decimal:
    return max(Decimal(0), cart.subtotal + (cart.shipping or 0))


@settings(deadline=None, max_examples=400)
@given(any_cart, any_policy, st.none() | any_price)
def test_no_cart_of_any_currency_gets_more_off_than_the_shopper_pays(
    cart: Cart, policy: Policy, own: Decimal | None
) -> None:
    discount = discount_for(policy, cart) if own is None else amount_off(policy, cart, own)

    parts = (*discount.lines, discount.shipping)
    assert len(cart.lines) == len(discount.lines)
    assert all(part >= 0 for part in parts)
    assert discount.amount <= to_pay(cart)
    assert all(part.scaleb(cart.minor_digits) % 1 == 0 for part in parts)
    assert sum(parts, Decimal(0)) == discount.amount
    assert all(off <= max(Decimal(0), line.total) for off, line in zip(discount.lines, cart.lines, strict=True))


def test_333_and_335_yen_at_10_percent_take_33_and_34_off() -> None:
    yen = cart(line("333"), line("335"), shipping=None, currency="JPY")

    assert (Decimal(33), Decimal(34)) == discount_for(policy("percent", "10"), yen).lines


def test_dinars_have_three_decimals() -> None:
    assert Decimal("0.124") == discount_for(policy("percent", "10"), cart(line("1.235"), currency="KWD")).amount


def test_a_shop_may_price_in_other_digits_than_its_currency_has() -> None:
    dinars = Cart("c", (line("199.99"),), "RSD", decimals=2)

    assert (Cart("c", (), "RSD").minor_digits, dinars.minor_digits) == (0, 2)
    assert Decimal("20.00") == discount_for(policy("percent", "10"), dinars).amount


def test_an_amount_is_never_taken_off_a_cart_in_another_currency() -> None:
    discount = discount_for(policy("amount", "5"), cart(line("1980"), currency="JPY"))

    assert Decimal(0) == discount.amount


def test_a_negative_shipping_is_not_taken_off_again() -> None:
    assert Discount((Decimal(0),)) == discount_for(policy("shipping"), cart(line("20"), shipping="-4.95"))


def test_shipping_finer_than_a_cent_takes_off_no_more_than_it_costs() -> None:
    assert Decimal("4.95") == discount_for(policy("shipping"), cart(line("20"), shipping="4.955")).shipping


@pytest.mark.parametrize("kind", ["percent", "amount", "free-item", "shipping"])
def test_a_return_gets_no_discount(kind: str) -> None:
    returned = cart(line("20", -1), shipping="5.00")

    assert Decimal(0) == discount_for(policy(kind, "10"), returned).amount


def test_a_return_in_an_exchange_lowers_what_a_percentage_is_of_and_takes_no_part_of_it() -> None:
    exchange = cart(line("20"), line("5", -1), shipping=None)

    assert amounts("1.50", "0") == discount_for(policy("percent", "10"), exchange).lines


@pytest.mark.parametrize("kind", ["amount", "free-item"])
def test_a_coupon_line_that_the_benefit_does_not_fit_still_lowers_what_can_come_off(kind: str) -> None:
    rule = policy(kind, "10", excludes=frozenset({"coupon"}))
    paid = cart(line("20"), line("-15", 1, "coupon"), shipping=None)

    assert amounts("5", "0") == discount_for(rule, paid).lines
