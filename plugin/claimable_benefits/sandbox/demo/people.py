"""Six invented customers of the example shop and their benefits, relative to now."""

from __future__ import annotations

import sqlite3
import uuid
from datetime import timedelta

from claimable_benefits.sandbox.api import definitions, grant, profiles, redemptions, transactions
from claimable_benefits.sandbox.demo.definitions import DEFINITIONS
from claimable_benefits.sandbox.protocol.body_reader import RequestForm
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.redemption_rules import expiry
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.state.times import end_of_day, from_stamp, local_day, serialize_time, stamp

HANDLE = "ecommerce"  # the identity handle under which the example shop's customer ids are known
_NAMES = uuid.UUID(
    "6f1c2b54-3a0e-4d6b-9a57-0d5f0c7e9b21"
)  # any fixed one: a person's profile id is the same in every seed

PEOPLE: dict[str, Body] = {
    "1001": {"first_name": "Mia", "last_name": "Ngo", "tier_handle": "gold", "gender": "female", "birth_month": 11},
    "1002": {"first_name": "Leo", "last_name": "Park", "tier_handle": "silver", "gender": "male", "birth_month": 4},
    "1003": {"first_name": "Ava", "last_name": "Rossi", "tier_handle": "silver", "gender": "female", "birth_month": 7},
    "1004": {"first_name": "Noah", "last_name": "Klein", "tier_handle": "gold", "gender": "male", "birth_month": 1},
    "1005": {"first_name": "Zoe", "last_name": "Martin", "tier_handle": "bronze", "gender": "female", "birth_month": 9},
    "1006": {"first_name": "Sam", "last_name": "Okoro", "tier_handle": "bronze", "gender": "male", "birth_month": 2},
}
_TAGS = {"1001": ["member", "newsletter"], "1005": ["member", "new-member"], "1006": ["no-offers"]}

# Benefits issued: (customer, definition, days ago, uses).
_ISSUED = (
    ("1001", "first-spend", 2, 0),
    ("1001", "alterations", 20, 0),
    ("1001", "barista-coffee", 5, 0),
    ("1002", "alterations", 40, 2),
    ("1003", "first-spend", 1, 0),
    ("1003", "welcome-gift", 30, 1),
    ("1003", "summer-scarf", 90, 0),
    ("1004", "alterations", 10, 1),
    ("1005", "first-spend", 3, 0),
    ("1005", "alterations", 15, 0),
    ("1005", "barista-coffee", 6, 0),
    ("1001", "summer-scarf", 120, 0),
    ("1004", "launch-party", 12, 1),
    ("1005", "launch-party", 11, 1),
)


def insert_demo(state: RequestState) -> None:
    """Insert the demo data into an empty state; call it inside `writing()`."""
    for fields in DEFINITIONS:
        definitions.insert_definition(state, RequestForm(_with_claim_period(state, fields)))
    for customer, fields in PEOPLE.items():
        _insert_person(state, customer, fields)
    shop_floor = _insert_location(state)
    for customer, handle, days, uses in _ISSUED:
        benefit = _grant(state, customer, handle, days)
        for _ in range(uses):
            _record_past_use(state, benefit, days - 1, location_id=shop_floor)
    _grant(state, "1004", "vip-lounge", 4, claimed=True)
    today = local_day(state.now, state.zone)
    _grant(state, "1001", "birthday-gift", 6, ends=stamp(end_of_day(today, state.zone)))
    _insert_past_order(state)


def profile_id(customer: str) -> str:
    """Return the profile's UUID of one of the demo's customers."""
    return str(uuid.uuid5(_NAMES, customer))


def _insert_person(state: RequestState, customer: str, fields: Body) -> None:
    first = fields["first_name"]
    doc = fields | {
        "full_name": f"{first} {fields['last_name']}",
        "email": f"{first.lower()}@example.com",
        "tags": _TAGS.get(customer, ["member"]),
        "profile_type": "individual",
        "is_completed": True,
    }
    identity = {"handle": HANDLE, "identifier": customer, "is_primary": True}
    profiles.insert_profile(state, doc, RequestForm({"identities": [identity]}), profile_id(customer))


def _with_claim_period(state: RequestState, fields: Body) -> Body:
    """Return a definition whose claim period, given in days from now, is in UTC wall clock."""
    times = {
        name: stamp(state.now + timedelta(days=days))
        for name, days in fields.items()
        if name.startswith("claim_period_")
    }
    return fields | times


def _grant(
    state: RequestState, customer: str, handle: str, days: int, *, ends: str | None = None, claimed: bool = False
) -> sqlite3.Row:
    definition = definitions.find_by_handle(state, handle)
    assert definition is not None  # noqa: S101 - both tables are in this folder
    issued = state.now - timedelta(days=days)
    given = {
        "issued_at": stamp(issued),
        "claimed_at": stamp(issued) if claimed else None,
        "timezone": state.zone,
        "expires_at": ends or expiry(definition, issued, state.zone),
    }
    return grant.grant_benefit(state, definition, profile_id(customer), given)


def _insert_location(state: RequestState) -> int:
    """Insert the store in which the past uses were made that no order has."""
    times = {"created_at": state.stamp, "updated_at": state.stamp}
    return store.insert(state.db, "locations", {"name": "Collins Street", "doc": "{}", **times})


def _record_past_use(
    state: RequestState, benefit: sqlite3.Row, days: int, order: str | None = None, location_id: int | None = None
) -> int:
    """Insert a past use, which today's rules might refuse."""
    used = RequestState(state.db, state.now - timedelta(days=days), state.switches, state.zone)
    facts = {"timezone": state.zone, "redeem_at": used.stamp, "external_id": order, "location_id": location_id}
    number = redemptions.insert_redemption(used, benefit["profile_id"], "redeem", facts)
    redemptions.count_uses(used, get_or_404(used, "benefits", benefit["id"]), 1)
    redemptions.insert_item(used, number, benefit["id"], 1)
    return number


def _insert_past_order(state: RequestState) -> None:
    """Insert Mia's welcome gift, which an order of last month used up."""
    benefit = _grant(state, "1001", "welcome-gift", 45)
    number = _record_past_use(state, benefit, 40, "CHECKOUT-100007")
    then = stamp(state.now - timedelta(days=40))
    lines = [
        {"name": "Linen Shirt", "sku": "LIN-SH-M", "quantity": 1, "price_current": 89.5, "price_sell": 89.5},
        {"name": "Welcome Gift", "sku": "GIFT", "quantity": 1, "price_current": 12, "price_sell": 0},
    ]
    order = {
        "external_id": "100007",
        "order_number": "100007",
        "receipt_ref": "100007",
        "profile_id": benefit["profile_id"],
        "redemption_id": number,
        "total": 89.5,
        "total_original": 101.5,
        "currency": "AUD",
        "transacted_at": serialize_time(then, state.zone, echo=True),
        "timezone": state.zone,
        "systems": ["storefront"],
        "items": lines,
    }
    past = RequestState(state.db, from_stamp(then), state.switches, state.zone)
    transactions.save_transaction(past, RequestForm(order), None)
