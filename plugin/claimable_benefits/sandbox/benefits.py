"""Benefits: instances of definitions, issued to profiles (Omneo facts 4, 5 and 13.1)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import timedelta

from flask import Blueprint, Response, request

from . import definitions, events, granting, profiles, store
from .form import Form, body, row_id
from .listing import Source, Where, page
from .moments import from_stamp, stamp
from .problems import invalid, missing
from .rules import ACTIVE, REDEEMABLE, expiry, global_remaining, is_expired, refusal, remaining
from .scene import Scene, scene
from .wire import Body, created, gone, one

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
    },
)


@bp.get("/benefits")
def browse_benefits() -> Response:
    """List every instance."""
    return _page(scene(), Where())


@bp.get("/benefits.count")
def count_benefits() -> Response:
    """Count the instances, and those of which nothing is left."""
    row = (
        scene()
        .db.execute(
            "SELECT count(*), coalesce(sum(b.used >= d.max_redemptions), 0)"
            " FROM benefits b JOIN definitions d ON d.id = b.definition_id"
        )
        .fetchone()
    )
    return one({"countAll": row[0], "countRedeemed": row[1]})


@bp.post("/benefits")
def issue() -> Response:
    """Issue an instance of a definition to a profile."""
    here, form = scene(), Form(body())
    with here.writing():
        row = _issue(here, form)
    return created(shown(here, row))


@bp.post("/benefits/extend")
def extend() -> Response:
    """Give instances of one profile more time: a new end, or some days more."""
    here, form = scene(), Form(body())
    profile_id, days = form.text("profile_id", required=True), form.whole("extend_days", least=0, most=36500)
    ids = form.anything("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(part, int | str) for part in ids):
        form.fault("ids", "ids must be a list of benefit ids.")
    if days is None and form.anything("extend_date") is None:
        form.fault("extend_date", "One of extend_date and extend_days is required.")
    form.check()
    with here.writing():
        rows = [_extend(here, form, row_id(str(part)), profile_id or "", days) for part in ids]
    return one([shown(here, row) for row in rows])


@bp.get("/benefits/<benefit_id>")
def read_benefit(benefit_id: str) -> Response:
    """Read one instance."""
    here = scene()
    return one(shown(here, known(here, row_id(benefit_id))))


@bp.put("/benefits/<benefit_id>")
def update_benefit(benefit_id: str) -> Response:
    """Change an instance; a new end is read in the instance's own time zone."""
    return _update(scene(), row_id(benefit_id), None)


@bp.delete("/benefits/<benefit_id>")
def delete_benefit(benefit_id: str) -> Response:
    """Remove an instance."""
    return _delete(scene(), row_id(benefit_id), None)


@bp.get("/profiles/<profile_id>/benefits")
def browse_profile_benefits(profile_id: str) -> Response:
    """List a profile's benefits: the active ones, or all of them (switch ``profile_benefits``)."""
    here, where = scene(), _of_profile(profile_id)
    if here.switches["profile_benefits"] == "active":
        where.add(ACTIVE, here.stamp)
    for tag in request.args.getlist("tags[]"):
        where.add(_TAGGED, tag)
    return _page(here, where)


@bp.get("/profiles/<profile_id>/redeemable_benefits")
def browse_redeemable(profile_id: str) -> Response:
    """List the benefits that a profile can use this moment."""
    here, where = scene(), _of_profile(profile_id)
    where.add(REDEEMABLE, here.stamp, here.stamp)
    return _page(here, where)


@bp.get("/profiles/<profile_id>/benefits/<benefit_id>")
def read_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Read one benefit of a profile."""
    here = scene()
    return one(shown(here, owned(here, profile_id, row_id(benefit_id))))


@bp.put("/profiles/<profile_id>/benefits/<benefit_id>")
def update_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Change one benefit of a profile."""
    return _update(scene(), row_id(benefit_id), profile_id)


@bp.delete("/profiles/<profile_id>/benefits/<benefit_id>")
def delete_profile_benefit(profile_id: str, benefit_id: str) -> Response:
    """Remove one benefit of a profile."""
    return _delete(scene(), row_id(benefit_id), profile_id)


def known(scene: Scene, benefit_id: int) -> sqlite3.Row:
    """Return a benefit's row, or raise 404."""
    row = store.find(scene.db, "benefits", benefit_id)
    if row is None:
        raise missing("benefit")
    return row


def owned(scene: Scene, profile_id: str, benefit_id: int) -> sqlite3.Row:
    """Return a benefit's row if it is this profile's, or raise 404 (16.18)."""
    profiles.known(scene, profile_id)
    row = known(scene, benefit_id)
    if row["profile_id"] != profile_id:
        raise missing("benefit")
    return row


