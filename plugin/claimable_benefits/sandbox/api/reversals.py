"""Taking a redemption back: a reversal inside ten minutes, a return of uses at any time (Omneo facts 10)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response

from claimable_benefits.sandbox.api import benefits, redemption_views, redemptions
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import refused
from claimable_benefits.sandbox.protocol.responses import created, one
from claimable_benefits.sandbox.rules.redemption_rules import is_expired, may_reverse
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state

bp = Blueprint("undo", __name__)


@bp.post("/redemptions/<redemption_id>/reversal")
def reverse(redemption_id: str) -> Response:
    """Take a whole redemption back within ten minutes of its making (16.25)."""
    here = request_state()
    with here.writing():
        row = redemptions.known(here, row_id(redemption_id))
        if row["reversed_by"] is not None and here.switches["second_reversal"] == "replay":
            return one(redemption_views.successful(here, redemptions.known(here, row["reversed_by"])))
        _check_undoable(row)
        if not may_reverse(row["created_at"], here.now):
            raise refused(redemption="A redemption can be reversed within ten minutes of its making only.")
        standing = [(item, item["count"] - item["returned"]) for item in redemption_views.items_of(here, row["id"])]
        if not any(count for _item, count in standing):
            raise refused(redemption="Everything of this redemption was returned already.")
        made = _give_back(here, row, "reversal", standing)
        store.update(here.db, "redemptions", row["id"], {"reversed_by": made["id"], "updated_at": here.stamp})
    return created(redemption_views.successful(here, made))


@bp.post("/redemptions/<redemption_id>/benefit/return")
def return_benefit(redemption_id: str) -> Response:
    """Give some uses back, one by default, at any time (16.26)."""
    here, form = request_state(), RequestForm(body())
    count = form.whole("count", least=1)
    form.check()
    with here.writing():
        row = redemptions.known(here, row_id(redemption_id))
        _check_undoable(row)
        made = _return(here, row, _share(redemption_views.items_of(here, row["id"]), count or 1))
    return created(redemption_views.shown(here, made))


@bp.post("/redemptions/<redemption_id>/return")
def return_by_strategy(redemption_id: str) -> Response:
    """Give uses of the benefits that the body names back, or all that stand when it names none."""
    here, form = request_state(), RequestForm(body())
    redemptions.check_strategies(form)
    named = form.forms("benefits")
    form.check()
    with here.writing():
        row = redemptions.known(here, row_id(redemption_id))
        _check_undoable(row)
        items = redemption_views.items_of(here, row["id"])
        shares = [share for part in named for share in _named(here, items, part)] or [
            (item, item["count"] - item["returned"]) for item in items
        ]
        if not any(count for _item, count in shares):
            raise refused(redemption="Everything of this redemption was returned already.")
        made = _return(here, row, shares)
    return created(redemption_views.successful(here, made))


def release(scene: RequestState, redemption_id: int) -> None:
    """Return what stands of a redemption, as the switch ``void`` may ask for; to be called while writing (16.31)."""
    row = redemptions.known(scene, redemption_id)
    standing = [(item, item["count"] - item["returned"]) for item in redemption_views.items_of(scene, row["id"])]
    if row["type"] == "redeem" and row["reversed_by"] is None and any(count for _item, count in standing):
        _give_back(scene, row, "return", standing)


def _check_undoable(row: sqlite3.Row) -> None:
    """Refuse what cannot be taken back (16.27)."""
    if row["type"] != "redeem":
        raise refused(redemption="Only a redemption of type redeem can be taken back.")
    if row["reversed_by"] is not None:
        raise refused(redemption="This redemption was reversed already.")


def _return(scene: RequestState, row: sqlite3.Row, shares: list[tuple[sqlite3.Row, int]]) -> sqlite3.Row:
    """Return uses of a redemption; those of expired benefits as the switch ``return_after_expiry`` says (16.26)."""
    if scene.switches["return_after_expiry"] == "refuse":
        for item, _count in shares:
            benefit = store.find(scene.db, "benefits", item["benefit_id"])
            if benefit is not None and is_expired(benefit["expires_at"], scene.stamp):
                raise refused(redemption="This benefit has expired since.")
    return _give_back(scene, row, "return", shares)


def _named(scene: RequestState, items: list[sqlite3.Row], part: RequestForm) -> list[tuple[sqlite3.Row, int]]:
    """Return the share of a redemption that one entry of a body means, by a benefit's id or its definition's handle."""
    number, handle, count = part.whole("id"), part.text("handle"), part.whole("quantity", least=1)
    part.check()
    meant = [item for item in items if number == item["benefit_id"] or (number is None and _is(scene, item, handle))]
    if not meant:
        part.fault("id", "This redemption holds no such benefit.")
    part.check()
    return _share(meant, count or 1)


def _is(scene: RequestState, item: sqlite3.Row, handle: str | None) -> bool:
    found = scene.db.execute(
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


def _give_back(scene: RequestState, row: sqlite3.Row, kind: str, shares: list[tuple[sqlite3.Row, int]]) -> sqlite3.Row:
    facts = {
        name: row[name] for name in ("timezone", "transaction_external_id", "transaction_receipt_ref", "location_id")
    }
    number = redemptions.note(scene, row["profile_id"], kind, facts | {"undoes": row["id"], "redeem_at": scene.stamp})
    for item, count in shares:
        if count:
            store.update(scene.db, "redemption_items", item["id"], {"returned": item["returned"] + count})
            benefit = store.find(scene.db, "benefits", item["benefit_id"])
            if benefit is not None:
                redemptions.spend(scene, benefits.known(scene, benefit["id"]), -count)
            redemptions.note_item(scene, number, item["benefit_id"], count)
    return redemptions.known(scene, number)
