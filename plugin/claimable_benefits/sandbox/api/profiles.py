"""Profiles (Omneo facts 2)."""

from __future__ import annotations

import json
import sqlite3
import uuid

from flask import Blueprint, Response

from claimable_benefits.sandbox.api.identities import insert_identity
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, read_kind
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, created, no_content, single
from claimable_benefits.sandbox.serializers.profiles import PROFILE_FIELDS, serialize_balances, serialize_profile
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks.events import record_event

bp = Blueprint("profiles", __name__)

_UNIQUE = {"email": ("email", "email"), "mobile_phone": ("json_extract(doc, '$.mobile_phone')", "phone number")}
LIST = ListSource(
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
    return paginate(request_state(), LIST, Filter(), lambda rows: [serialize_profile(row) for row in rows])


@bp.post("/profiles")
def create_profile() -> Response:
    """Create a profile, with the identities in the body."""
    state, form = request_state(), RequestForm(body())
    doc = _read(state, form, None)
    with state.writing():
        row = insert_profile(state, doc, form)
    return created(serialize_profile(row))


@bp.get("/profiles/<profile_id>")
def read_profile(profile_id: str) -> Response:
    """Read one profile."""
    return single(serialize_profile(get_or_404(request_state(), "profiles", profile_id)))


@bp.put("/profiles/<profile_id>")
def update_profile(profile_id: str) -> Response:
    """Change some fields of a profile."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        row = get_or_404(state, "profiles", profile_id)
        doc = json.loads(row["doc"]) | _read(state, form, profile_id)
        form.check()
        store.update(state.db, "profiles", profile_id, _columns(doc) | {"updated_at": state.stamp})
        record_event(state, "profile.updated", "profile", profile_id, profile_id)
    return single(serialize_profile(get_or_404(state, "profiles", profile_id)))


@bp.delete("/profiles/<profile_id>")
def delete_profile(profile_id: str) -> Response:
    """Remove a profile with its identities and benefits; its redemptions and transactions stand."""
    state = request_state()
    with state.writing():
        get_or_404(state, "profiles", profile_id)
        for table in ("identities", "benefits"):
            state.db.execute(f"DELETE FROM {table} WHERE profile_id = ?", (profile_id,))  # noqa: S608 - names are ours
        state.db.execute("DELETE FROM profiles WHERE id = ?", (profile_id,))
        record_event(state, "profile.deleted", "profile", profile_id, profile_id)
    return no_content()


@bp.post("/profiles/availability")
def availability() -> Response:
    """Return whether an email address or a mobile phone is free, and else whose it is."""
    state, form = request_state(), RequestForm(body())
    wanted = {name: form.text(name) for name in _UNIQUE}
    form.check()
    return single({name: _availability(state, name, value) for name, value in wanted.items()})


@bp.get("/profiles/<profile_id>/balances")
def read_balances(profile_id: str) -> Response:
    """Read what a profile holds; only benefits are kept here."""
    state = request_state()
    get_or_404(state, "profiles", profile_id)
    return single(serialize_balances(state, profile_id))


def insert_profile(state: RequestState, doc: Body, form: RequestForm, profile_id: str | None = None) -> sqlite3.Row:
    """Insert a profile with the identities its form brings; call it inside `writing()`."""
    profile_id = profile_id or str(uuid.uuid4())
    _check_unique(state, form, doc, profile_id)
    inner = form.objects("identities")
    form.check()
    times = {"created_at": state.stamp, "updated_at": state.stamp}
    store.insert(state.db, "profiles", {"id": profile_id} | _columns(doc) | times)
    record_event(state, "profile.created", "profile", profile_id, profile_id)
    for identity in inner:
        insert_identity(state, profile_id, identity)
    return get_or_404(state, "profiles", profile_id)


def _read(state: RequestState, form: RequestForm, profile_id: str | None) -> Body:
    doc = {name: read_kind(form, name, kind) for name, kind in PROFILE_FIELDS.items() if form.has(name)}
    if profile_id is not None:
        _check_unique(state, form, doc, profile_id)
    return doc


def _check_unique(state: RequestState, form: RequestForm, doc: Body, profile_id: str) -> None:
    for name, (_column, what) in _UNIQUE.items():
        holder = _holder(state, name, doc.get(name))
        if holder not in (None, profile_id):
            form.add_error(name, f"The {what} exists.")


def _holder(state: RequestState, name: str, value: str | None) -> str | None:
    """Return the id of the profile that holds a unique value."""
    if value is None:
        return None
    row = state.db.execute(f"SELECT id FROM profiles WHERE {_UNIQUE[name][0]} = ?", (value,)).fetchone()  # noqa: S608 - ours
    return row["id"] if row is not None else None


def _availability(state: RequestState, name: str, value: str | None) -> Body | None:
    if value is None:
        return None
    holder = _holder(state, name, value)
    return {"available": holder is None, "profile": {"id": holder} if holder is not None else None}


def _columns(doc: Body) -> Body:
    return {"email": doc.get("email"), "tier_handle": doc.get("tier_handle"), "doc": json.dumps(doc)}
