"""The transactions of one profile (Omneo facts 11)."""

from __future__ import annotations

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import profiles, transactions
from claimable_benefits.sandbox.protocol.body_reader import row_id
from claimable_benefits.sandbox.protocol.error_responses import missing
from claimable_benefits.sandbox.protocol.list_query import Filter
from claimable_benefits.sandbox.protocol.responses import one
from claimable_benefits.sandbox.state.request_state import request_state

bp = Blueprint("profile_transactions", __name__)


@bp.get("/profiles/<profile_id>/transactions")
@bp.get("/profiles/<profile_id>/find-transactions")
def browse_profile_transactions(profile_id: str) -> Response:
    """List a profile's transactions."""
    profiles.known(request_state(), profile_id)
    where = Filter()
    where.add("t.profile_id = ?", profile_id)
    return transactions.browse(where)


@bp.get("/profiles/<profile_id>/transactions/<transaction_id>")
def read_profile_transaction(profile_id: str, transaction_id: str) -> Response:
    """Read one transaction of a profile."""
    here = request_state()
    profiles.known(here, profile_id)
    row = transactions.known(here, row_id(transaction_id))
    if row["profile_id"] != profile_id:
        raise missing("transaction")
    return one(transactions.shown(here, row))
