"""Benefits: instances of definitions, issued to profiles (Omneo facts 4, 5 and 13.1)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.api import definitions, grant, profiles
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import missing
from claimable_benefits.sandbox.protocol.list_query import Filter, Source, page
from claimable_benefits.sandbox.protocol.responses import Body, gone, one
from claimable_benefits.sandbox.rules.redemption_rules import (
    ACTIVE,
    REDEEMABLE,
    begun_by,
    global_remaining,
    is_expired,
    refusal,
    remaining,
)
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks import events

bp = Blueprint("benefits", __name__)

_TAGGED = "EXISTS (SELECT 1 FROM json_each(d.doc, '$.tags') t WHERE t.value = ?)"
LIST = Source(
    "benefits b JOIN definitions d ON d.id = b.definition_id",
    "b.*",
    {
        "id": ("b.id", "number"),
        "benefit_definition_id": ("b.definition_id", "number"),
        "definition.id": ("d.id", "number"),
        "definition.type": ("d.type", "text"),
        "definition.handle": ("d.handle", "text"),
        "value": ("b.value", "number"),
        **{
            name: (f"b.{name}", "text")
            for name in ("profile_id", "external_id", "timezone", "redeem_code_pos", "redeem_code_online", "meta")
        },
        **{
            name: (f"b.{name}", "time")
            for name in ("issued_at", "expires_at", "claimed_at", "extended_at", "created_at", "updated_at")
        },
        "is_combined": ("0", "flag"),  # the sandbox combines nothing, and nothing but the API issues
        **dict.fromkeys(("combine_meta", "source_id", "source_type"), ("NULL", "text")),
    },
)


@bp.get("/benefits")
def browse_benefits() -> Response:
    """List every instance."""
    return _page(request_state(), Filter())


@bp.get("/benefits.count")
def count_benefits() -> Response:
    """Count the instances, and those of which nothing is left."""
    row = (
        request_state()
        .db.execute(
            "SELECT count(*), coalesce(sum(b.used >= d.max_redemptions), 0)"
            " FROM benefits b JOIN definitions d ON d.id = b.definition_id"
        )
        .fetchone()
    )
    return one({"countAll": row[0], "countRedeemed": row[1]})


@bp.get("/benefits/<benefit_id>")
def read_benefit(benefit_id: str) -> Response:
    """Read one instance."""
    here = request_state()
    return one(shown(here, known(here, row_id(benefit_id))))


@bp.put("/benefits/<benefit_id>")
def update_benefit(benefit_id: str) -> Response:
    """Change an instance; a new end is read in the instance's own time zone."""
    return _update(request_state(), row_id(benefit_id), None)


@bp.delete("/benefits/<benefit_id>")
def delete_benefit(benefit_id: str) -> Response:
    """Remove an instance."""
    return _delete(request_state(), row_id(benefit_id), None)


@bp.get("/profiles/<profile_id>/benefits")
def browse_profile_benefits(profile_id: str) -> Response:
    """List a profile's benefits: the active ones, or all of them (switch ``profile_benefits``)."""
    here, where = request_state(), _of_profile(profile_id)
    if here.switches["profile_benefits"] == "active":
        where.add(ACTIVE, here.stamp)
    for tag in request.args.getlist("tags[]"):
        where.add(_TAGGED, tag)
    return _page(here, where)


@bp.get("/profiles/<profile_id>/redeemable_benefits")
def browse_redeemable(profile_id: str) -> Response:
    """List the benefits that a profile can use this moment."""
    here, where = request_state(), _of_profile(profile_id)
    where.add(REDEEMABLE, here.stamp, begun_by(here.stamp, here.switches))
    return _page(here, where)


@bp.get("/profiles/<profile_id>/benefits/<benefit_id>")
def read_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Read one benefit of a profile."""
    here = request_state()
    return one(shown(here, owned(here, profile_id, row_id(benefit_id))))


@bp.put("/profiles/<profile_id>/benefits/<benefit_id>")
def update_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Change one benefit of a profile."""
    return _update(request_state(), row_id(benefit_id), profile_id)


