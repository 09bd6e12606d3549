"""Identities, and the ways from one to its profile (Omneo facts 2)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import invalid_fields, not_found, refused
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, created, no_content, single
from claimable_benefits.sandbox.serializers.identities import serialize_identity
from claimable_benefits.sandbox.serializers.profiles import serialize_profile
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks.events import record_event

bp = Blueprint("identities", __name__)

LIST = ListSource(
    "identities i",
    "i.*",
    {
        "id": ("i.id", "number"),
        "handle": ("i.handle", "text"),
        "identifier": ("i.identifier", "text"),
        "profile_id": ("i.profile_id", "text"),
        "is_primary": ("i.is_primary", "boolean"),
        "is_active": ("i.is_active", "boolean"),
        "created_at": ("i.created_at", "time"),
        "updated_at": ("i.updated_at", "time"),
    },
)


@bp.get("/identities/search")
def search() -> Response:
    """Find the profile of a handle and identifier: the guide's way, whose answer's shape is a switch."""
    state = request_state()
    absent = {name: [f"{name} is required."] for name in ("handle", "identifier") if not request.args.get(name)}
    if absent:
        raise invalid_fields(absent)
    row = find_profile(state, request.args["handle"], request.args["identifier"])
    if row is None:
        raise not_found("identity")
    shapes = {
        "profile_id": {"profile_id": row["id"]},
        "id": {"id": row["id"]},
        "profile": {"profile": {"id": row["id"]}},
        "list": [{"profile_id": row["id"]}],
    }
    return single(shapes[state.switches["identity_search"]])


@bp.get("/identities/search-profile/<path:identifier>")
def search_profile(identifier: str) -> Response:
    """List the profiles that hold an identifier under any handle."""
    rows = request_state().db.execute(
        "SELECT DISTINCT p.* FROM profiles p JOIN identities i ON i.profile_id = p.id"
        " WHERE i.identifier = ? AND i.is_active",
        (identifier,),
    )
    return single([serialize_profile(row) for row in rows])


@bp.get("/identities/handles")
def handles() -> Response:
    """List the handles in use."""
    found = request_state().db.execute("SELECT DISTINCT handle FROM identities WHERE is_active ORDER BY handle")
    return single([row[0] for row in found if not row[0].startswith("merged_")])


@bp.get("/identities")
def browse_identities() -> Response:
    """List identities, with their profiles when asked for."""
    state, full = request_state(), request.args.get("include") == "profile"

    def element(rows: list[sqlite3.Row]) -> list[Body]:
        return [serialize_identity(row) | ({"profile": _profile(state, row)} if full else {}) for row in rows]

    return paginate(state, LIST, Filter(), element)


@bp.post("/profiles/search-id")
def search_id() -> Response:
    """Find one profile by ``{type, id}``: an identity's handle, or the word profile_id."""
    return single(serialize_profile(_by_type(request_state())))


@bp.post("/profiles/exists")
def exists() -> Response:
    """Answer the id of the profile that ``{type, id}`` names."""
    return single({"id": _by_type(request_state())["id"]})


@bp.get("/profiles/<profile_id>/identities")
def browse_profile_identities(profile_id: str) -> Response:
    """List a profile's identities."""
    state = request_state()
    get_or_404(state, "profiles", profile_id)
    found = state.db.execute("SELECT * FROM identities WHERE profile_id = ? ORDER BY id", (profile_id,))
    return single([serialize_identity(row) for row in found])


@bp.post("/profiles/<profile_id>/identities")
def create_identity(profile_id: str) -> Response:
    """Give a profile an identity; handle and identifier are unique together."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        get_or_404(state, "profiles", profile_id)
        row = insert_identity(state, profile_id, form)
    return created(serialize_identity(row))


@bp.get("/profiles/<profile_id>/identities/<handle>")
def read_identity(profile_id: str, handle: str) -> Response:
    """Read a profile's identity by its handle."""
    return single(serialize_identity(_of(request_state(), profile_id, "handle = ?", handle)))


@bp.get("/profiles/<profile_id>/identities/id/<identity_id>")
def read_identity_by_id(profile_id: str, identity_id: str) -> Response:
    """Read a profile's identity by its number."""
    return single(serialize_identity(_of(request_state(), profile_id, "id = ?", row_id(identity_id))))


@bp.put("/profiles/<profile_id>/identities/<handle>")
def update_identity(profile_id: str, handle: str) -> Response:
    """Change a profile's identity, named by its handle, or by its number as the guide has it."""
    return _update(profile_id, *_named(request_state(), profile_id, handle))


