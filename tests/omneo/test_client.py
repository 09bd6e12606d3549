"""What every call sends, and what it makes of the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from claimable_benefits.domain.benefits import Benefit, Definition, RecordedTransaction, Redemption
from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.errors import (
    AuthenticationError,
    BenefitsError,
    InvalidResponse,
    NotApplied,
    OutcomeUnknown,
    Rejected,
    SettingsError,
)
from claimable_benefits.omneo import OmneoClient
from tests.omneo.doubles import BASE_URL, TOKEN, Reply, Tenant, answer, client_of, data, query

NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)
VIP = Definition(id="94", handle="vip", name="VIP")
SEARCH, SEARCH_ID = "GET /identities/search", "POST /profiles/search-id"
REDEEM, STRATEGY = "POST /profiles/p/benefits/7/redemptions", "POST /profiles/p/redeem"
COUNT = "POST /profiles/p/benefits/7/redeem"
CLAIM, CLAIM_BY_ID = "POST /profiles/p/benefits/claim", "POST /profiles/p/benefits/94/claim"
GLOBAL, OF_PROFILE = "GET /redemptions", "GET /profiles/p/redemptions"
UPSERT, BY_ORDER = "POST /transactions/update-create", "GET /transactions/external/WEB-1"
CREATE, UPDATE = "POST /transactions", "PUT /transactions/5"

ORDER = Transaction(
    order_number="WEB-1",
    customer_id="C-1",
    total=Decimal("89.99"),
    total_original=Decimal("99.99"),
    transacted_at=NOW,
    currency="AUD",
    items=(
        Item("Linen Shirt", 1, Decimal("99.99"), Decimal("89.99"), "LS", Decimal("10.00"), "VIP"),
        Item("Bag", 2, Decimal("0.10"), Decimal("0.10")),
    ),
)


# Who a shopper is


def test_a_shopper_is_found_by_identity() -> None:
    with client_of({SEARCH: data({"profile_id": "p"})}, identity_handle="shop") as (client, tenant):
        found = client.profile_id("C 1+&é")

    assert found == "p"
    assert query(tenant.requests[0]) == {"handle": "shop", "identifier": "C 1+&é"}


@pytest.mark.parametrize("first", [answer({}, 404), answer({}, 405), data({"odd": 1}), httpx.Response(404, html="<p>")])
def test_a_shopper_is_found_by_the_older_search_where_the_guides_is_absent(first: httpx.Response) -> None:
    with client_of({SEARCH: first, SEARCH_ID: data({"id": "p"})}) as (client, tenant):
        found = [client.profile_id("C-1"), client.profile_id("C-2")]

    assert found == ["p", "p"]
    assert tenant.sent(1) == {"type": "ecommerce", "id": "C-1"}
    assert tenant.calls == [SEARCH, SEARCH_ID, SEARCH_ID]  # the second shopper does not pay for what is absent


def test_a_shopper_whom_omneo_does_not_know_has_no_profile() -> None:
    with client_of({}) as (client, tenant):
        found = client.profile_id("C-1")

    assert found is None
    assert tenant.calls == [SEARCH, SEARCH_ID]


def test_an_unknown_shopper_costs_one_call_once_the_search_is_known_to_be_there() -> None:
    table = {SEARCH: data({"profile_id": "p"})}
    with client_of(table) as (client, tenant):
        client.profile_id("C-1")
        tenant.table = {}
        found = client.profile_id("C-2")

    assert found is None
    assert tenant.calls == [SEARCH, SEARCH]


@pytest.mark.parametrize("reply", [data(None), data([]), data({})])
def test_an_empty_answer_is_no_profile(reply: httpx.Response) -> None:
    with client_of({SEARCH: reply}) as (client, _):
        found = client.profile_id("C-1")

    assert found is None


def test_a_search_that_reads_is_safe_to_repeat_although_it_is_a_post() -> None:
    with client_of({SEARCH_ID: answer({}, 503)}) as (client, _), pytest.raises(NotApplied):
        client.profile_id("C-1")


# Benefits


def test_benefits_are_read_with_large_pages() -> None:
    with client_of({"GET /profiles/p/benefits": data([{"id": 1}, {"id": "2"}])}) as (client, tenant):
        found = client.benefits("p")

    assert [benefit.id for benefit in found] == ["1", "2"]
    assert query(tenant.requests[0]) == {"page[size]": "100", "page[number]": "1"}


def test_one_benefit_is_read() -> None:
    with client_of({"GET /profiles/p/benefits/7": data({"id": 7, "definition": {"id": 94}})}) as (client, _):
        found = client.benefit("p", "7")

    assert Benefit(id="7", definition=Definition(id="94", handle="", name="")) == found


def test_what_is_claimable_are_definitions() -> None:
    with client_of({"GET /profiles/p/benefits/claimable": data([{"id": 94, "handle": "vip", "name": "VIP"}])}) as (
        c,
        _,
    ):
        found = c.claimable("p")

    assert found == (VIP,)


def test_what_is_redeemable_are_benefits() -> None:
    with client_of({"GET /profiles/p/redeemable_benefits": data([{"id": 7}])}) as (client, _):
        found = client.redeemable("p")

    assert [benefit.id for benefit in found] == ["7"]


def test_a_claim_names_the_handle_and_our_reference() -> None:
    with client_of({CLAIM: data({"id": 7, "external_id": "r"}, 201)}) as (client, tenant):
        benefit = client.claim("p", VIP, reference="r")

    assert (benefit.id, benefit.external_id) == ("7", "r")
    assert tenant.sent() == {"definition": "vip", "timezone": "Australia/Melbourne", "external_id": "r"}


@pytest.mark.parametrize("status", [404, 405])
def test_a_claim_takes_the_older_way_where_the_newer_is_absent(status: int) -> None:
    with client_of({CLAIM: answer({}, status), CLAIM_BY_ID: data({"id": 7})}) as (client, tenant):
        client.claim("p", VIP, reference="r1")
        client.claim("p", VIP, reference="r2")

    assert tenant.calls == [CLAIM, CLAIM_BY_ID, CLAIM_BY_ID]
    assert tenant.sent()["external_id"] == "r2"


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 429, 500, 503])
def test_a_claim_that_fails_otherwise_is_never_sent_a_second_way(status: int) -> None:
    table: dict[str, Reply] = {CLAIM: answer({}, status), CLAIM_BY_ID: data({"id": 7})}
    with client_of(table) as (client, tenant), pytest.raises(BenefitsError):
        client.claim("p", VIP, reference="r")

    assert tenant.calls == [CLAIM]


def test_a_claim_and_use_in_one_step_brings_a_redemption() -> None:
    item = {"id": 161, "type": "benefit", "type_attributes": {"id": 7}}
    with client_of({"POST /profiles/p/benefits/claim-redeem": data({"id": 159, "items": [item]})}) as (client, tenant):
        redemption = client.claim_and_redeem("p", VIP.handle, reference="r")

    assert Redemption(id="159", kind="redeem", benefit_ids=("7",)) == redemption
    assert tenant.sent() == {"definition": "vip", "timezone": "Australia/Melbourne", "external_id": "r"}


def test_a_claim_and_use_that_brings_a_benefit_is_in_doubt() -> None:
    reply = data({"id": 7, "definition": {"id": 94}})
    with client_of({"POST /profiles/p/benefits/claim-redeem": reply}) as (client, _), pytest.raises(OutcomeUnknown):
        client.claim_and_redeem("p", VIP.handle, reference="r")


def test_a_benefit_is_issued_at_a_time_on_the_tenants_clock() -> None:
    with client_of({"POST /benefits": data({"id": 7}, 201)}) as (client, tenant):
        client.issue("94", "p", at=NOW, reference="r", expires_at=datetime(2025, 12, 31, 12, 59, 59, tzinfo=UTC))
        client.issue("94", "p", at=NOW)

    expected = {
        "benefit_definition_id": 94,
        "profile_id": "p",
        "issued_at": "2025-06-15 14:30:00",
        "timezone": "Australia/Melbourne",
    }
    assert {**expected, "external_id": "r", "expires_at": "2025-12-31 23:59:59"} == tenant.sent(0)
    assert expected == tenant.sent(1)


# Redeeming


def test_a_redemption_carries_the_time_on_the_tenants_clock_and_our_reference() -> None:
    with client_of({REDEEM: data({"id": 159}, 201)}) as (client, tenant):
        redemption = client.redeem("p", "7", reference="r", at=NOW)

    assert redemption.id == "159"
    assert tenant.sent() == {"issued_at": "2025-06-15 14:30:00", "timezone": "Australia/Melbourne", "external_id": "r"}


def test_the_reference_dialect_redeems_by_strategy() -> None:
    with client_of({STRATEGY: data({"id": 159})}, dialect="reference") as (client, tenant):
        client.redeem("p", "7", reference="r", at=NOW, handle="vip")

    expected = {
        "strategies": ["benefits"],
        "benefits": [{"id": 7, "quantity": 1, "handle": "vip"}],
        "transaction_external_id": "r",
    }
    assert expected == tenant.sent()


@pytest.mark.parametrize("status", [403, 404, 405])
def test_the_reference_dialect_redeems_by_count_where_the_strategy_is_not_there(status: int) -> None:
    with client_of({STRATEGY: answer({}, status), COUNT: data({"id": 159})}, dialect="reference") as (client, tenant):
        client.redeem("p", "7", reference="r1", at=NOW)
        client.redeem("p", "7", reference="r2", at=NOW)

    assert tenant.calls == [STRATEGY, COUNT, COUNT]
    assert tenant.sent() == {"count": 1}


@pytest.mark.parametrize("status", [200, 400, 401, 408, 409, 422, 429, 500, 503])
def test_a_redemption_that_fails_otherwise_is_never_sent_a_second_way(status: int) -> None:
    table = {STRATEGY: answer({}, status), COUNT: data({"id": 1}), REDEEM: data({"id": 2})}
    with client_of(table, dialect="reference") as (client, tenant), pytest.raises(BenefitsError):
        client.redeem("p", "7", reference="r", at=NOW)

    assert tenant.calls == [STRATEGY]


def test_a_redemption_whose_connection_breaks_is_never_sent_a_second_way() -> None:
    table: dict[str, Reply] = {STRATEGY: httpx.ReadError("reset"), COUNT: data({"id": 1}), REDEEM: data({"id": 2})}
    with client_of(table, dialect="reference") as (client, tenant), pytest.raises(OutcomeUnknown):
        client.redeem("p", "7", reference="r", at=NOW)

    assert tenant.calls == [STRATEGY]


def test_a_variant_that_has_worked_is_the_only_one_asked_about_a_missing_benefit() -> None:
    with client_of({REDEEM: data({"id": 159})}, dialect="auto") as (client, tenant):
        tenant.table = {**tenant.table, "GET /benefit-definitions": data([])}
        client.redeem("p", "7", reference="r1", at=NOW)
        with pytest.raises(Rejected):
            client.redeem("p", "8", reference="r2", at=NOW)

    assert tenant.calls[-2:] == ["POST /profiles/p/benefits/8/redemptions", "GET /benefit-definitions"]
    assert len(tenant.calls) == 4


def test_a_tenant_that_changes_its_dialect_is_redeemed_in_the_new_one() -> None:
    with client_of({REDEEM: data({"id": 159}), "GET /benefit-definitions": data([])}, dialect="auto") as (
        client,
        tenant,
    ):
        client.redeem("p", "7", reference="r1", at=NOW)
        tenant.table = {STRATEGY: data({"id": 160}), "GET /benefits/definitions": data([])}
        redeemed = client.redeem("p", "7", reference="r2", at=NOW)

    assert redeemed.id == "160"
    assert client.dialect() == "reference"


def test_a_reversal_has_no_body_and_brings_its_kind() -> None:
    with client_of({"POST /redemptions/159/reversal": data({"id": 160})}) as (client, tenant):
        reversal = client.reverse("159")

    assert (reversal.id, reversal.kind) == ("160", "reversal")
    assert tenant.requests[0].content == b""


def test_a_return_says_how_many_uses() -> None:
    with client_of({"POST /redemptions/159/benefit/return": data({"id": 160, "type": "return"})}) as (client, tenant):
        returned = client.return_uses("159", count=2)

    assert (returned.id, returned.kind) == ("160", "return")
    assert tenant.sent() == {"count": 2}


@pytest.mark.parametrize("rollback", ["reverse", "return_uses"])
def test_a_rollback_without_an_answer_is_in_doubt(rollback: str) -> None:
    reset = httpx.ReadError("reset")
    table = {"POST /redemptions/159/reversal": reset, "POST /redemptions/159/benefit/return": reset}
    with client_of(table) as (client, tenant), pytest.raises(OutcomeUnknown):
        getattr(client, rollback)("159")

    assert len(tenant.calls) == 1


# Looking redemptions up


def test_one_redemption_is_read_or_none() -> None:
    with client_of({f"{OF_PROFILE}/159": data({"id": 159, "type": "redeem"})}) as (client, _):
        found = client.redemption("p", "159"), client.redemption("p", "160")

    assert (Redemption(id="159", kind="redeem"), None) == found


@pytest.mark.parametrize(("count", "expected"), [(2, 2), ("3", 3), (0, 0)])
def test_the_uses_of_a_benefit_are_counted(count: object, expected: int) -> None:
    with client_of({f"{OF_PROFILE}/benefit/7/count": data({"count": count})}) as (client, _):
        counted = client.redemption_count("p", "7")

    assert expected == counted


def test_a_tenant_that_does_not_count_says_none() -> None:
    with client_of({}) as (client, _):
        counted = client.redemption_count("p", "7")

    assert counted is None


def test_a_count_that_is_no_number_is_an_invalid_response() -> None:
    reply = data({"count": None})
    with client_of({f"{OF_PROFILE}/benefit/7/count": reply}) as (client, _), pytest.raises(InvalidResponse):
        client.redemption_count("p", "7")


def test_redemptions_are_found_by_our_reference() -> None:
    listed = data([{"id": 159, "external_id": "r"}, {"id": 160, "external_id": "other"}])
    with client_of({REDEEM: data({"id": 159}), GLOBAL: listed}) as (client, tenant):
        client.redeem("p", "7", reference="r", at=NOW)
        found = client.redemptions_by_reference("r")

    assert [redemption.id for redemption in found] == ["159"]
    assert tenant.calls == [REDEEM, GLOBAL]
    assert query(tenant.requests[1])["filter[external_id]"] == "r"


def test_redemptions_are_found_by_the_future_transaction_too_where_the_variant_is_not_known() -> None:
    def listed(request: httpx.Request) -> httpx.Response:
        is_asked = query(request).get("filter[transaction_external_id]") == "r"
        return data([{"id": 159, "transaction_external_id": "r"}] if is_asked else [])

    with client_of({GLOBAL: listed}) as (client, tenant):
        found = client.redemptions_by_reference("r")

    assert [Redemption(id="159", kind="redeem", external_id="r")] == list(found)
    assert tenant.calls == [GLOBAL, GLOBAL]


def test_a_redemption_without_our_reference_counts_where_the_tenant_filters() -> None:
    def listed(request: httpx.Request) -> httpx.Response:
        return data([{"id": 159}] if query(request).get("filter[external_id]") == "r" else [])

    with client_of({GLOBAL: listed}) as (client, tenant):
        found = [client.redemptions_by_reference("r"), client.redemptions_by_reference("r")]

    assert [[one.id for one in several] for several in found] == [["159"], ["159"]]
    assert len(tenant.calls) == 5  # two fields each time, and the filter is tried out once


def test_a_filter_that_is_ignored_proves_nothing() -> None:
    with client_of({GLOBAL: data([{"id": 1}, {"id": 2}])}) as (client, _), pytest.raises(InvalidResponse):
        client.redemptions_by_reference("r")


def test_a_filter_that_is_ignored_proves_no_absence_where_the_list_shows_the_references_of_others() -> None:
    listed = data([{"id": 1, "external_id": "another"}, {"id": 2, "external_id": "third"}])
    with client_of({REDEEM: data({"id": 159}), GLOBAL: listed}) as (client, _):
        client.redeem("p", "7", reference="r", at=NOW)
        with pytest.raises(InvalidResponse):
            client.redemptions_by_reference("r")


def test_one_filter_that_works_is_enough_where_it_finds_something() -> None:
    def listed(request: httpx.Request) -> httpx.Response:
        is_known = "filter[external_id]" in query(request)
        return data([{"id": 159, "external_id": "r"}]) if is_known else answer({}, 400)

    with client_of({GLOBAL: listed}) as (client, _):
        found = client.redemptions_by_reference("r")
        with pytest.raises(Rejected):
            client.redemptions_by_reference("other")

    assert [redemption.id for redemption in found] == ["159"]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_tenant_that_cannot_be_asked_by_reference_proves_nothing(status: int) -> None:
    with client_of({GLOBAL: answer({}, status)}) as (client, _), pytest.raises(Rejected):
        client.redemptions_by_reference("r")


# Transactions


def test_an_order_is_recorded_by_upsert_with_exact_amounts() -> None:
    reply = data({"id": 5, "external_id": "WEB-1", "total": 89.99, "redemption": {"id": 159}, "profile_id": "p"})
    with client_of({UPSERT: reply}) as (client, tenant):
        recorded = client.record_transaction(ORDER, profile_id="p", redemption_id="159")

    assert RecordedTransaction("5", "WEB-1", Decimal("89.99"), "159", "p") == recorded
    expected: dict[str, Any] = {
        "external_id": "WEB-1",
        "profile_id": "p",
        "redemption_id": 159,
        "total": 89.99,
        "total_original": 99.99,
        "currency": "AUD",
        "transacted_at": "2025-06-15 14:30:00",
        "timezone": "Australia/Melbourne",
        "delete_existing_items": True,
        "items": [
            {
                "external_id": "WEB-1-1",
                "name": "Linen Shirt",
                "sku": "LS",
                "quantity": 1,
                "price_original": 99.99,
                "price_current": 99.99,
                "price_sell": 89.99,
                "discounts": [{"amount": 10.0, "reason_desc": "VIP"}],
            },
            {
                "external_id": "WEB-1-2",
                "name": "Bag",
                "quantity": 2,
                "price_original": 0.1,
                "price_current": 0.1,
                "price_sell": 0.1,
            },
        ],
    }
    assert expected == tenant.sent()
    assert b'"amount":10.00' in tenant.requests[0].content


def test_an_order_of_a_guest_says_nothing_about_profile_and_redemption() -> None:
    with client_of({UPSERT: data({"id": 5})}) as (client, tenant):
        client.record_transaction(replace(ORDER, items=()), profile_id=None, redemption_id=None)

    assert b"null" not in tenant.requests[0].content
    assert tenant.sent()["items"] == []
    assert not {"profile_id", "redemption_id", "is_void", "receipt_is_email"} & set(tenant.sent())


def test_a_tenant_without_upsert_is_asked_for_the_order_first() -> None:
    with client_of({CREATE: data({"id": 5, "external_id": "WEB-1"}, 201)}) as (client, tenant):
        client.record_transaction(ORDER, profile_id="p", redemption_id=None)
        tenant.table = {BY_ORDER: data({"id": 5, "external_id": "WEB-1"}), UPDATE: data({"id": 5})}
        client.record_transaction(ORDER, profile_id="p", redemption_id="159")

    assert tenant.calls == [UPSERT, BY_ORDER, CREATE, BY_ORDER, UPDATE]
    assert tenant.sent()["redemption_id"] == 159
    assert "delete_existing_items" not in tenant.sent(2)
    assert tenant.sent()["delete_existing_items"] is True


def test_a_cancelled_order_is_void_on_every_tenant() -> None:
    void = replace(ORDER, is_void=True)
    with client_of({UPSERT: data({"id": 5})}) as (client, tenant):
        client.record_transaction(void, profile_id="p", redemption_id="159")
    table = {BY_ORDER: data({"id": 5, "external_id": "WEB-1"}), UPDATE: data({"id": 5})}
    with client_of(table) as (client, without_upsert):
        client.record_transaction(void, profile_id="p", redemption_id="159")

    assert tenant.sent()["is_void"] is True
    assert (without_upsert.calls[-1], without_upsert.sent()["is_void"]) == (UPDATE, True)


def test_a_tenant_without_upsert_that_cannot_be_asked_is_sent_nothing() -> None:
    table: dict[str, Reply] = {BY_ORDER: answer({}, 503), CREATE: data({"id": 5})}
    with client_of(table) as (client, tenant), pytest.raises(NotApplied):
        client.record_transaction(ORDER, profile_id="p", redemption_id=None)

    assert tenant.calls == [UPSERT, BY_ORDER]


def test_an_order_can_be_recorded_without_looking() -> None:
    with client_of({CREATE: data({"id": 5}, 201)}) as (client, tenant):
        client.create_transaction(ORDER, profile_id="p", redemption_id="abc")

    assert tenant.calls == [CREATE]
    assert tenant.sent()["redemption_id"] == "abc"


def test_an_order_is_read_by_its_number_of_any_shape() -> None:
    known_as = external_id_of("A/B ?#%")
    with client_of({f"GET /transactions/external/{known_as}": data({"id": 5, "external_id": known_as})}) as (client, _):
        found = client.transaction_by_order("A/B ?#%"), client.transaction_by_order("WEB-9")

    assert found == (RecordedTransaction("5", known_as), None)


# Definitions


def test_a_definition_is_found_by_handle_or_else_by_id() -> None:
    raw = {"id": 94, "handle": "vip", "name": "VIP"}
    table = {"GET /benefit-definitions": data([raw]), "GET /benefit-definitions/94": data(raw)}
    with client_of(table) as (client, tenant):
        found = client.definition("vip"), client.definition("94"), client.definition("nope")

    assert found == (VIP, VIP, None)
    assert query(tenant.requests[0])["filter[handle]"] == "vip"


def test_all_definitions_are_listed() -> None:
    with client_of(
        {"GET /benefits/definitions": data([{"id": 94, "handle": "vip", "name": "VIP"}])}, dialect="auto"
    ) as (
        client,
        tenant,
    ):
        found = client.definitions()

    assert found == (VIP,)
    assert tenant.calls == ["GET /benefit-definitions", "GET /benefits/definitions", "GET /benefits/definitions"]


def test_a_definition_is_created_with_the_merchants_fields() -> None:
    fields = {"name": "VIP", "handle": "vip", "period": 7, "value": Decimal("10.50"), "claim_period_end_at": NOW}
    with client_of({"POST /benefit-definitions": data({"id": 94, "handle": "vip", "name": "VIP"}, 201)}) as (client, t):
        created = client.create_definition(fields)

    assert created == VIP
    assert {**fields, "value": 10.5, "claim_period_end_at": "2025-06-15 04:30:00"} == t.sent()


# Ids, settings and lifetime


@pytest.mark.parametrize("odd", ["", ".", "..", "x" * 501])
def test_what_cannot_be_an_id_is_never_sent(odd: str) -> None:
    with client_of({}) as (client, tenant):
        found = client.benefit("p", odd)
        with pytest.raises(Rejected):
            client.redeem("p", odd, reference="r", at=NOW)

    assert found is None
    assert tenant.calls == []


@pytest.mark.parametrize("odd", ["../../x", "a?b=c", "a#b", "a b", "%2e", "\ud800", "ü", "{benefit_id}", "\r\nX: y"])
def test_an_id_stays_in_its_place(odd: str) -> None:
    with client_of({}) as (client, tenant):
        client.benefit("p", odd)

    (request,) = tenant.requests
    path = request.url.raw_path.decode()
    assert path[: path.rindex("/") + 1] == "/api/v3/profiles/p/benefits/"
    assert not set("?# {}\r\n") & set(path)


def test_an_identifier_that_cannot_be_written_is_not_sent() -> None:
    with client_of({}) as (client, tenant), pytest.raises(NotApplied):
        client.profile_id("\ud800")

    assert tenant.calls == []


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ({"timezone": "Atlantis"}, "OMNEO_TIMEZONE"),
        ({"dialect": "latin"}, "OMNEO_DIALECT"),
        ({"dates": "x"}, "OMNEO_DATES"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_key(option: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        OmneoClient(BASE_URL, TOKEN, **{"timezone": "UTC", **option})

    assert key == caught.value.key


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "omneo",
        "ftp://omneo.test",
        "https://",
        "https://me:secret@omneo.test",
        "https://omneo.test?x=1",
        "http://[x",
        "https://x:y",
        "https://my shop.test",
    ],
)
def test_an_address_that_is_none_stops_the_start(base_url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        OmneoClient(base_url, TOKEN, timezone="UTC")

    assert caught.value.key == "OMNEO_BASE_URL"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "tökén"])
def test_a_token_that_no_header_can_carry_stops_the_start(token: str) -> None:
    with pytest.raises(SettingsError) as caught:
        OmneoClient(BASE_URL, token, timezone="UTC")

    assert caught.value.key == "OMNEO_TOKEN"
    assert token.strip() == "" or token not in str(caught.value)


def test_a_token_can_be_asked_for_before_every_call() -> None:
    tokens = iter(["first", "second", ""])
    tenant = Tenant({"GET /profiles/p/benefits/7": data({"id": 7})})
    with OmneoClient(BASE_URL, lambda: next(tokens), timezone="UTC", transport=tenant.transport) as client:
        client.benefit("p", "7")
        client.benefit("p", "7")
        with pytest.raises(AuthenticationError):
            client.benefit("p", "7")

    assert [request.headers["Authorization"] for request in tenant.requests] == ["Bearer first", "Bearer second"]


def test_every_call_has_a_timeout_and_asks_for_json() -> None:
    with client_of({}) as (client, tenant):
        client.benefit("p", "7")
        client.for_workers().benefit("p", "7")

    interactive, patient = (request.extensions["timeout"] for request in tenant.requests)
    assert interactive == {"connect": 1.0, "read": 3.0, "write": 3.0, "pool": 0.5}
    assert patient == {"connect": 1.0, "read": 10.0, "write": 10.0, "pool": 0.5}
    assert tenant.requests[0].headers["Accept"] == "application/json"


def test_the_patient_twin_shares_what_was_learnt() -> None:
    with client_of({STRATEGY: answer({}, 404), COUNT: data({"id": 1})}, dialect="reference") as (client, tenant):
        client.redeem("p", "7", reference="r1", at=NOW)
        client.for_workers().redeem("p", "7", reference="r2", at=NOW)

    assert tenant.calls == [STRATEGY, COUNT, COUNT]


def test_a_base_url_may_end_in_a_slash() -> None:
    tenant = Tenant({})
    with OmneoClient(BASE_URL + "/", TOKEN, timezone="UTC", transport=tenant.transport) as client:
        client.benefit("p", "7")

    assert tenant.calls == ["GET /profiles/p/benefits/7"]
