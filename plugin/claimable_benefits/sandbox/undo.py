"""Taking a redemption back: a reversal inside ten minutes, a return of uses at any time (Omneo facts 10)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response

from . import benefits, receipts, redemptions, store
from .form import Form, body, row_id
from .problems import invalid
from .rules import may_reverse
from .scene import Scene, scene
from .wire import created

bp = Blueprint("undo", __name__)


@bp.post("/redemptions/<redemption_id>/reversal")
def reverse(redemption_id: str) -> Response:
    """Take a whole redemption back within ten minutes of its making (16.25)."""
    here = scene()
    with here.writing():
        row = _undoable(here, redemption_id)
        if not may_reverse(row["created_at"], here.now):
            raise invalid(redemption="A redemption can be reversed within ten minutes of its making only.")
        standing = [(item, item["count"] - item["returned"]) for item in receipts.items_of(here, row["id"])]
        if not any(count for _item, count in standing):
            raise invalid(redemption="Everything of this redemption was returned already.")
        made = _give_back(here, row, "reversal", standing)
        store.update(here.db, "redemptions", row["id"], {"reversed_by": made["id"], "updated_at": here.stamp})
    return created(receipts.successful(here, made))


@bp.post("/redemptions/<redemption_id>/benefit/return")
def return_benefit(redemption_id: str) -> Response:
    """Give some uses back, one by default, at any time (16.26)."""
    here, form = scene(), Form(body())
    count = form.whole("count", least=1)
    form.check()
    with here.writing():
        row = _undoable(here, redemption_id)
        made = _give_back(here, row, "return", _share(receipts.items_of(here, row["id"]), count or 1))
    return created(receipts.shown(here, made))


def _undoable(scene: Scene, redemption_id: str) -> sqlite3.Row:
    """Return a redemption that can be taken back, or raise 404 or 422 (16.27)."""
    row = redemptions.known(scene, row_id(redemption_id))
    if row["type"] != "redeem":
        raise invalid(redemption="Only a redemption of type redeem can be taken back.")
    if row["reversed_by"] is not None:
        raise invalid(redemption="This redemption was reversed already.")
    return row


def _share(items: list[sqlite3.Row], count: int) -> list[tuple[sqlite3.Row, int]]:
    """Return how many uses to take from each item, first items first."""
    left = sum(item["count"] - item["returned"] for item in items)
    if count > left:
        raise invalid(count=f"{left} uses of this redemption can be returned.")
    shares = []
    for item in items:
        taken = min(count, item["count"] - item["returned"])
        shares.append((item, taken))
        count -= taken
    return shares


def _give_back(scene: Scene, row: sqlite3.Row, kind: str, shares: list[tuple[sqlite3.Row, int]]) -> sqlite3.Row:
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
