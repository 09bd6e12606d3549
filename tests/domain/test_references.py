"""Order numbers of every kind, and what Omneo knows them by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimable_benefits.domain.references import external_id_of, order_number_of
from claimable_benefits.errors import InvalidValue

PLAIN = ["1001", "FT-8K2M", "#1001", "WEB_2026.11-7", "A 7", "100045/2".replace("/", "-"), "x" * 191]
UNUSUAL = ["100045/2", "..", "Größe-7", "a\nb", "50%", "x" * 300, " 7", "7?", "\\7", "😀"]


@pytest.mark.parametrize("number", PLAIN)
def test_a_plain_number_is_its_own_external_id(number: str) -> None:
    assert external_id_of(number) == number


@pytest.mark.parametrize("number", UNUSUAL)
def test_an_unusual_number_becomes_a_short_plain_one(number: str) -> None:
    external_id = external_id_of(number)

    assert external_id != number
    assert external_id.isascii()
    assert len(external_id) <= 137
    assert external_id_of(external_id) == external_id


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_orders_never_share_an_external_id(one: str, other: str) -> None:
    assert (external_id_of(one) == external_id_of(other)) == (one == other)


@pytest.mark.parametrize("number", ["", "  ", "a\x00b", "a\ud800", "9" * 601, None, True, 1.5, b"A1", ["A1"]])
def test_what_cannot_be_stored_is_no_order_number(number: object) -> None:
    with pytest.raises(InvalidValue, match="order_number"):
        order_number_of(number)
