"""The control API for state, clock and switches (no token: it listens on loopback)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from flask import Blueprint, Response

from claimable_benefits.sandbox.demo.seed import SEEDS, apply_seed
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body
from claimable_benefits.sandbox.protocol.error_responses import invalid, invalid_fields
from claimable_benefits.sandbox.protocol.responses import Body, respond
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.clock import (
    FROZEN,
    BaseClock,
    advanced,
    current_time,
    frozen_at,
    resumed,
    running,
)
from claimable_benefits.sandbox.state.request_state import RequestState, request_state, sandbox, snapshot_state
from claimable_benefits.sandbox.state.switches import PREFIX, SWITCHES, switch_errors
from claimable_benefits.sandbox.webhooks.sender import webhook_sender

bp = Blueprint("control_state", __name__)


@bp.get("/_sandbox/health")
def health() -> Response:
    """Answer that the sandbox is up."""
    return respond({"status": "ok"})


@bp.get("/_sandbox/state")
def read_state() -> Response:
    """Answer everything the sandbox holds; times are UTC."""
    state = request_state()
    people = ("profiles", "identities", "definitions", "allocations", "benefits", "events")
    tables = (*people, "locations", "tokens", "webhooks", "webhook_deliveries")
    answer: Body = {table: _rows(state, f"SELECT * FROM {table} ORDER BY rowid") for table in tables}  # noqa: S608 - ours
    answer["redemptions"] = [_redemption(state, row) for row in _rows(state, "SELECT * FROM redemptions ORDER BY id")]
    answer["transactions"] = _rows(state, "SELECT * FROM transactions ORDER BY id")
    return respond(answer | {"now": state.stamp, "timezone": state.zone, "switches": state.switches})


@bp.post("/_sandbox/reset")
def reset() -> Response:
    """Reset the state to ``seed``, by default the one the sandbox was started with.

    Switches stay as they are, and so does the clock, unless the seed is ``guide``, which has a day of its own.
    """
    form = RequestForm(body())
    kind = form.choice("seed", SEEDS) or sandbox().seed
    form.check()
    apply_seed(sandbox(), request_state().db, kind, reset=True)
    return respond({"seed": kind})


@bp.post("/_sandbox/webhooks/flush")
def flush_webhooks() -> Response:
    """Send every webhook that is due, and answer when each is delivered or failed."""
    webhook_sender().flush()
    counted = request_state().db.execute("SELECT state, count(*) FROM webhook_deliveries GROUP BY state")
    return respond({"delivered": 0, "failed": 0, "recorded": 0} | dict(counted.fetchall()))


@bp.get("/_sandbox/clock")
def read_clock() -> Response:
    """Answer the time in the sandbox, in UTC, and whether it runs."""
    return _clock()


@bp.put("/_sandbox/clock")
def set_clock() -> Response:
    """Move the clock: ``now`` (which freezes it), ``freeze``, ``advance_seconds``, and then ``resume`` or ``run``.

    With ``resume`` it runs on from the time it shows, with ``run`` it shows the real time again.
    """
    state, form = request_state(), RequestForm(body())
    settings = store.load_settings(state.db)
    changed = _changed(sandbox().clock, settings, form)
    if not changed:
        raise invalid(now='Send {"now": time}, {"advance_seconds": number}, {"freeze": true} or {"resume": true}.')
    if not 1950 <= current_time(sandbox().clock, settings | changed).year <= 2150:
        raise invalid(now="The clock goes from 1950 to 2150.")
    store.save_settings(state.db, changed)
    return _clock()


@bp.get("/_sandbox/switches")
def read_switches() -> Response:
    """List the switches with their values, source and confidence."""
    return _switches()


@bp.put("/_sandbox/switches")
def set_switches() -> Response:
    """Set switches: ``{name: value}``."""
    state, wanted = request_state(), body()
    wrong = switch_errors(wanted)
    if wrong:
        raise invalid_fields({name: [message] for name, message in wrong.items()})
    store.save_settings(state.db, {PREFIX + name: value for name, value in wanted.items()})
    return _switches()


def _changed(base: BaseClock, settings: dict[str, str], form: RequestForm) -> dict[str, str]:
    """Return the settings of the clock that a request changes."""
    changed: dict[str, str] = {}
    if form.raw("now") is not None:
        changed = frozen_at(_moment(form))
    elif form.raw("freeze") is True:
        changed = frozen_at(current_time(base, settings))
    if form.raw("advance_seconds") is not None:
        seconds = form.integer("advance_seconds", least=-(10**9), most=10**9)
        form.check()
        changed = advanced(base, settings | changed, seconds or 0)
    if form.raw("resume") is True:
        changed = resumed(base, settings | changed)
    return running() if form.raw("run") is True else changed


def _moment(form: RequestForm) -> datetime:
    try:
        moment = datetime.fromisoformat(form.text("now") or "")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(now="now must be an ISO time, such as 2026-01-31T09:00:00Z.") from None


def _clock() -> Response:
    settings = store.load_settings(request_state().db)
    moment = current_time(sandbox().clock, settings)
    return respond({"now": moment.isoformat(), "mode": "frozen" if settings.get(FROZEN) else "running"})


def _switches() -> Response:
    values = snapshot_state(sandbox(), request_state().db).switches
    return respond(
        {
            "switches": [
                {
                    "name": switch.name,
                    "value": values[switch.name],
                    "values": switch.values,
                    "default": switch.default,
                    "about": switch.about,
                    "source": switch.source,
                    "confidence": switch.confidence,
                }
                for switch in SWITCHES.values()
            ]
        }
    )


def _rows(state: RequestState, sql: str) -> list[Body]:
    return [_plain(dict(row)) for row in state.db.execute(sql)]


def _plain(row: Body) -> Body:
    """Return a row with the fields of its JSON beside its columns."""
    doc = json.loads(row.pop("doc", None) or "{}")
    row |= {name: bool(value) for name, value in row.items() if name.startswith(("is_", "force_"))}
    if isinstance(row.get("meta"), str):
        row["meta"] = json.loads(row["meta"])
    return {**doc, **row}


def _redemption(state: RequestState, row: Body) -> Body:
    items = _rows(state, f"SELECT * FROM redemption_items WHERE redemption_id = {int(row['id'])} ORDER BY id")  # noqa: S608 - a number
    count, returned = sum(item["count"] for item in items), sum(item["returned"] for item in items)
    is_reversed = row["reversed_by"] is not None
    live = count - returned if row["type"] == "redeem" else 0
    return {**row, "items": items, "reversed": is_reversed, "returned": 0 if is_reversed else returned, "live": live}