@bp.put("/profiles/<profile_id>/identities/id/<identity_id>")
def update_identity_by_id(profile_id: str, identity_id: str) -> Response:
    """Change a profile's identity, named by its number."""
    return _update(profile_id, "id = ?", row_id(identity_id))


@bp.delete("/profiles/<profile_id>/identities/<handle>")
def delete_identity(profile_id: str, handle: str) -> Response:
    """Remove a profile's identity, named by its handle, or by its number as the guide has it."""
    return _delete(profile_id, *_named(request_state(), profile_id, handle))


@bp.delete("/profiles/<profile_id>/identities/id/<identity_id>")
def delete_identity_by_id(profile_id: str, identity_id: str) -> Response:
    """Remove a profile's identity, named by its number."""
    return _delete(profile_id, "id = ?", row_id(identity_id))


def find_profile(state: RequestState, handle: str, identifier: str) -> sqlite3.Row | None:
    """Return the one profile behind an active identity, or None."""
    row: sqlite3.Row | None = state.db.execute(
        "SELECT p.* FROM profiles p JOIN identities i ON i.profile_id = p.id"
        " WHERE i.handle = ? AND i.identifier = ? AND i.is_active",
        (handle, identifier),
    ).fetchone()
    return row


def insert_identity(state: RequestState, profile_id: str, form: RequestForm) -> sqlite3.Row:
    """Insert an identity; call it inside `writing()`."""
    handle, identifier = form.handle("handle", required=True), form.text("identifier", required=True)
    primary, active = form.boolean("is_primary"), form.boolean("is_active")
    form.check()
    _check_free(state, handle, identifier, 0)
    row = {
        "profile_id": profile_id,
        "handle": handle,
        "identifier": identifier,
        "is_primary": bool(primary),
        "is_active": active is not False,
        "created_at": state.stamp,
        "updated_at": state.stamp,
    }
    number = store.insert(state.db, "identities", row)
    record_event(state, "identity.created", "identity", number, profile_id)
    return _row(state, number)


def _profile(state: RequestState, row: sqlite3.Row) -> Body:
    return serialize_profile(get_or_404(state, "profiles", row["profile_id"]))


def _by_type(state: RequestState) -> sqlite3.Row:
    form = RequestForm(body())
    kind, key = form.text("type", required=True), form.text("id", required=True)
    form.check()
    if kind == "profile_id":
        return get_or_404(state, "profiles", key or "")
    row = find_profile(state, kind or "", key or "")
    if row is None:
        raise not_found("profile")
    return row


def _named(state: RequestState, profile_id: str, key: str) -> tuple[str, object]:
    """Return the condition and value that a path's last part means: a handle before a number."""
    found = state.db.execute("SELECT 1 FROM identities WHERE profile_id = ? AND handle = ?", (profile_id, key))
    return ("handle = ?", key) if found.fetchone() or not row_id(key) else ("id = ?", row_id(key))


def _of(state: RequestState, profile_id: str, condition: str, key: object) -> sqlite3.Row:
    get_or_404(state, "profiles", profile_id)
    row: sqlite3.Row | None = state.db.execute(
        f"SELECT * FROM identities WHERE profile_id = ? AND {condition} ORDER BY id",  # noqa: S608 - ours
        (profile_id, key),
    ).fetchone()
    if row is None:
        raise not_found("identity")
    return row


def _update(profile_id: str, condition: str, key: object) -> Response:
    state, form = request_state(), RequestForm(body())
    identifier = form.text("identifier")
    flags = {name: form.boolean(name) for name in ("is_active", "is_primary")}
    with state.writing():
        row = _of(state, profile_id, condition, key)
        form.check()
        _check_free(state, row["handle"], identifier, row["id"])
        changes: Body = {name: flag for name, flag in flags.items() if flag is not None}
        changes |= {"identifier": identifier} if identifier is not None else {}
        store.update(state.db, "identities", row["id"], changes | {"updated_at": state.stamp})
    return single(serialize_identity(_row(state, row["id"])))


def _delete(profile_id: str, condition: str, key: object) -> Response:
    state = request_state()
    with state.writing():
        row = _of(state, profile_id, condition, key)
        state.db.execute("DELETE FROM identities WHERE id = ?", (row["id"],))
    return no_content()


def _check_free(state: RequestState, handle: str | None, identifier: str | None, except_id: int) -> None:
    taken = "SELECT 1 FROM identities WHERE handle = ? AND identifier = ? AND id <> ?"
    if state.db.execute(taken, (handle, identifier, except_id)).fetchone():
        raise refused(identifier="This handle and identifier belong to a profile already.")


def _row(state: RequestState, identity_id: int) -> sqlite3.Row:
    row = store.find(state.db, "identities", identity_id)
    assert row is not None  # noqa: S101 - it was just written
    return row
