"""The policy file: what it may say, and what a person is told where it says something else."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import pytest

from claimable_benefits.domain.policy import DiscountKind, Money, Place, Policy, PolicyError, Refundable, read_policies

FILE = """
[first-spend]
discount = "percent"
size = 12.5
used_at = ["checkout", "account"]
refundable = "full-refund"
minimum = "49.90 AUD"
fits = ["clothing", "shoes"]
excludes = ["gift-card"]

[vip-lounge]
used_at = "account"
"""
TABLE = {"discount": "percent", "size": 10, "used_at": "checkout"}


def refused(table: Any) -> PolicyError:
    with pytest.raises(PolicyError) as error:
        read_policies({"gift": table})
    return error.value


def test_every_key_is_read() -> None:
    policy = read_policies(tomllib.loads(FILE))["first-spend"]

    expected = Policy(
        handle="first-spend",
        discount=DiscountKind.PERCENT,
        size=Decimal("12.5"),
        used_at=frozenset({Place.CHECKOUT, Place.ACCOUNT}),
        refundable=Refundable.FULL_REFUND,
        minimum=Money((("AUD", Decimal("49.90")),)),
        fits=frozenset({"clothing", "shoes"}),
        excludes=frozenset({"gift-card"}),
    )
    assert expected == policy


def test_what_is_left_out_takes_nothing_off_and_is_always_refundable() -> None:
    policy = read_policies(tomllib.loads(FILE))["vip-lounge"]

    assert Policy("vip-lounge", used_at=frozenset({Place.ACCOUNT})) == policy
    assert (DiscountKind.NONE, Refundable.ALWAYS, Money()) == (policy.discount, policy.refundable, policy.minimum)


@pytest.mark.parametrize("place", Place)
def test_what_is_held_is_used_from_the_account_where_the_policy_says_account_or_claim(place: Place) -> None:
    policy = Policy("x", used_at=frozenset({place}))

    assert (place in (Place.ACCOUNT, Place.CLAIM)) == policy.from_account


def test_an_empty_file_holds_no_policies() -> None:
    assert read_policies({}) == {}


@pytest.mark.parametrize("kind", DiscountKind)
def test_every_kind_of_discount_can_be_written(kind: DiscountKind) -> None:
    sizes: dict[str, dict[str, object]] = {"percent": {"size": 5}, "amount": {"size": "5 AUD"}}

    policy = read_policies({"gift": {"discount": str(kind), "used_at": "checkout", **sizes.get(kind, {})}})["gift"]

    assert kind is policy.discount


AMOUNT = {"discount": "amount", "used_at": "checkout"}
FIVE_DOLLARS = Money((("AUD", Decimal(5)),))
MONEY: dict[str, tuple[object, Money]] = {
    "a text": ("5 AUD", FIVE_DOLLARS),
    "a text with cents": ("7.50 AUD", Money((("AUD", Decimal("7.50")),))),
    "a currency in small letters": ("5 aud", FIVE_DOLLARS),
    "yen": ("500 JPY", Money((("JPY", Decimal(500)),))),
    "dinars": ("1.250 KWD", Money((("KWD", Decimal("1.250")),))),
    "a table by currency": (
        {"AUD": "5", "NZD": "5.50"},
        Money((("AUD", Decimal(5)), ("NZD", Decimal("5.50")))),
    ),
    "numbers in a table": ({"AUD": 5, "NZD": 5.5}, Money((("AUD", Decimal(5)), ("NZD", Decimal("5.5"))))),
}


@pytest.mark.parametrize(("written", "read"), MONEY.values(), ids=MONEY)
def test_money_carries_its_currency(written: object, read: Money) -> None:
    policy = read_policies({"gift": AMOUNT | {"size": written, "minimum": written}})["gift"]

    assert (read, read) == (policy.amount, policy.minimum)


@pytest.mark.parametrize("size", [0.01, 1, 99.99, 100])
def test_a_percentage_is_above_0_and_up_to_100(size: float) -> None:
    assert Decimal(str(size)) == read_policies({"gift": TABLE | {"size": size}})["gift"].size


BAD: dict[str, tuple[object, str, str]] = {
    "a text for a table": ("10 percent", "gift", "Write [gift] on a line of its own"),
    "a list for a table": ([TABLE], "gift", "Write [gift] on a line of its own"),
    "an unknown key": (TABLE | {"sise": 10}, "gift.sise", "Known keys: discount, size, used_at"),
    "a key in capitals": ({"Discount": "percent"}, "gift.Discount", "Known keys: discount"),
    "an unknown discount": (TABLE | {"discount": "half"}, "gift.discount", 'Use one of "percent", "amount"'),
    "a discount in capitals": (TABLE | {"discount": "Percent"}, "gift.discount", '"percent"'),
    "a list of discounts": (TABLE | {"discount": ["percent"]}, "gift.discount", '"free-item"'),
    "a number for a discount": (TABLE | {"discount": 10}, "gift.discount", '"shipping"'),
    "0 percent": (TABLE | {"size": 0}, "gift.size", "Write a number above 0 and up to 100."),
    "101 percent": (TABLE | {"size": 101}, "gift.size", "up to 100"),
    "percent of no size": ({"discount": "percent", "used_at": "checkout"}, "gift.size", "Write a number above 0"),
    "an amount of no size": ({"discount": "amount", "used_at": "checkout"}, "gift.size", 'such as size = "5 AUD"'),
    "an amount of 0": (AMOUNT | {"size": "0 AUD"}, "gift.size", "Write one with its currency"),
    "an amount without a currency": (AMOUNT | {"size": 5}, "gift.size", 'Write "5 AUD"'),
    "an amount in quotes without a currency": (AMOUNT | {"size": "7.50"}, "gift.size", 'Write "7.50 AUD"'),
    "an amount in an unknown currency": (AMOUNT | {"size": "5 AUS"}, "gift.size", "Write an ISO 4217 code"),
    "an amount finer than a cent": (AMOUNT | {"size": "5.005 AUD"}, "gift.size", "at most 2 digits"),
    "half a yen": (AMOUNT | {"size": "0.5 JPY"}, "gift.size", "Write a whole number."),
    "a table with half a yen": (AMOUNT | {"size": {"AUD": "5", "JPY": "0.5"}}, "gift.size", "Write a whole number."),
    "an empty table": (AMOUNT | {"size": {}}, "gift.size", 'Write { AUD = "5", NZD = "5.50" }.'),
    "a currency twice": (AMOUNT | {"size": {"AUD": 5, "aud": 6}}, "gift.size", "Write each once."),
    "a negative amount": (AMOUNT | {"size": "-5 AUD"}, "gift.size", "Write one with its currency"),
    "a percentage in money": (TABLE | {"size": "5 AUD"}, "gift.size", "Write a number above 0 and up to 100."),
    "a negative size": (TABLE | {"size": -5}, "gift.size", "Write a number above 0"),
    "a size in words": (TABLE | {"size": "ten"}, "gift.size", "Write a number above 0"),
    "a size with a sign": (TABLE | {"size": "10%"}, "gift.size", "Write a number above 0"),
    "a truth for a size": (TABLE | {"size": True}, "gift.size", "Write a number above 0"),
    "no size in quotes": (TABLE | {"size": ""}, "gift.size", "Write a number above 0"),
    "a list for a size": (TABLE | {"size": [10]}, "gift.size", "Write a number above 0"),
    "a size of nan": (TABLE | {"size": float("nan")}, "gift.size", "Write a number above 0"),
    "a size of infinity": (TABLE | {"size": "Infinity"}, "gift.size", "Write a number above 0"),
    "a size that no checkout can count": (
        AMOUNT | {"size": "1e30 AUD"},
        "gift.size",
        "Write one with its currency",
    ),
    "a size for shipping": ({"discount": "shipping", "size": 5, "used_at": "checkout"}, "gift.size", "Remove it."),
    "a size for nothing": ({"size": 5, "used_at": "checkout"}, "gift.size", "Remove it."),
    "a size of 0 for a free item": (
        {"discount": "free-item", "size": 0, "used_at": "checkout"},
        "gift.size",
        "Remove it.",
    ),
    "no place": (
        {"discount": "shipping"},
        "gift.used_at",
        'Use one or more of "checkout", "account", "store", "claim".',
    ),
    "an empty list of places": (TABLE | {"used_at": []}, "gift.used_at", "Use one or more of"),
    "an empty place": (TABLE | {"used_at": ""}, "gift.used_at", "Use one or more of"),
    "an unknown place": (TABLE | {"used_at": ["checkout", "till"]}, "gift.used_at", '"store"'),
    "a number for a place": (TABLE | {"used_at": 1}, "gift.used_at", "Use one or more of"),
    "a list in the places": (TABLE | {"used_at": [["checkout"]]}, "gift.used_at", "Use one or more of"),
    "an unknown way back": (TABLE | {"refundable": "sometimes"}, "gift.refundable", '"always", "full-refund"'),
    "a truth for a way back": (TABLE | {"refundable": False}, "gift.refundable", '"never"'),
    "a minimum without a currency": (TABLE | {"minimum": 50}, "gift.minimum", 'Write "50 AUD"'),
    "a negative minimum": (TABLE | {"minimum": "-1 AUD"}, "gift.minimum", "Write one with its currency"),
    "a minimum in words": (TABLE | {"minimum": "fifty"}, "gift.minimum", 'such as "5 AUD"'),
    "one tag without a list": (TABLE | {"fits": "shoes"}, "gift.fits", 'Write ["gift-card", "sale"].'),
    "a number for a tag": (TABLE | {"fits": ["shoes", 5]}, "gift.fits", 'Write ["gift-card", "sale"].'),
    "an excluded text": (TABLE | {"excludes": "shoes"}, "gift.excludes", 'Write ["gift-card", "sale"].'),
}


@pytest.mark.parametrize(("table", "key", "remedy"), BAD.values(), ids=BAD)
def test_bad_input_names_its_key_and_the_remedy(table: object, key: str, remedy: str) -> None:
    error = refused(table)

    assert key == error.key
    assert remedy in error.remedy
    assert str(error) == f"{error.key}: {error.problem} {error.remedy}"


def test_what_was_written_is_quoted() -> None:
    assert "'half'" in refused(TABLE | {"discount": "half"}).problem


def test_one_bad_entry_refuses_the_whole_file() -> None:
    with pytest.raises(PolicyError) as error:
        read_policies({"good": TABLE, "bad": {}})

    assert error.value.key == "bad.used_at"
