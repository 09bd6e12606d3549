"""The lines of a transaction as answers show them (Omneo facts 13.6)."""

from __future__ import annotations

import sqlite3

from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.state.request_state import RequestState

LINE_FIELDS = {
    "external_id": "text",
    "sku": "text",
    "price_original": "number",
    "price_margin": "number",
    "variant_external_id": "text",
    "product_variant_sku": "text",
    "product_variant_id": "any",
    "product_variant": "json",
    "department": "any",
    "discounts": "json",
    "meta": "json",
    "is_void": "boolean",
    "is_return": "boolean",
}


def serialize_line(state: RequestState, line: Body, row: sqlite3.Row) -> Body:
    """Return a line as answers show it, in the transaction of this row."""
    transacted_at = state.serialize_time(row["transacted_at"], row["timezone"])
    order = {"transacted_at": transacted_at, "receipt_ref": row["receipt_ref"], "external_id": row["external_id"]}
    usual = dict.fromkeys(("product_id", "product", "price_tax", "order_id", "pivot")) | {"is_return": False}
    own = {"product_images": [], "transaction_id": row["id"], "transaction": order}
    return dict.fromkeys(LINE_FIELDS) | usual | own | line
