"""Transactions: completed orders, and the redemption each may carry (Omneo facts 11, 13.5, 13.6, 16.28 to 16.32)."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import locations, redemption_views, reversals, transaction_lines, transaction_links
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind, row_id
from claimable_benefits.sandbox.protocol.error_responses import missing
from claimable_benefits.sandbox.protocol.list_query import Filter, page
from claimable_benefits.sandbox.protocol.responses import Body, created, gone, one
from claimable_benefits.sandbox.serializers.transaction_fields import COLUMNS, FREE, LIST
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks import events

bp = Blueprint("transactions", __name__)


# What answers carry of tills, tiers and currencies, which the sandbox does not keep.
_ANSWERED: Body = {
    **dict.fromkeys(("claimed_at", "staff", "organisation")),
    **dict.fromkeys(("currency_id", "currency_rate"), 1),
    **{name: [] for name in ("currency_values", "tier_points")},
}


@bp.get("/transactions")
def browse_transactions() -> Response:
    """List transactions."""
    return browse(Filter())


@bp.post("/transactions")
def create_transaction() -> Response:
    """Record an order; a repeated external_id makes another one (16.29)."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = record(here, form, None)
    return created(shown(here, row))


@bp.post("/transactions/update-create")
def upsert_transaction() -> Response:
    """Record an order, or change the one with its external_id, else with its id (16.29)."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row, was_there = upsert(here, form)
    return one(shown(here, row)) if was_there else created(shown(here, row))


@bp.get("/transactions/<transaction_id>")
def read_transaction(transaction_id: str) -> Response:
    """Read one transaction."""
    here = request_state()
    return one(shown(here, known(here, row_id(transaction_id))))


@bp.get("/transactions/external/<path:external_id>")
def read_by_external_id(external_id: str) -> Response:
    """Read the first transaction with an external_id."""
    here = request_state()
    row = _by_external_id(here, external_id)
    if row is None:
        raise missing("transaction")
    return one(shown(here, row))


@bp.get("/transactions/<transaction_id>/items")
def browse_items(transaction_id: str) -> Response:
    """List the lines of a transaction."""
    here = request_state()
    return one(shown(here, known(here, row_id(transaction_id)))["items"])


@bp.get("/transactions/<transaction_id>/items/<item_id>")
def read_item(transaction_id: str, item_id: str) -> Response:
    """Read one line of a transaction."""
    here = request_state()
    for item in shown(here, known(here, row_id(transaction_id)))["items"]:
        if item["id"] == row_id(item_id):
            return one(item)
    raise missing("item")


@bp.put("/transactions/<transaction_id>")
def update_transaction(transaction_id: str) -> Response:
    """Change some fields; ``is_void`` keeps the row and leaves the redemption alone (16.31)."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = record(here, form, known(here, row_id(transaction_id)))
    return one(shown(here, row))


@bp.delete("/transactions/<transaction_id>")
def delete_transaction(transaction_id: str) -> Response:
    """Remove a transaction; its redemption stands, no longer linked."""
    here = request_state()
    with here.writing():
        row = known(here, row_id(transaction_id))
        here.db.execute("UPDATE redemptions SET transaction_id = NULL WHERE transaction_id = ?", (row["id"],))
        here.db.execute("DELETE FROM transactions WHERE id = ?", (row["id"],))
        events.record(here, "transaction.deleted", "transaction", row["id"], row["profile_id"])
    return gone()


def known(scene: RequestState, transaction_id: int) -> sqlite3.Row:
    """Return a transaction's row, or raise 404."""
    row = store.find(scene.db, "transactions", transaction_id)
    if row is None:
        raise missing("transaction")
    return row


