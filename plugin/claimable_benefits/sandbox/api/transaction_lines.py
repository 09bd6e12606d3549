"""The lines of a transaction, and how new ones meet old ones (Omneo facts 13.6)."""

from __future__ import annotations

import sqlite3

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, read_kind
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.state.request_state import RequestState

ITEM = {
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
    "is_void": "flag",
    "is_return": "flag",
}


def merged(scene: RequestState, form: RequestForm, held: list[Body]) -> list[Body]:
    """Return the lines after a body's: merged by id or external_id, or replaced when it says delete_existing_items."""
    replace = form.flag("delete_existing_items")
    lines: list[Body] = [] if replace else [dict(line) for line in held]
    for wanted in form.forms("items"):
        line = _line(wanted)
        same = _same_line(lines, wanted.whole("id"), line.get("external_id"))
        if same is None:
            number = 1 + max((other["id"] for other in (*held, *lines)), default=0)
            lines.append(
                {"id": number, "is_void": False, "created_at": scene.stamp} | line | {"updated_at": scene.stamp}
            )
        else:
            same.update(line, updated_at=scene.stamp)
    return lines


def shown(line: Body, row: sqlite3.Row) -> Body:
    """Return a line as answers show it, in the transaction of this row."""
    order = {"receipt_ref": row["receipt_ref"], "external_id": row["external_id"]}
    usual = dict.fromkeys(("product_id", "product", "price_tax", "order_id", "pivot")) | {"is_return": False}
    held = {"product_images": [], "transaction_id": row["id"], "transaction": order}
    return dict.fromkeys(ITEM) | usual | held | line


def _line(form: RequestForm) -> Body:
    line: Body = {name: read_kind(form, name, kind) for name, kind in ITEM.items() if form.has(name)}
    line["name"] = form.text("name", required=True)
    return line | {name: form.number(name, required=True) for name in ("quantity", "price_current", "price_sell")}


def _same_line(lines: list[Body], number: int | None, external_id: object) -> Body | None:
    for line in lines:
        if (number is not None and line["id"] == number) or (external_id and line.get("external_id") == external_id):
            return line
    return None
