"""Rows with a version: how they are read."""

from __future__ import annotations

from dataclasses import fields

import pytest
from sqlalchemy import Table

from claimable_benefits.ledger.claims import Claim
from claimable_benefits.ledger.shops import columns_of
from claimable_benefits.ledger.tables import claims, uses
from claimable_benefits.ledger.uses import Use


@pytest.mark.parametrize(("record", "table"), [(Use, uses), (Claim, claims)])
def test_a_record_has_a_field_for_each_column_that_is_read_in_their_order(
    record: type[Use] | type[Claim], table: Table
) -> None:
    assert [field.name for field in fields(record)] == [column.name for column in columns_of(table)]
