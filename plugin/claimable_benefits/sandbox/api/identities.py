"""Identities, and the ways from one to its profile (Omneo facts 2)."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.api import profiles
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import invalid_fields, missing, refused
from claimable_benefits.sandbox.protocol.list_query import Filter, Source, page
from claimable_benefits.sandbox.protocol.responses import Body, created, gone, one
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.webhooks import events

bp = Blueprint("identities", __name__)

LIST = Source(
    "identities i",
    "i.*",
    {
        "id": ("i.id", "number"),
        "handle": ("i.handle", "text"),
        "identifier": ("i.identifier", "text"),
        "profile_id": ("i.profile_id", "text"),
        "is_primary": ("i.is_primary", "flag"),
        "is_active": ("i.is_active", "flag"),
        "created_at": ("i.created_at", "time"),
        "updated_at": ("i.updated_at", "time"),
    },
)


@bp.get("/identities/search")
def search() -> Response:
    """Find the profile of a handle and identifier: the guide's way, whose answer's shape is a switch."""
    here = request_state()
    absent = {name: [f"{name} is required."] for name in ("handle", "identifier") if not request.args.get(name)}
    if absent:
        raise invalid_fields(absent)
    row = resolve(here, request.args["handle"], request.args["identifier"])
    if row is None:
        raise missing("identity")
    shapes = {
        "profile_id": {"profile_id": row["id"]},
        "id": {"id": row["id"]},
        "profile": {"profile": {"id": row["id"]}},
        "list": [{"profile_id": row["id"]}],
    }
    return one(shapes[here.switches["identity_search"]])


@bp.get("/identities/search-profile/<path:identifier>")
def search_profile(identifier: str) -> Response:
    """List the profiles that hold an identifier under any handle."""
    rows = request_state().db.execute(
        "SELECT DISTINCT p.* FROM profiles p JOIN identities i ON i.profile_id = p.id"
        " WHERE i.identifier = ? AND i.is_active",
        (identifier,),
    )
    return one([profiles.shown(row) for row in rows])


@bp.get("/identities/handles")
def handles() -> Response:
    """List the handles in use."""
    found = request_state().db.execute("SELECT DISTINCT handle FROM identities WHERE is_active ORDER BY handle")
    return one([row[0] for row in found if not row[0].startswith("merged_")])


@bp.get("/identities")
def browse_identities() -> Response:
    """List identities, with their profiles when asked for."""
    here, full = request_state(), request.args.get("include") == "profile"

    def element(rows: list[sqlite3.Row]) -> list[Body]:
        return [shown(row) | ({"profile": _profile(here, row)} if full else {}) for row in rows]

    return page(here, LIST, Filter(), element)


@bp.post("/profiles/search-id")
def search_id() -> Response:
    """Find one profile by ``{type, id}``: an identity's handle, or the word profile_id."""
    return one(profiles.shown(_by_type(request_state())))


@bp.post("/profiles/exists")
def exists() -> Response:
    """Answer the id of the profile that ``{type, id}`` names."""
    return one({"id": _by_type(request_state())["id"]})


@bp.get("/profiles/<profile_id>/identities")
def browse_profile_identities(profile_id: str) -> Response:
    """List a profile's identities."""
    here = request_state()
    profiles.known(here, profile_id)
    found = here.db.execute("SELECT * FROM identities WHERE profile_id = ? ORDER BY id", (profile_id,))
    return one([shown(row) for row in found])


@bp.post("/profiles/<profile_id>/identities")
def create_identity(profile_id: str) -> Response:
    """Give a profile an identity; handle and identifier are unique together."""
    here, form = request_state(), RequestForm(body())
    with here.writing():
        profiles.known(here, profile_id)
        row = attach(here, profile_id, form)
    return created(shown(row))


@bp.get("/profiles/<profile_id>/identities/<handle>")
def read_identity(profile_id: str, handle: str) -> Response:
    """Read a profile's identity by its handle."""
    return one(shown(_of(request_state(), profile_id, "handle = ?", handle)))


@bp.get("/profiles/<profile_id>/identities/id/<identity_id>")
def read_identity_by_id(profile_id: str, identity_id: str) -> Response:
    """Read a profile's identity by its number."""
    return one(shown(_of(request_state(), profile_id, "id = ?", row_id(identity_id))))


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