@bp.delete("/profiles/<profile_id>/benefits/<benefit_id>")
def delete_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Remove one benefit of a profile."""
    return _delete(request_state(), row_id(benefit_id), profile_id)


def known(scene: RequestState, benefit_id: int) -> sqlite3.Row:
    """Return a benefit's row, or raise 404."""
    row = store.find(scene.db, "benefits", benefit_id)
    if row is None:
        raise missing("benefit")
    return row


def owned(scene: RequestState, profile_id: str, benefit_id: int) -> sqlite3.Row:
    """Return a benefit's row if it is this profile's, or raise 404 (16.18)."""
    profiles.known(scene, profile_id)
    row = known(scene, benefit_id)
    if row["profile_id"] != profile_id:
        raise missing("benefit")
    return row


def shown(scene: RequestState, row: sqlite3.Row) -> Body:
    """Return a benefit as answers show it, with its definition in full."""
    return _shown(scene, row, definitions.known(scene, row["definition_id"]))


def shown_all(scene: RequestState, rows: Iterable[sqlite3.Row]) -> list[Body]:
    """Return benefits as answers show them; each definition is read once."""
    held: dict[int, sqlite3.Row] = {}
    elements = []
    for row in rows:
        number = row["definition_id"]
        held[number] = held.get(number) or definitions.known(scene, number)
        elements.append(_shown(scene, row, held[number]))
    return elements


def _shown(scene: RequestState, row: sqlite3.Row, definition: sqlite3.Row) -> Body:
    doc, zone = definitions.doc_of(definition), row["timezone"]
    times = ("issued_at", "expires_at", "claimed_at", "extended_at")
    return {
        "id": row["id"],
        "profile_id": row["profile_id"],
        "external_id": row["external_id"],
        **{name: scene.shown(row[name], zone) for name in times},
        "timezone": zone,
        "is_expired": is_expired(row["expires_at"], scene.stamp),
        "is_redeemable": refusal(row, definition, 1, scene.stamp, begun_by(scene.stamp, scene.switches)) is None,
        "redemptions_remaining": remaining(definition, row["used"]),
        "total_global_redemptions_remaining": global_remaining(definition),
        "redeem_code_pos": row["redeem_code_pos"] or doc.get("redeem_code_pos"),
        "redeem_code_online": row["redeem_code_online"] or doc.get("redeem_code_online"),
        "value": row["value"],
        "is_combined": False,
        "combine_meta": None,
        "source_id": None,
        "source_type": None,
        "meta": json.loads(row["meta"]) if row["meta"] else None,
        "definition": definitions.shown(scene, definition),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _page(scene: RequestState, where: Filter) -> Response:
    return page(scene, LIST, where, lambda rows: shown_all(scene, rows))


def _of_profile(profile_id: str) -> Filter:
    profiles.known(request_state(), profile_id)
    where = Filter()
    where.add("b.profile_id = ?", profile_id)
    return where


def _update(scene: RequestState, benefit_id: int, profile_id: str | None) -> Response:
    form = RequestForm(body())
    with scene.writing():
        row = known(scene, benefit_id) if profile_id is None else owned(scene, profile_id, benefit_id)
        changes: Body = {}
        if form.has("expires_at"):
            changes["expires_at"] = form.moment("expires_at", row["timezone"])
        for name in ("external_id", "redeem_code_pos", "redeem_code_online"):
            if form.has(name):
                changes[name] = form.text(name)
        if form.has("meta"):
            changes["meta"] = grant.free(form)["meta"]
        if form.has("value"):
            changes["value"] = form.number("value")
        form.check()
        change(scene, row, changes)
    return one(shown(scene, known(scene, benefit_id)))


def change(scene: RequestState, row: sqlite3.Row, changes: Body) -> None:
    """Set some columns of a benefit; to be called while writing."""
    store.update(scene.db, "benefits", row["id"], changes | {"updated_at": scene.stamp})
    events.record(scene, "benefit.updated", "benefit", row["id"], row["profile_id"])


def _delete(scene: RequestState, benefit_id: int, profile_id: str | None) -> Response:
    with scene.writing():
        row = known(scene, benefit_id) if profile_id is None else owned(scene, profile_id, benefit_id)
        scene.db.execute("DELETE FROM benefits WHERE id = ?", (row["id"],))
        events.record(scene, "benefit.deleted", "benefit", row["id"], row["profile_id"])
    return gone()
