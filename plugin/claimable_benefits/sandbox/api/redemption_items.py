"""The items of redemptions: each benefit that was used or returned (Omneo facts 9)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import row_id
from claimable_benefits.sandbox.protocol.error_responses import not_found
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.responses import Body, single
from claimable_benefits.sandbox.serializers.redemptions import serialize_item
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state

bp = Blueprint("redemption_items", __name__)

LIST = ListSource(
    "redemption_items n JOIN redemptions r ON r.id = n.redemption_id",
    "n.*, r.profile_id",
    {
        "id": ("n.id", "number"),
        "redemption_id": ("n.redemption_id", "number"),
        "redeemable_type": ("'benefit'", "text"),
        "redeemable_id": ("n.benefit_id", "number"),
        "external_id": ("r.external_id", "text"),
        "profile_id": ("r.profile_id", "text"),
        "value": ("NULL", "number"),
        "linked_profile_id": ("NULL", "text"),
        "created_at": ("n.created_at", "time"),
        "updated_at": ("n.updated_at", "time"),
    },
)


@bp.get("/redemptions/items")
def browse_redemption_items() -> Response:
    """List what redemptions used."""
    state = request_state()
    return paginate(state, LIST, Filter(), lambda rows: [_serialize(state, row) for row in rows])


@bp.get("/redemptions/items/<item_id>")
def read_redemption_item(item_id: str) -> Response:
    """Read one thing that a redemption used."""
    state = request_state()
    row = store.find(state.db, "redemption_items", row_id(item_id))
    if row is None:
        raise not_found("item")
    return single(_serialize(state, row))


def _serialize(state: RequestState, row: sqlite3.Row) -> Body:
    facts = {"redemption_id": row["redemption_id"], "redeemable_type": "benefit", "redeemable_id": row["benefit_id"]}
    return serialize_item(state, row) | facts