def resolve(scene: RequestState, handle: str, identifier: str) -> sqlite3.Row | None:
    """Return the one profile behind an active identity, or None."""
    row: sqlite3.Row | None = scene.db.execute(
        "SELECT p.* FROM profiles p JOIN identities i ON i.profile_id = p.id"
        " WHERE i.handle = ? AND i.identifier = ? AND i.is_active",
        (handle, identifier),
    ).fetchone()
    return row


def attach(scene: RequestState, profile_id: str, form: RequestForm) -> sqlite3.Row:
    """Insert an identity; to be called while writing."""
    handle, identifier = form.handle("handle", required=True), form.text("identifier", required=True)
    primary, active = form.flag("is_primary"), form.flag("is_active")
    form.check()
    _check_free(scene, handle, identifier, 0)
    row = {
        "profile_id": profile_id,
        "handle": handle,
        "identifier": identifier,
        "is_primary": bool(primary),
        "is_active": active is not False,
        "created_at": scene.stamp,
        "updated_at": scene.stamp,
    }
    number = store.insert(scene.db, "identities", row)
    events.record(scene, "identity.created", "identity", number, profile_id)
    return _row(scene, number)


def shown(row: sqlite3.Row) -> Body:
    """Return an identity as answers show it."""
    return {**dict(row), "is_primary": bool(row["is_primary"]), "is_active": bool(row["is_active"])}


def _profile(scene: RequestState, row: sqlite3.Row) -> Body:
    return profiles.shown(profiles.known(scene, row["profile_id"]))


def _by_type(scene: RequestState) -> sqlite3.Row:
    form = RequestForm(body())
    kind, key = form.text("type", required=True), form.text("id", required=True)
    form.check()
    if kind == "profile_id":
        return profiles.known(scene, key or "")
    row = resolve(scene, kind or "", key or "")
    if row is None:
        raise missing("profile")
    return row


def _named(scene: RequestState, profile_id: str, key: str) -> tuple[str, object]:
    """Return the condition and value that a path's last part means: a handle before a number."""
    held = scene.db.execute("SELECT 1 FROM identities WHERE profile_id = ? AND handle = ?", (profile_id, key))
    return ("handle = ?", key) if held.fetchone() or not row_id(key) else ("id = ?", row_id(key))


def _of(scene: RequestState, profile_id: str, condition: str, key: object) -> sqlite3.Row:
    profiles.known(scene, profile_id)
    row: sqlite3.Row | None = scene.db.execute(
        f"SELECT * FROM identities WHERE profile_id = ? AND {condition} ORDER BY id",  # noqa: S608 - ours
        (profile_id, key),
    ).fetchone()
    if row is None:
        raise missing("identity")
    return row


def _update(profile_id: str, condition: str, key: object) -> Response:
    here, form = request_state(), RequestForm(body())
    identifier = form.text("identifier")
    flags = {name: form.flag(name) for name in ("is_active", "is_primary")}
    with here.writing():
        row = _of(here, profile_id, condition, key)
        form.check()
        _check_free(here, row["handle"], identifier, row["id"])
        changes: Body = {name: flag for name, flag in flags.items() if flag is not None}
        changes |= {"identifier": identifier} if identifier is not None else {}
        store.update(here.db, "identities", row["id"], changes | {"updated_at": here.stamp})
    return one(shown(_row(here, row["id"])))


def _delete(profile_id: str, condition: str, key: object) -> Response:
    here = request_state()
    with here.writing():
        row = _of(here, profile_id, condition, key)
        here.db.execute("DELETE FROM identities WHERE id = ?", (row["id"],))
    return gone()


def _check_free(scene: RequestState, handle: str | None, identifier: str | None, but: int) -> None:
    taken = "SELECT 1 FROM identities WHERE handle = ? AND identifier = ? AND id <> ?"
    if scene.db.execute(taken, (handle, identifier, but)).fetchone():
        raise refused(identifier="This handle and identifier belong to a profile already.")


def _row(scene: RequestState, identity_id: int) -> sqlite3.Row:
    row = store.find(scene.db, "identities", identity_id)
    assert row is not None  # noqa: S101 - it was just written
    return row
