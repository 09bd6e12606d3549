"""Omneo's records, whole and sloppy, as values of the domain."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from claimable_benefits.domain.benefits import Benefit, Definition, RecordedTransaction, Redemption
from claimable_benefits.errors import InvalidResponse
from claimable_benefits.omneo.parsing import FieldReader, profile_id

MELBOURNE = ZoneInfo("Australia/Melbourne")
READER = FieldReader(MELBOURNE)
PROFILE = "5d0c1f2e-7b1a-4c3e-9f55-0a6b2c9d4e11"


def test_a_whole_definition() -> None:
    raw = {
        "id": 94,
        "handle": "first-spend",
        "name": "First Spend",
        "short_description": "Ten off",
        "long_description": "<p>…</p>",
        "terms_conditions": "Once",
        "earn_instructions": "Join",
        "redeem_instructions_online": "At checkout",
        "redeem_instructions_store": "Show it",
        "redeem_code_online": "FIRST10",
        "redeem_code_pos": "FS10",
        "image_url": "https://images.test/1.png",
        "type": "discount",
        "value": 10.5,
        "period": 7,
        "period_type": "days",
        "max_redemptions": 1,
        "max_global_redemptions": 100,
        "total_global_redemptions_remaining": 40,
        "is_claimable": True,
        "is_reclaimable": True,
        "is_published": False,
        "claim_period_start_at": "2025-05-31 14:00:00",
        "claim_period_end_at": "2025-12-31 12:59:59",
        "tags": ["first-spend", {"id": 3}, {"name": "vip"}, None],
        "something_new": {"nobody": "knows"},
    }

    expected = Definition(
        id="94",
        handle="first-spend",
        name="First Spend",
        short_description="Ten off",
        long_description="<p>…</p>",
        terms="Once",
        earn_instructions="Join",
        instructions_online="At checkout",
        instructions_store="Show it",
        code_online="FIRST10",
        code_store="FS10",
        image_url="https://images.test/1.png",
        type="discount",
        value=None,
        period=7,
        period_type="days",
        max_redemptions=1,
        global_remaining=40,
        is_claimable=True,
        is_reclaimable=True,
        is_published=False,
        claim_from=datetime(2025, 5, 31, 14, tzinfo=UTC),
        claim_until=datetime(2025, 12, 31, 12, 59, 59, tzinfo=UTC),
        tags=("first-spend", "3", "vip"),
    )
    assert expected == READER.definition(raw)  # a binary float never arrives: JSON is read with exact decimals


def test_a_sloppy_definition() -> None:
    raw = {
        "id": "94",
        "handle": "vip",
        "value": "10.5",
        "is_claimable": "1",
        "is_published": "0",
        "tags": None,
        "period": "x",
    }

    expected = Definition(
        id="94", handle="vip", name="vip", value=Decimal("10.5"), is_claimable=True, is_published=False
    )
    assert expected == READER.definition(raw)


def test_what_is_left_for_everybody_counts_only_where_there_is_a_limit() -> None:
    raw = {"id": 1, "max_global_redemptions": None, "total_global_redemptions_remaining": 1}

    assert READER.definition(raw).global_remaining is None


def test_a_whole_benefit() -> None:
    raw = {
        "id": 1201,
        "profile_id": PROFILE,
        "external_id": "shop-1",
        "issued_at": "2025-06-14 23:00:00",
        "expires_at": "2025-06-22 13:59:59",
        "timezone": "Australia/Melbourne",
        "claimed_at": "2025-06-14 23:00:00",
        "is_expired": False,
        "is_redeemable": True,
        "redemptions_remaining": 1,
        "redeem_code_pos": None,
        "redeem_code_online": "MINE",
        "definition": {"id": 94, "handle": "first-spend", "name": "First Spend", "redeem_code_pos": "FS10"},
    }

    expected = Benefit(
        id="1201",
        definition=Definition(id="94", handle="first-spend", name="First Spend", code_store="FS10"),
        profile_id=PROFILE,
        external_id="shop-1",
        issued_at=datetime(2025, 6, 14, 23, tzinfo=UTC),
        expires_at=datetime(2025, 6, 22, 13, 59, 59, tzinfo=UTC),
        claimed_at=datetime(2025, 6, 14, 23, tzinfo=UTC),
        timezone="Australia/Melbourne",
        is_expired=False,
        is_redeemable=True,
        remaining=1,
        code_online="MINE",
        code_store="FS10",
    )
    assert expected == READER.benefit(raw)


@pytest.mark.parametrize(
    "kind",
    [
        {"definition": {"id": "94"}},
        {"definition": 94},
        {"definition": "94"},
        {"benefit_definition_id": 94},
        {"definition": None, "benefit_definition_id": 94},
        {"definition": [], "benefit_definition_id": "94"},
    ],
)
def test_a_benefit_whose_definition_is_only_an_id(kind: dict[str, object]) -> None:
    assert Definition(id="94", handle="", name="") == READER.benefit({"id": 1, **kind}).definition


def test_a_benefit_without_any_definition_is_a_benefit() -> None:
    assert Definition(id="", handle="", name="") == READER.benefit({"id": 1}).definition


def test_a_tenant_that_echoes_is_read_in_the_zone_of_the_record() -> None:
    raw = {"id": 1, "timezone": "Asia/Tokyo", "expires_at": "2025-06-15 09:00:00", "claimed_at": "2025-06-15 00:00:00"}
    benefit = FieldReader(MELBOURNE, echo=True).benefit(raw)

    assert datetime(2025, 6, 15, tzinfo=UTC) == benefit.expires_at
    assert datetime(2025, 6, 15, tzinfo=UTC) == benefit.claimed_at  # Omneo's own stamp, never echoed


@pytest.mark.parametrize("zone", [None, "", "Atlantis/Capital", "America", "../etc/passwd", "\x00", 7, []])
def test_a_tenant_that_echoes_without_a_zone_is_read_in_its_own(zone: object) -> None:
    raw = {"id": 1, "timezone": zone, "expires_at": "2025-06-15"}

    assert datetime(2025, 6, 14, 14, tzinfo=UTC) == FieldReader(MELBOURNE, echo=True).benefit(raw).expires_at


REDEMPTION = {
    "id": 159,
    "profile_id": PROFILE,
    "type": "redeem",
    "external_id": "shop-9",
    "transaction_id": 88421,
    "transaction": {"external_id": "WEB-100045", "total": 89.99},
    "redeem_at": "2025-06-15 04:30:00",
    "items": [
        {
            "id": 161,
            "type": "benefit",
            "count": "2",
            "type_attributes": {"id": 1201, "definition": {"name": "First Spend"}},
        },
        {"id": 162, "type": "reward", "count": 5, "type_attributes": {"id": 7}},
        None,
    ],
    "created_at": "2025-06-15 04:30:02",
}


def test_a_whole_redemption() -> None:
    expected = Redemption(
        id="159",
        kind="redeem",
        profile_id=PROFILE,
        benefit_ids=("1201",),
        benefit_names=("First Spend",),
        count=2,
        created_at=datetime(2025, 6, 15, 4, 30, 2, tzinfo=UTC),
        redeemed_at=datetime(2025, 6, 15, 4, 30, tzinfo=UTC),
        transaction_id="88421",
        order_number="WEB-100045",
        external_id="shop-9",
    )
    assert expected == READER.redemption(REDEMPTION)


def test_the_answer_of_the_strategy_variant_needs_only_an_id() -> None:
    raw: dict[str, object] = {"id": "160", "transaction_external_id": "shop-9", "balances": {}, "items": None}

    assert Redemption(id="160", kind="redeem", external_id="shop-9") == READER.redemption(raw)


def test_a_missing_kind_is_that_of_the_call() -> None:
    assert READER.redemption({"id": 1, "type": None}, "reversal").kind == "reversal"
    assert READER.redemption({"id": 1, "type": "return"}, "redeem").kind == "return"


def test_a_bare_item_names_its_redemption() -> None:
    raw = {"id": 161, "redemption_id": 159, "type": "benefit", "count": 1, "type_attributes": {"id": 1201}}

    assert Redemption(id="159", kind="redeem", benefit_ids=("1201",)) == READER.redemption(raw)


@pytest.mark.parametrize(
    "raw",
    [
        {"id": 161, "type": "benefit", "type_attributes": {"id": 1201}},
        {"id": 1201, "definition": {"id": 94}, "profile_id": PROFILE},
        {"id": 1201, "redemptions_remaining": 0},
    ],
)
def test_the_id_of_an_item_or_a_benefit_is_never_taken_for_that_of_a_redemption(raw: dict[str, object]) -> None:
    with pytest.raises(InvalidResponse):
        READER.redemption(raw)


@pytest.mark.parametrize("link", [{"redemption": {"id": 159}}, {"redemption": "159"}, {"redemption_id": 159}])
def test_a_transaction_with_its_redemption_in_any_form(link: dict[str, object]) -> None:
    raw = {"id": 88421, "external_id": "WEB-1", "total": "89.99", "profile": {"id": PROFILE}, "is_void": 0, **link}

    expected = RecordedTransaction(
        id="88421", external_id="WEB-1", total=Decimal("89.99"), redemption_id="159", profile_id=PROFILE
    )
    assert expected == READER.transaction(raw)


def test_a_transaction_without_redemption() -> None:
    assert READER.transaction({"id": 1, "redemption": None, "reversed_redemptions": []}).redemption_id is None


@pytest.mark.parametrize(
    "shape",
    [
        PROFILE,
        {"profile_id": PROFILE},
        {"id": PROFILE},
        {"profile": {"id": PROFILE}},
        [{"id": PROFILE}],
        [PROFILE],
        {"id": 12, "profile_id": PROFILE, "handle": "ecommerce", "identifier": "C-1"},
        {"id": 12, "profile": {"id": PROFILE}, "handle": "ecommerce", "identifier": "C-1"},
        [{"profile_id": PROFILE, "identifier": "C-1"}, {"profile_id": "somebody-else", "identifier": "C-11"}],
        [{"profile_id": PROFILE, "identifier": "C-1"}, {"profile_id": PROFILE, "handle": "ecommerce"}],
    ],
)
def test_a_profile_is_found_in_every_shape_that_we_can_think_of(shape: object) -> None:
    assert profile_id(shape, "ecommerce", "C-1") == PROFILE


@pytest.mark.parametrize(
    "shape",
    [
        None,
        [],
        {},
        "",
        " ",
        [{"profile_id": PROFILE, "identifier": "c-1"}],
        {"profile_id": PROFILE, "handle": "staff", "identifier": "C-1"},
    ],
)
def test_an_unknown_customer_has_no_profile(shape: object) -> None:
    assert profile_id(shape, "ecommerce", "C-1") is None


@pytest.mark.parametrize(
    "shape",
    [[PROFILE, "another"], {"id": 12, "identifier": "C-1"}, {"name": "Mia"}, [7], [[PROFILE]]],
)
def test_a_shape_that_could_name_somebody_else_is_an_invalid_response(shape: object) -> None:
    with pytest.raises(InvalidResponse):
        profile_id(shape, "ecommerce", "C-1")


def test_a_definition_that_has_changed_is_read_again() -> None:
    before = READER.benefit({"id": 1, "definition": {"id": 94, "handle": "x", "name": "Before"}})
    same = READER.benefit({"id": 2, "definition": {"id": 94, "handle": "x", "name": "Before"}})
    after = READER.benefit({"id": 1, "definition": {"id": 94, "handle": "x", "name": "After"}})

    assert same.definition is before.definition
    assert [before.name, after.name] == ["Before", "After"]
