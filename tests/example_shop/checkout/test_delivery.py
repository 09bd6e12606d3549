"""Addresses and ways to deliver."""

from __future__ import annotations

from decimal import Decimal

import pytest

from example_shop.checkout.delivery import METHODS, problems, read_address

FINE = {"name": "M", "email": "m@example.com", "street": "1 A", "suburb": "B", "state": "VIC", "postcode": "3000"}


def test_the_methods_and_what_they_cost() -> None:
    prices = {key: method.price for key, method in METHODS.items()}

    assert {"standard": Decimal("9.95"), "express": Decimal("14.95"), "pickup": Decimal("0.00")} == prices


def test_a_complete_address_has_no_problems() -> None:
    assert problems(FINE, METHODS["standard"]) == {}


def test_an_empty_address_is_wrong_everywhere() -> None:
    assert set(FINE) == set(problems({}, METHODS["express"]))


def test_for_pick_up_a_name_and_an_email_are_enough() -> None:
    assert {"name", "email"} == set(problems({}, METHODS["pickup"]))


@pytest.mark.parametrize("email", ["", "m", "m@", "@example.com", "m@example", "m n@example.com"])
def test_an_email_that_cannot_be_one_is_wrong(email: str) -> None:
    assert problems({**FINE, "email": email}, METHODS["standard"]) == {"email": "Enter your email address."}


@pytest.mark.parametrize("postcode", ["300", "30000", "3OOO", "٣٠٠٠"])
def test_a_postcode_has_four_digits(postcode: str) -> None:
    assert list(problems({**FINE, "postcode": postcode}, METHODS["standard"])) == ["postcode"]


def test_an_address_is_trimmed_and_has_an_end() -> None:
    read = read_address({"name": "  Mia  ", "street": "x" * 1000, "card": "4242"})

    assert read == {"name": "Mia", "street": "x" * 200}
