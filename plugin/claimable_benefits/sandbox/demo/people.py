"""The demo: six invented people of the example shop, and what they hold, relative to now."""

from __future__ import annotations

import sqlite3
import uuid
from datetime import timedelta

from claimable_benefits.sandbox.api import benefits, definitions, grant, profiles, redemptions, transactions
from claimable_benefits.sandbox.demo.definitions import DEFINITIONS
from claimable_benefits.sandbox.protocol.body_reader import RequestForm
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.redemption_rules import expiry
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.state.times import end_of_day, from_stamp, local_day, shown, stamp

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

# Who was given what: (customer, definition, days since, uses made of it).
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


def fill(scene: RequestState) -> None:
    """Put the demo into an empty state; to be called while writing."""
    for fields in DEFINITIONS:
        definitions.add(scene, RequestForm(_dated(scene, fields)))
    for customer, fields in PEOPLE.items():
        _person(scene, customer, fields)
    for customer, handle, days, uses in _ISSUED:
        benefit = _give(scene, customer, handle, days)
        for _ in range(uses):
            _use(scene, benefit, days - 1)
    _give(scene, "1004", "vip-lounge", 4, claimed=True)
    today = local_day(scene.now, scene.zone)
    _give(scene, "1001", "birthday-gift", 6, ends=stamp(end_of_day(today, scene.zone)))
    _old_order(scene)


def profile_id(customer: str) -> str:
    """Return the profile's UUID of one of the demo's customers."""
    return str(uuid.uuid5(_NAMES, customer))


def _person(scene: RequestState, customer: str, fields: Body) -> None:
    first = fields["first_name"]
    doc = fields | {
        "full_name": f"{first} {fields['last_name']}",
        "email": f"{first.lower()}@example.com",
        "tags": _TAGS.get(customer, ["member"]),
        "profile_type": "individual",
        "is_completed": True,
    }
    identity = {"handle": HANDLE, "identifier": customer, "is_primary": True}
    profiles.add(scene, doc, RequestForm({"identities": [identity]}), profile_id(customer))


def _dated(scene: RequestState, fields: Body) -> Body:
    """Return a definition whose claim period, given in days from now, is in UTC wall clock."""
    times = {
        name: stamp(scene.now + timedelta(days=days))
        for name, days in fields.items()
        if name.startswith("claim_period_")
    }
    return fields | times


def _give(
    scene: RequestState, customer: str, handle: str, days: int, *, ends: str | None = None, claimed: bool = False
) -> sqlite3.Row:
    definition = definitions.by_handle(scene, handle)
    assert definition is not None  # noqa: S101 - both tables are in this folder
    issued = scene.now - timedelta(days=days)
    given = {
        "issued_at": stamp(issued),
        "claimed_at": stamp(issued) if claimed else None,
        "timezone": scene.zone,
        "expires_at": ends or expiry(definition, issued, scene.zone),
    }
    return grant.grant(scene, definition, profile_id(customer), given)


def _use(scene: RequestState, benefit: sqlite3.Row, days: int, order: str | None = None) -> int:
    """Note a use of the past, which today's rules might refuse."""
    used = RequestState(scene.db, scene.now - timedelta(days=days), scene.switches, scene.zone)
    facts = {"timezone": scene.zone, "redeem_at": used.stamp, "external_id": order}
    number = redemptions.note(used, benefit["profile_id"], "redeem", facts)
    redemptions.spend(used, benefits.known(used, benefit["id"]), 1)
    redemptions.note_item(used, number, benefit["id"], 1)
    return number


def _old_order(scene: RequestState) -> None:
    """Give Mia a welcome gift that an order of last month used up."""
    benefit = _give(scene, "1001", "welcome-gift", 45)
    number = _use(scene, benefit, 40, "CHECKOUT-100007")
    then = stamp(scene.now - timedelta(days=40))
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
        "transacted_at": shown(then, scene.zone, echo=True),
        "timezone": scene.zone,
        "systems": ["storefront"],
        "items": lines,
    }
    past = RequestState(scene.db, from_stamp(then), scene.switches, scene.zone)
    transactions.record(past, RequestForm(order), None)
