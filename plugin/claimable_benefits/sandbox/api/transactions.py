"""Transactions: completed orders, and the redemption each may carry (Omneo facts 11, 13.5, 13.6, 16.28 to 16.32)."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import reversals, transaction_lines, transaction_links
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind, row_id
from claimable_benefits.sandbox.protocol.error_responses import not_found
from claimable_benefits.sandbox.protocol.list_query import Filter, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, created, no_content, single
from claimable_benefits.sandbox.serializers.transaction_fields import COLUMNS, FREE, LIST
from claimable_benefits.sandbox.serializers.transactions import serialize_transaction
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks.events import record_event

bp = Blueprint("transactions", __name__)


@bp.get("/transactions")
def browse_transactions() -> Response:
    """List transactions."""
    return browse(Filter())


@bp.post("/transactions")
def create_transaction() -> Response:
    """Record an order; a repeated external_id makes another one (16.29)."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = save_transaction(state, form, None)
    return created(serialize_transaction(state, row))


@bp.post("/transactions/update-create")
def upsert_transaction() -> Response:
    """Record an order, or change the one with its external_id, else with its id (16.29)."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row, was_there = upsert(state, form)
    return single(serialize_transaction(state, row)) if was_there else created(serialize_transaction(state, row))


@bp.get("/transactions/<transaction_id>")
def read_transaction(transaction_id: str) -> Response:
    """Read one transaction."""
    state = request_state()
    return single(serialize_transaction(state, get_or_404(state, "transactions", row_id(transaction_id))))


@bp.get("/transactions/external/<path:external_id>")
def read_by_external_id(external_id: str) -> Response:
    """Read the first transaction with an external_id."""
    state = request_state()
    row = _by_external_id(state, external_id)
    if row is None:
        raise not_found("transaction")
    return single(serialize_transaction(state, row))


@bp.get("/transactions/<transaction_id>/items")
def browse_items(transaction_id: str) -> Response:
    """List the lines of a transaction."""
    state = request_state()
    return single(serialize_transaction(state, get_or_404(state, "transactions", row_id(transaction_id)))["items"])


@bp.get("/transactions/<transaction_id>/items/<item_id>")
def read_item(transaction_id: str, item_id: str) -> Response:
    """Read one line of a transaction."""
    state = request_state()
    for item in serialize_transaction(state, get_or_404(state, "transactions", row_id(transaction_id)))["items"]:
        if item["id"] == row_id(item_id):
            return single(item)
    raise not_found("item")


@bp.put("/transactions/<transaction_id>")
def update_transaction(transaction_id: str) -> Response:
    """Change some fields; ``is_void`` keeps the row and leaves the redemption alone (16.31)."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = save_transaction(state, form, get_or_404(state, "transactions", row_id(transaction_id)))
    return single(serialize_transaction(state, row))


@bp.delete("/transactions/<transaction_id>")
def delete_transaction(transaction_id: str) -> Response:
    """Remove a transaction; its redemption stands, no longer linked."""
    state = request_state()
    with state.writing():
        row = get_or_404(state, "transactions", row_id(transaction_id))
        state.db.execute("UPDATE redemptions SET transaction_id = NULL WHERE transaction_id = ?", (row["id"],))
        state.db.execute("DELETE FROM transactions WHERE id = ?", (row["id"],))
        record_event(state, "transaction.deleted", "transaction", row["id"], row["profile_id"])
    return no_content()


def browse(where: Filter) -> Response:
    """Return a page of transactions."""
    state = request_state()
    return paginate(state, LIST, where, lambda rows: [serialize_transaction(state, row) for row in rows])


def _by_external_id(state: RequestState, external_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = state.db.execute(
        "SELECT * FROM transactions WHERE external_id = ? ORDER BY id", (external_id,)
    ).fetchone()
    return row


def upsert(state: RequestState, form: RequestForm) -> tuple[sqlite3.Row, bool]:
    """Record a transaction, and say whether it was there; call it inside `writing()` (16.29)."""
    for name in ("is_void", "receipt_is_email"):
        if form.has(name) and form.raw(name) is None:
            form.add_error(name, f"{name} must not be null here.")
    external_id, number = form.text("external_id"), form.integer("id")
    form.check()
    row = _by_external_id(state, external_id) if external_id else None
    if row is None and number is not None:
        row = store.find(state.db, "transactions", number)
    return save_transaction(state, form, row), row is not None


def save_transaction(state: RequestState, form: RequestForm, row: sqlite3.Row | None) -> sqlite3.Row:
    """Insert a transaction, or change one, and link its redemption both ways; call it inside `writing()`."""
    columns, doc = _read(state, form, row), {} if row is None else json.loads(row["doc"])
    doc |= {name: read_kind(form, name, kind) for name, kind in FREE.items() if form.has(name)}
    if form.has("items"):
        doc["items"] = transaction_lines.merge_lines(state, form, doc.get("items") or [])
    redemption_id = transaction_links.find_redemption_id(state, form, columns, row)
    form.check()
    columns |= {"doc": json.dumps(doc), "redemption_id": redemption_id, "updated_at": state.stamp}
    if row is None:
        number = store.insert(state.db, "transactions", columns | {"created_at": state.stamp})
    else:
        number = row["id"]
        store.update(state.db, "transactions", number, columns)
    transaction_links.link(state, number, redemption_id)
    if columns.get("is_void") and redemption_id is not None and state.switches["void"] == "release":
        reversals.return_all(state, redemption_id)
    made = get_or_404(state, "transactions", number)
    kind = "transaction.created" if row is None else "transaction.updated"
    record_event(state, kind, "transaction", number, made["profile_id"])
    return made


def _read(state: RequestState, form: RequestForm, row: sqlite3.Row | None) -> Body:
    """Return the columns that a body sets; a new transaction must bring total, time, zone and items (16.28)."""
    new = row is None
    columns: Body = {name: read_kind(form, name, kind) for name, kind in COLUMNS.items() if form.has(name)}
    if new or form.has("total"):
        columns["total"] = form.number("total", required=True)
    zone = None if row is None else row["timezone"]
    if new or form.has("timezone"):
        zone = columns["timezone"] = form.zone(required=True)
    if new or form.has("transacted_at"):
        columns["transacted_at"] = form.moment("transacted_at", state.sent_zone(zone), required=True)
    if new and not form.has("items"):
        form.add_error("items", "items is required; it may be null.")
    if form.has("is_void"):
        columns["is_void"] = form.boolean("is_void") or False
    if form.has("profile_id"):
        columns["profile_id"] = transaction_links.find_profile_id(state, form)
    return columns
