"""The transactions of one profile (Omneo facts 11)."""

from __future__ import annotations

from flask import Blueprint, Response

from . import profiles, transactions
from .form import row_id
from .listing import Where
from .problems import missing
from .scene import scene
from .wire import one

bp = Blueprint("profile_transactions", __name__)


@bp.get("/profiles/<profile_id>/transactions")
@bp.get("/profiles/<profile_id>/find-transactions")
def browse_profile_transactions(profile_id: str) -> Response:
    """List a profile's transactions."""
    profiles.known(scene(), profile_id)
    where = Where()
    where.add("t.profile_id = ?", profile_id)
    return transactions.browse(where)


@bp.get("/profiles/<profile_id>/transactions/<transaction_id>")
def read_profile_transaction(profile_id: str, transaction_id: str) -> Response:
    """Read one transaction of a profile."""
    here = scene()
    profiles.known(here, profile_id)
    row = transactions.known(here, row_id(transaction_id))
    if row["profile_id"] != profile_id:
        raise missing("transaction")
    return one(transactions.shown(here, row))
