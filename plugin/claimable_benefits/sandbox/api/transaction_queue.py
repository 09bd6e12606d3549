"""Transactions that are queued, and events that are sent once more (Omneo facts 11)."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import transactions
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import respond, single
from claimable_benefits.sandbox.serializers.transactions import serialize_transaction
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks.events import record_event

bp = Blueprint("transaction_queue", __name__)

TRIGGERS = ("transaction.sync", "transaction.recalculate")


@bp.post("/transactions/queue")
def queue_transaction() -> Response:
    """Queue an order, which is then recorded as update-create does."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        transactions.upsert(state, form)
    return respond({"data": "OK"})


@bp.post("/transactions/queue/create")
def queue_new_transaction() -> Response:
    """Queue an order, which is then recorded as a new one."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        transactions.save_transaction(state, form, None)
    return respond({"data": "OK"})


@bp.post("/transactions/batch.json")
def queue_batch() -> Response:
    """Record several orders as update-create does, all or none."""
    state, form = request_state(), RequestForm(body())
    wanted = form.objects("transactions")
    form.check()
    with state.writing():
        for order in wanted:
            transactions.upsert(state, order)
    return respond({"message": f"{len(wanted)} transactions queued.", "batch_id": str(uuid.uuid4())})


@bp.post("/transactions/<transaction_id>/resend")
def resend_transaction(transaction_id: str) -> Response:
    """Send the event of a transaction once more."""
    return _record_event(request_state(), transaction_id, "transaction.resent")


@bp.post("/transactions/<transaction_id>/event-trigger")
def trigger_event(transaction_id: str) -> Response:
    """Send an event of a transaction under the name in ``event``."""
    form = RequestForm(body())
    trigger = form.choice("event", TRIGGERS)
    if trigger is None and not form.errors:
        form.add_error("event", f"event is required: one of {', '.join(TRIGGERS)}.")
    form.check()
    return _record_event(request_state(), transaction_id, trigger or "")


def _record_event(state: RequestState, transaction_id: str, trigger: str) -> Response:
    with state.writing():
        row = get_or_404(state, "transactions", row_id(transaction_id))
        record_event(state, trigger, "transaction", row["id"], row["profile_id"])
    return single(serialize_transaction(state, row))
