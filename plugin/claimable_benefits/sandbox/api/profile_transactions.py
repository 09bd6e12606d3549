"""The transactions of one profile (Omneo facts 11)."""

from __future__ import annotations

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import transactions
from claimable_benefits.sandbox.protocol.body_reader import row_id
from claimable_benefits.sandbox.protocol.error_responses import not_found
from claimable_benefits.sandbox.protocol.list_query import Filter
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import single
from claimable_benefits.sandbox.serializers.transactions import serialize_transaction
from claimable_benefits.sandbox.state.request_state import request_state

bp = Blueprint("profile_transactions", __name__)


@bp.get("/profiles/<profile_id>/transactions")
@bp.get("/profiles/<profile_id>/find-transactions")
def browse_profile_transactions(profile_id: str) -> Response:
    """List a profile's transactions."""
    get_or_404(request_state(), "profiles", profile_id)
    where = Filter()
    where.add("t.profile_id = ?", profile_id)
    return transactions.browse(where)


@bp.get("/profiles/<profile_id>/transactions/<transaction_id>")
def read_profile_transaction(profile_id: str, transaction_id: str) -> Response:
    """Read one transaction of a profile."""
    state = request_state()
    get_or_404(state, "profiles", profile_id)
    row = get_or_404(state, "transactions", row_id(transaction_id))
    if row["profile_id"] != profile_id:
        raise not_found("transaction")
    return single(serialize_transaction(state, row))