def shown(scene: Scene, row: sqlite3.Row) -> Body:
    """Return a benefit as answers show it, with its definition in full."""
    return _shown(scene, row, definitions.known(scene, row["definition_id"]))


def shown_all(scene: Scene, rows: Iterable[sqlite3.Row]) -> list[Body]:
    """Return benefits as answers show them; each definition is read once."""
    held: dict[int, sqlite3.Row] = {}
    elements = []
    for row in rows:
        number = row["definition_id"]
        held[number] = held.get(number) or definitions.known(scene, number)
        elements.append(_shown(scene, row, held[number]))
    return elements


def _shown(scene: Scene, row: sqlite3.Row, definition: sqlite3.Row) -> Body:
    doc, zone = definitions.doc_of(definition), row["timezone"]
    times = ("issued_at", "expires_at", "claimed_at", "extended_at")
    return {
        "id": row["id"],
        "profile_id": row["profile_id"],
        "external_id": row["external_id"],
        **{name: scene.shown(row[name], zone) for name in times},
        "timezone": zone,
        "is_expired": is_expired(row["expires_at"], scene.stamp),
        "is_redeemable": refusal(row, definition, 1, scene.stamp) is None,
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


def _page(scene: Scene, where: Where) -> Response:
    return page(scene, LIST, where, lambda rows: shown_all(scene, rows))


def _of_profile(profile_id: str) -> Where:
    profiles.known(scene(), profile_id)
    where = Where()
    where.add("b.profile_id = ?", profile_id)
    return where


def _issue(scene: Scene, form: Form) -> sqlite3.Row:
    number, profile_id = form.whole("benefit_definition_id", required=True), form.text("profile_id", required=True)
    definition = store.find(scene.db, "definitions", number)
    if number is not None and definition is None:
        form.fault("benefit_definition_id", "There is no such benefit definition.")
    if definition is not None and definition["is_archived"]:
        form.fault("benefit_definition_id", "This benefit definition is archived.")
    if profile_id is not None and store.find(scene.db, "profiles", profile_id) is None:
        form.fault("profile_id", "There is no such profile.")
    zone = form.zone(required=True)
    issued = form.moment("issued_at", zone) or scene.stamp
    ends = form.moment("expires_at", zone)
    given = {"external_id": form.text("external_id"), **granting.free(form)}
    form.check()
    assert definition is not None  # noqa: S101 - the check above raised
    assert profile_id is not None  # noqa: S101 - likewise
    times = {
        "issued_at": issued,
        "timezone": zone,
        "expires_at": ends or expiry(definition, from_stamp(issued), zone or "UTC"),
    }
    return granting.grant(scene, definition, profile_id, given | times)


def _extend(scene: Scene, form: Form, benefit_id: int, profile_id: str, days: int | None) -> sqlite3.Row:

    row = owned(scene, profile_id, benefit_id)
    if not definitions.known(scene, row["definition_id"])["is_extendable"]:
        raise invalid(ids=f"Benefit {benefit_id} cannot be extended.")
    ends = form.moment("extend_date", row["timezone"])
    form.check()
    if ends is None:
        ends = min(
            stamp(from_stamp(row["expires_at"] or scene.stamp) + timedelta(days=days or 0)), "2999-12-31 23:59:59"
        )
    _change(scene, row, {"expires_at": ends, "extended_at": scene.stamp})
    return known(scene, benefit_id)


def _update(scene: Scene, benefit_id: int, profile_id: str | None) -> Response:
    form = Form(body())
    with scene.writing():
        row = known(scene, benefit_id) if profile_id is None else owned(scene, profile_id, benefit_id)
        changes: Body = {}
        if form.has("expires_at"):
            changes["expires_at"] = form.moment("expires_at", row["timezone"])
        for name in ("external_id", "redeem_code_pos", "redeem_code_online"):
            if form.has(name):
                changes[name] = form.text(name)
        if form.has("meta"):
            changes["meta"] = granting.free(form)["meta"]
        if form.has("value"):
            changes["value"] = form.number("value")
        form.check()
        _change(scene, row, changes)
    return one(shown(scene, known(scene, benefit_id)))


def _change(scene: Scene, row: sqlite3.Row, changes: Body) -> None:
    store.update(scene.db, "benefits", row["id"], changes | {"updated_at": scene.stamp})
    events.record(scene, "benefit.updated", "benefit", row["id"], row["profile_id"])


def _delete(scene: Scene, benefit_id: int, profile_id: str | None) -> Response:
    with scene.writing():
        row = known(scene, benefit_id) if profile_id is None else owned(scene, profile_id, benefit_id)
        scene.db.execute("DELETE FROM benefits WHERE id = ?", (row["id"],))
        events.record(scene, "benefit.deleted", "benefit", row["id"], row["profile_id"])
    return gone()
