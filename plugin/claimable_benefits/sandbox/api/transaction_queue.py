"""Transactions that are taken in without an answer of their own, and those told of again (Omneo facts 11)."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import transactions
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.responses import one, respond
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks import events

bp = Blueprint("queueing", __name__)

TRIGGERS = ("transaction.sync", "transaction.recalculate")


@bp.post("/transactions/queue")
def queue_transaction() -> Response:
    """Record an order as update-create does, and answer nothing but that it arrived."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        transactions.upsert(here, form)
    return respond({"data": "OK"})


@bp.post("/transactions/queue/create")
def queue_new_transaction() -> Response:
    """Record an order as a new one, and answer nothing but that it arrived."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        transactions.record(here, form, None)
    return respond({"data": "OK"})


@bp.post("/transactions/batch.json")
def queue_batch() -> Response:
    """Record several orders as update-create does, all or none."""
    here, form = request_state(), RequestForm(body())
    wanted = form.forms("transactions")
    form.check()
    with here.writing():
        for order in wanted:
            transactions.upsert(here, order)
    return respond({"message": f"{len(wanted)} transactions queued.", "batch_id": str(uuid.uuid4())})


@bp.post("/transactions/<transaction_id>/resend")
def resend_transaction(transaction_id: str) -> Response:
    """Tell of a transaction again."""
    return _tell(request_state(), transaction_id, "transaction.resent")


@bp.post("/transactions/<transaction_id>/event-trigger")
def trigger_event(transaction_id: str) -> Response:
    """Tell of a transaction under the name that the body gives as ``event``."""
    form = RequestForm(body())
    trigger = form.choice("event", TRIGGERS)
    if trigger is None and not form.errors:
        form.fault("event", f"event is required: one of {', '.join(TRIGGERS)}.")
    form.check()
    return _tell(request_state(), transaction_id, trigger or "")


def _tell(scene: RequestState, transaction_id: str, trigger: str) -> Response:
    with scene.writing():
        row = transactions.known(scene, row_id(transaction_id))
        events.record(scene, trigger, "transaction", row["id"], row["profile_id"])
    return one(transactions.shown(scene, row))
