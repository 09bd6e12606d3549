"""Roll redemptions back: a reversal inside ten minutes, a return of uses at any time (Omneo facts 10)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import redemptions
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import refused
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import created, single
from claimable_benefits.sandbox.rules.redemption_rules import is_expired, may_reverse
from claimable_benefits.sandbox.serializers.redemptions import (
    items_of,
    serialize_redemption,
    serialize_successful_redemption,
)
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state

bp = Blueprint("reversals", __name__)


@bp.post("/redemptions/<redemption_id>/reversal")
def reverse(redemption_id: str) -> Response:
    """Reverse a whole redemption within ten minutes (16.25)."""
    state = request_state()
    with state.writing():
        row = get_or_404(state, "redemptions", row_id(redemption_id))
        if row["reversed_by"] is not None and state.switches["second_reversal"] == "replay":
            return single(serialize_successful_redemption(state, get_or_404(state, "redemptions", row["reversed_by"])))
        _check_can_be_rolled_back(row)
        if not may_reverse(row["created_at"], state.now):
            raise refused(redemption="A redemption can be reversed within ten minutes of its making only.")
        unreturned = [(item, item["count"] - item["returned"]) for item in items_of(state, row["id"])]
        if not any(count for _item, count in unreturned):
            raise refused(redemption="Everything of this redemption was returned already.")
        made = _roll_back(state, row, "reversal", unreturned)
        store.update(state.db, "redemptions", row["id"], {"reversed_by": made["id"], "updated_at": state.stamp})
    return created(serialize_successful_redemption(state, made))


@bp.post("/redemptions/<redemption_id>/benefit/return")
def return_benefit(redemption_id: str) -> Response:
    """Return some uses, one by default, at any time (16.26)."""
    state, form = request_state(), RequestForm(body())
    count = form.integer("count", least=1)
    form.check()
    with state.writing():
        row = get_or_404(state, "redemptions", row_id(redemption_id))
        if _may_return_twice(state, row):
            made = _roll_back(state, row, "return", [(item, count or 1) for item in items_of(state, row["id"])[:1]])
        else:
            _check_can_be_rolled_back(row)
            made = _return(state, row, _share(items_of(state, row["id"]), count or 1))
    return created(serialize_redemption(state, made))


@bp.post("/redemptions/<redemption_id>/return")
def return_by_strategy(redemption_id: str) -> Response:
    """Return uses of the benefits that the body names, or all uses when it names none."""
    state, form = request_state(), RequestForm(body())
    redemptions.check_strategies(form)
    named = form.objects("benefits")
    form.check()
    with state.writing():
        row = get_or_404(state, "redemptions", row_id(redemption_id))
        _check_can_be_rolled_back(row)
        items = items_of(state, row["id"])
        shares = [share for part in named for share in _named(state, items, part)] or [
            (item, item["count"] - item["returned"]) for item in items
        ]
        if not any(count for _item, count in shares):
            raise refused(redemption="Everything of this redemption was returned already.")
        made = _return(state, row, shares)
    return created(serialize_successful_redemption(state, made))


def return_all(state: RequestState, redemption_id: int) -> None:
    """Return what stands of a redemption, as the switch ``void`` may ask for; call it inside `writing()` (16.31)."""
    row = get_or_404(state, "redemptions", redemption_id)
    unreturned = [(item, item["count"] - item["returned"]) for item in items_of(state, row["id"])]
    if row["type"] == "redeem" and row["reversed_by"] is None and any(count for _item, count in unreturned):
        _roll_back(state, row, "return", unreturned)


def _may_return_twice(state: RequestState, row: sqlite3.Row) -> bool:
    """Whether a reversed redemption is returned once more, as the switch ``return_after_reversal`` says."""
    return row["reversed_by"] is not None and state.switches["return_after_reversal"] == "take"


def _check_can_be_rolled_back(row: sqlite3.Row) -> None:
    """Refuse what cannot be rolled back (16.27)."""
    if row["type"] != "redeem":
        raise refused(redemption="Only a redemption of type redeem can be reversed or returned.")
    if row["reversed_by"] is not None:
        raise refused(redemption="This redemption was reversed already.")


def _return(state: RequestState, row: sqlite3.Row, shares: list[tuple[sqlite3.Row, int]]) -> sqlite3.Row:
    """Return uses of a redemption; those of expired benefits as the switch ``return_after_expiry`` says (16.26)."""
    if state.switches["return_after_expiry"] == "refuse":
        for item, _count in shares:
            benefit = store.find(state.db, "benefits", item["benefit_id"])
            if benefit is not None and is_expired(benefit["expires_at"], state.stamp):
                raise refused(redemption="This benefit has expired since.")
    return _roll_back(state, row, "return", shares)


def _named(state: RequestState, items: list[sqlite3.Row], part: RequestForm) -> list[tuple[sqlite3.Row, int]]:
    """Return the share of a redemption that one entry of a body means, by a benefit's id or its definition's handle."""
    number, handle, count = part.integer("id"), part.text("handle"), part.integer("quantity", least=1)
    part.check()
    meant = [item for item in items if number == item["benefit_id"] or (number is None and _is(state, item, handle))]
    if not meant:
        part.add_error("id", "This redemption holds no such benefit.")
    part.check()
    return _share(meant, count or 1)


def _is(state: RequestState, item: sqlite3.Row, handle: str | None) -> bool:
    found = state.db.execute(
        "SELECT 1 FROM benefits b JOIN definitions d ON d.id = b.definition_id WHERE b.id = ? AND d.handle = ?",
        (item["benefit_id"], handle),
    ).fetchone()
    return found is not None


def _share(items: list[sqlite3.Row], count: int) -> list[tuple[sqlite3.Row, int]]:
    """Return how many uses to take from each item, first items first."""
    left = sum(item["count"] - item["returned"] for item in items)
    if count > left:
        raise refused(count=f"{left} uses of this redemption can be returned.")
    shares = []
    for item in items:
        taken = min(count, item["count"] - item["returned"])
        shares.append((item, taken))
        count -= taken
    return shares


def _roll_back(state: RequestState, row: sqlite3.Row, kind: str, shares: list[tuple[sqlite3.Row, int]]) -> sqlite3.Row:
    facts = {
        name: row[name] for name in ("timezone", "transaction_external_id", "transaction_receipt_ref", "location_id")
    }
    number = redemptions.insert_redemption(
        state, row["profile_id"], kind, facts | {"rolls_back": row["id"], "redeem_at": state.stamp}
    )
    for item, count in shares:
        if count:
            store.update(state.db, "redemption_items", item["id"], {"returned": item["returned"] + count})
            benefit = store.find(state.db, "benefits", item["benefit_id"])
            if benefit is not None:
                redemptions.count_uses(state, get_or_404(state, "benefits", benefit["id"]), -count)
            redemptions.insert_item(state, number, item["benefit_id"], count)
    return get_or_404(state, "redemptions", number)