def shown(scene: RequestState, row: sqlite3.Row) -> Body:
    """Return a transaction as answers show it."""
    doc, profile = json.loads(row["doc"]), store.find(scene.db, "profiles", row["profile_id"])
    redemption = store.find(scene.db, "redemptions", row["redemption_id"]) if row["redemption_id"] else None
    undone = [redemption] if redemption is not None and redemption["reversed_by"] else []
    items, payments = doc.pop("items", None), doc.pop("payments", None)
    return {
        "id": row["id"],
        **{name: row[name] for name in COLUMNS},
        "profile_id": row["profile_id"],
        "profile": {"email": profile["email"]} if profile is not None else None,
        "total": _plain(row["total"]),
        **dict.fromkeys(FREE),
        "systems": [],
        "tags": [],
        "currency": "AUD",
        **_ANSWERED,
        **doc,
        "payments": _paid(payments),
        "total_converted": _plain(row["total"]),
        "transacted_at": scene.shown(row["transacted_at"], row["timezone"]),
        "timezone": row["timezone"],
        "is_void": bool(row["is_void"]),
        "redemption": redemption_views.briefly(scene, [redemption])[0] if redemption is not None else None,
        "reversed_redemptions": redemption_views.briefly(scene, undone),
        "location": locations.at(scene, row["location_id"]),
        "items": [transaction_lines.shown(item, row) for item in items or []],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def browse(where: Filter) -> Response:
    """Return a page of transactions."""
    here = request_state()
    return page(here, LIST, where, lambda rows: [shown(here, row) for row in rows])


def _by_external_id(scene: RequestState, external_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = scene.db.execute(
        "SELECT * FROM transactions WHERE external_id = ? ORDER BY id", (external_id,)
    ).fetchone()
    return row


def upsert(scene: RequestState, form: RequestForm) -> tuple[sqlite3.Row, bool]:
    """Record a transaction, and say whether it was there; to be called while writing (16.29)."""
    for name in ("is_void", "receipt_is_email"):
        if form.has(name) and form.anything(name) is None:
            form.fault(name, f"{name} must not be null here.")
    external_id, number = form.text("external_id"), form.whole("id")
    form.check()
    row = _by_external_id(scene, external_id) if external_id else None
    if row is None and number is not None:
        row = store.find(scene.db, "transactions", number)
    return record(scene, form, row), row is not None


def record(scene: RequestState, form: RequestForm, row: sqlite3.Row | None) -> sqlite3.Row:
    """Insert a transaction, or change one, and link its redemption both ways; to be called while writing."""
    columns, doc = _read(scene, form, row), {} if row is None else json.loads(row["doc"])
    doc |= {name: read_kind(form, name, kind) for name, kind in FREE.items() if form.has(name)}
    if form.has("items"):
        doc["items"] = transaction_lines.merged(scene, form, doc.get("items") or [])
    redemption_id = transaction_links.redemption_id(scene, form, columns, row)
    form.check()
    columns |= {"doc": json.dumps(doc), "redemption_id": redemption_id, "updated_at": scene.stamp}
    if row is None:
        number = store.insert(scene.db, "transactions", columns | {"created_at": scene.stamp})
    else:
        number = row["id"]
        store.update(scene.db, "transactions", number, columns)
    transaction_links.link(scene, number, redemption_id)
    if columns.get("is_void") and redemption_id is not None and scene.switches["void"] == "release":
        reversals.release(scene, redemption_id)
    made = known(scene, number)
    kind = "transaction.created" if row is None else "transaction.updated"
    events.record(scene, kind, "transaction", number, made["profile_id"])
    return made


def _read(scene: RequestState, form: RequestForm, row: sqlite3.Row | None) -> Body:
    """Return the columns that a body sets; a new transaction must bring total, time, zone and items (16.28)."""
    new = row is None
    columns: Body = {name: read_kind(form, name, kind) for name, kind in COLUMNS.items() if form.has(name)}
    if new or form.has("total"):
        columns["total"] = form.number("total", required=True)
    zone = None if row is None else row["timezone"]
    if new or form.has("timezone"):
        zone = columns["timezone"] = form.zone(required=True)
    if new or form.has("transacted_at"):
        columns["transacted_at"] = form.moment("transacted_at", zone, required=True)
    if new and not form.has("items"):
        form.fault("items", "items is required; it may be null.")
    if form.has("is_void"):
        columns["is_void"] = form.flag("is_void") or False
    if form.has("profile_id"):
        columns["profile_id"] = transaction_links.profile_id(scene, form)
    return columns


def _plain(total: float) -> float | int:
    return int(total) if float(total).is_integer() else total


def _paid(payments: object) -> object:
    """Return payments as answers show them: a name that was sent alone becomes an object (13.5)."""
    if not isinstance(payments, list):
        return payments
    return [
        {"id": place, "payment_code": part, "tender_value": None} if isinstance(part, str) else part
        for place, part in enumerate(payments, 1)
    ]
