"""Insert an instance of a definition, issued or claimed (Omneo facts 16.7 to 16.10)."""

from __future__ import annotations

import json
import sqlite3

from claimable_benefits.sandbox.protocol.body_reader import RequestForm
from claimable_benefits.sandbox.protocol.error_responses import refused
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.serializers.definitions import free_fields
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.webhooks.events import record_event


def grant_benefit(state: RequestState, definition: sqlite3.Row, profile_id: str, given: Body) -> sqlite3.Row:
    """Insert an instance and count it, with a code of its own if it must have one; call it inside `writing()`."""
    code = _allocate(state, definition)
    doc = free_fields(definition)
    codes = dict.fromkeys(("redeem_code_pos", "redeem_code_online"), code["code"] if code else None)
    row = {
        "definition_id": definition["id"],
        "profile_id": profile_id,
        "value": doc.get("value") if code is None else code["value"],
        "created_at": state.stamp,
        "updated_at": state.stamp,
        **codes,
        **given,
    }
    number = store.insert(state.db, "benefits", row)
    if code is not None:
        store.update(state.db, "allocations", code["id"], {"allocated_at": state.stamp, "benefit_id": number})
        record_event(state, "benefit.code.allocated", "benefit", number, profile_id)
    count = "UPDATE definitions SET total_global_created = total_global_created + 1 WHERE id = ?"
    state.db.execute(count, (definition["id"],))
    record_event(state, "benefit.created", "benefit", number, profile_id)
    made = store.find(state.db, "benefits", number)
    assert made is not None  # noqa: S101 - it was just written
    return made


def read_free_fields(form: RequestForm) -> Body:
    """Return the fields that an instance may be given besides its times."""
    given: Body = {"meta": json.dumps(form.mapping("meta")) if form.raw("meta") is not None else None}
    return given | ({"value": form.number("value")} if form.raw("value") is not None else {})


def _allocate(state: RequestState, definition: sqlite3.Row) -> sqlite3.Row | None:
    """Return the next free code of a pool, None where there need be none, or raise 422 when it is empty (16.9)."""
    if not definition["force_allocation"]:
        return None
    code: sqlite3.Row | None = state.db.execute(
        "SELECT * FROM allocations WHERE definition_id = ? AND allocated_at IS NULL"
        " AND (valid_from IS NULL OR valid_from <= ?) AND (valid_to IS NULL OR valid_to >= ?) ORDER BY id",
        (definition["id"], state.stamp, state.stamp),
    ).fetchone()
    if code is None:
        if state.switches["empty_pool"] == "issue":
            return None
        raise refused(benefit_definition_id="No code is left for this benefit.")
    return code
