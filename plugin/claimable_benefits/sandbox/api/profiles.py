"""Profiles, and what conditions see of them (Omneo facts 2 and 13.10)."""

from __future__ import annotations

import json
import sqlite3
import uuid

from flask import Blueprint, Response

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind
from claimable_benefits.sandbox.protocol.error_responses import missing
from claimable_benefits.sandbox.protocol.list_query import Filter, Source, page
from claimable_benefits.sandbox.protocol.responses import Body, created, gone, one
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks import events

bp = Blueprint("profiles", __name__)

FIELDS = {
    "title": "text",
    "first_name": "text",
    "last_name": "text",
    "full_name": "text",
    "email": "text",
    "mobile_phone": "text",
    "tier_handle": "text",
    "gender": "text",
    "profile_type": "text",
    "birth_day": "whole",
    "birth_month": "whole",
    "birth_year": "whole",
    "is_completed": "flag",
    "tags": "strings",
    "statuses": "json",
    "attributes": "json",
    "custom_attributes": "json",
    "meta": "json",
}
_UNIQUE = {"email": ("email", "email"), "mobile_phone": ("json_extract(doc, '$.mobile_phone')", "phone number")}
LIST = Source(
    "profiles p",
    "p.*",
    {
        "id": ("p.id", "text"),
        "email": ("p.email", "text"),
        "tier_handle": ("p.tier_handle", "text"),
        "tier.handle": ("p.tier_handle", "text"),
        "first_name": ("json_extract(p.doc, '$.first_name')", "text"),
        "last_name": ("json_extract(p.doc, '$.last_name')", "text"),
        "mobile_phone": ("json_extract(p.doc, '$.mobile_phone')", "text"),
        "identities.identifier": ("SELECT i.identifier FROM identities i WHERE i.profile_id = p.id", "among"),
        "identities.handle": ("SELECT i.handle FROM identities i WHERE i.profile_id = p.id", "among"),
        "tags": ("SELECT t.value FROM json_each(p.doc, '$.tags') t", "among"),
        "created_at": ("p.created_at", "time"),
        "updated_at": ("p.updated_at", "time"),
    },
)


@bp.get("/profiles")
def browse_profiles() -> Response:
    """List profiles; ``filter[email]`` finds one."""
    return page(request_state(), LIST, Filter(), lambda rows: [shown(row) for row in rows])


@bp.post("/profiles")
def create_profile() -> Response:
    """Make a profile, with identities if it brings some."""
    here, form = request_state(), RequestForm(body())
    doc = _read(here, form, None)
    with here.writing():
        row = add(here, doc, form)
    return created(shown(row))


@bp.get("/profiles/<profile_id>")
def read_profile(profile_id: str) -> Response:
    """Read one profile."""
    return one(shown(known(request_state(), profile_id)))


@bp.put("/profiles/<profile_id>")
def update_profile(profile_id: str) -> Response:
    """Change some fields of a profile."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        row = known(here, profile_id)
        doc = json.loads(row["doc"]) | _read(here, form, profile_id)
        form.check()
        store.update(here.db, "profiles", profile_id, _columns(doc) | {"updated_at": here.stamp})
        events.record(here, "profile.updated", "profile", profile_id, profile_id)
    return one(shown(known(here, profile_id)))


@bp.delete("/profiles/<profile_id>")
def delete_profile(profile_id: str) -> Response:
    """Remove a profile with its identities and benefits; its redemptions and transactions stand."""
    here = request_state()
    with here.writing():
        known(here, profile_id)
        for table in ("identities", "benefits"):
            here.db.execute(f"DELETE FROM {table} WHERE profile_id = ?", (profile_id,))  # noqa: S608 - names are ours
        here.db.execute("DELETE FROM profiles WHERE id = ?", (profile_id,))
        events.record(here, "profile.deleted", "profile", profile_id, profile_id)
    return gone()


@bp.post("/profiles/availability")
def availability() -> Response:
    """Say whether an email address or a mobile phone is free, and else whose it is."""
    here, form = request_state(), RequestForm(body())
    wanted = {name: form.text(name) for name in _UNIQUE}
    form.check()
    return one({name: _availability(here, name, value) for name, value in wanted.items()})


@bp.get("/profiles/<profile_id>/balances")
def read_balances(profile_id: str) -> Response:
    """Read what a profile holds; only benefits are kept here."""
    here = request_state()
    known(here, profile_id)
    return one(balances(here, profile_id))


def known(scene: RequestState, profile_id: str) -> sqlite3.Row:
    """Return a profile's row, or raise 404."""
    row = store.find(scene.db, "profiles", profile_id)
    if row is None:
        raise missing("profile")
    return row


def add(scene: RequestState, doc: Body, form: RequestForm, profile_id: str | None = None) -> sqlite3.Row:
    """Insert a profile with the identities its form brings; to be called while writing."""
    profile_id = profile_id or str(uuid.uuid4())
    _check_unique(scene, form, doc, profile_id)
    from claimable_benefits.sandbox.api.identities import attach

    inner = form.forms("identities")
    form.check()
    times = {"created_at": scene.stamp, "updated_at": scene.stamp}
    store.insert(scene.db, "profiles", {"id": profile_id} | _columns(doc) | times)
    events.record(scene, "profile.created", "profile", profile_id, profile_id)
    for identity in inner:
        attach(scene, profile_id, identity)
    return known(scene, profile_id)


def shown(row: sqlite3.Row) -> Body:
    """Return a profile as answers show it."""
    doc = json.loads(row["doc"])
    name = " ".join(filter(None, (doc.get("first_name"), doc.get("last_name"))))
    tier = row["tier_handle"]
    return {
        "id": row["id"],
        **dict.fromkeys(FIELDS),
        "tags": [],
        "statuses": [],
        "custom_attributes": [],
        "is_completed": False,
        **doc,
        "full_name": doc.get("full_name") or name or None,
        "tier": {"handle": tier, "name": tier.title()} if tier else None,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def brief(row: sqlite3.Row | None) -> Body | None:
    """Return the few fields of a profile that redemptions and transactions carry."""
    if row is None:
        return None
    full = shown(row)
    return {name: full[name] for name in ("first_name", "last_name", "full_name", "email", "statuses")}


def context(scene: RequestState, profile_id: str) -> Body:
    """Return what a claim or view condition is evaluated against."""
    full = shown(known(scene, profile_id))
    return full | {"reward_balance": 0, "point_balance": 0}


def balances(scene: RequestState, profile_id: str) -> Body:
    """Return the balances of a profile: none of money, and the number of benefits held."""
    from claimable_benefits.sandbox.rules.redemption_rules import ACTIVE

    held = scene.db.execute(
        "SELECT count(*) FROM benefits b JOIN definitions d ON d.id = b.definition_id"  # noqa: S608 - the rule is ours
        f" WHERE b.profile_id = ? AND {ACTIVE}",
        (profile_id, scene.stamp),
    ).fetchone()[0]
    nothing: Body = {"reward_balance": 0, "point_balance": 0, "point_balance_dollars": 0, "credit_balance": 0}
    shown_as = held if scene.switches["benefit_balance"] == "count" else 0
    money = nothing | {"benefit_balance": shown_as, "combined_balance_dollars": 0}
    return money | {"localised": money, "currency": "AUD"}


def _read(scene: RequestState, form: RequestForm, profile_id: str | None) -> Body:
    doc = {name: read_kind(form, name, kind) for name, kind in FIELDS.items() if form.has(name)}
    if profile_id is not None:
        _check_unique(scene, form, doc, profile_id)
    return doc


def _check_unique(scene: RequestState, form: RequestForm, doc: Body, profile_id: str) -> None:
    for name, (_column, what) in _UNIQUE.items():
        holder = _holder(scene, name, doc.get(name))
        if holder not in (None, profile_id):
            form.fault(name, f"The {what} exists.")


def _holder(scene: RequestState, name: str, value: str | None) -> str | None:
    """Return the id of the profile that holds a unique value."""
    if value is None:
        return None
    row = scene.db.execute(f"SELECT id FROM profiles WHERE {_UNIQUE[name][0]} = ?", (value,)).fetchone()  # noqa: S608 - ours
    return row["id"] if row is not None else None


def _availability(scene: RequestState, name: str, value: str | None) -> Body | None:
    if value is None:
        return None
    holder = _holder(scene, name, value)
    return {"available": holder is None, "profile": {"id": holder} if holder is not None else None}


def _columns(doc: Body) -> Body:
    return {"email": doc.get("email"), "tier_handle": doc.get("tier_handle"), "doc": json.dumps(doc)}
