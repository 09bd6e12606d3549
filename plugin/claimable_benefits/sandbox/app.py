"""The application: rooms put together, the door, and what every answer has in common."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from . import (
    allocations,
    benefits,
    claims,
    console,
    control,
    courier,
    definitions,
    fence,
    identities,
    issuing,
    levers,
    locations,
    logic,
    omneo_id,
    openapi,
    profile_transactions,
    profiles,
    queueing,
    redemptions,
    seed,
    store,
    tokens,
    transactions,
    undo,
    used_items,
    webhooks,
)
from .clock import system_clock
from .dialects import PREFIX
from .door import door
from .gate import guard
from .moments import is_zone
from .problems import Problem, Refusal
from .scene import Sandbox, install, look, sandbox, scene
from .switches import PREFIX as SWITCH
from .switches import faults
from .wire import answer

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 - everybody may know it, it opens a double
DEFAULT_ZONE = "Australia/Melbourne"
_LARGEST_BODY = 1024 * 1024
_ROOMS = (
    *(profiles, identities, definitions, allocations, benefits, issuing, claims, redemptions, used_items, undo),
    *(transactions, profile_transactions, queueing, locations, webhooks, tokens),
)
_log = logging.getLogger(__name__)

Seed = Literal["demo", "empty"]


def create_sandbox(
    *,
    data: Path | None = None,
    token: str = DEFAULT_TOKEN,
    seed: Seed = "empty",
    clock: Callable[[], datetime] | None = None,
    switches: Mapping[str, str] | None = None,
    timezone: str = DEFAULT_ZONE,
    reset: bool = False,
    webhook_secret: str = courier.DEFAULT_SECRET,
    shop_url: str | None = None,
    beyond_loopback: bool = False,
) -> Flask:
    """Return the sandbox as a Flask app.

    :param data: the folder for its state, which is kept from run to run; None for a temporary one
    :param token: the Bearer token that its API asks for
    :param seed: what a new state starts with; a folder with state keeps it unless `reset`
    :param clock: the time it goes by, an aware datetime
    :param switches: values for `switches.SWITCHES`; others stay as the folder has them
    :param timezone: the tenant's IANA time zone
    :param webhook_secret: what signs the webhooks it sends
    :param shop_url: a page of the shop, which the console shows beside what Omneo believes
    :param beyond_loopback: let the console answer to other names than this machine's
    :raises ImportError: when the package was installed without its extra ``sandbox``
    :raises ValueError: when a switch, the seed, the time zone or the shop's address cannot be
    """
    logic.check()
    _check(seed, switches or {}, timezone)
    app = Flask("omneo-sandbox", static_folder=None, template_folder=None)
    app.config.update({console.SHOP: console.shop_address(shop_url), fence.BEYOND: beyond_loopback})
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.url_map.strict_slashes = False
    install(app, Sandbox(store.Store(data), clock or system_clock, token, timezone))
    _prepare(sandbox(app), seed, switches or {}, reset)
    _furnish(app)
    courier.install(app, sandbox(app), webhook_secret)
    app.register_error_handler(Exception, _refuse)
    guard(app)
    return app


def _furnish(app: Flask) -> None:
    """Give the app its rooms, and what every request passes before it reaches one."""
    for room in _ROOMS:
        app.register_blueprint(room.bp, url_prefix=PREFIX)
    app.register_blueprint(omneo_id.bp, url_prefix=omneo_id.ID_PREFIX)
    omneo_id.mirror(app)
    app.register_blueprint(control.bp)
    app.register_blueprint(console.bp)
    app.register_blueprint(levers.bp)
    app.register_blueprint(openapi.bp)
    app.before_request(fence.fence)
    app.before_request(door)
    app.before_request(openapi.check_body)


def _check(seed: str, switches: Mapping[str, str], timezone: str) -> None:
    wrong = list(faults(switches).values())
    if seed not in ("demo", "empty"):
        wrong.append(f"seed is demo or empty, not {seed!r}.")
    if not is_zone(timezone):
        wrong.append(f"There is no time zone {timezone!r}; write it as in Australia/Melbourne.")
    if wrong:
        raise ValueError(" ".join(wrong))


def _prepare(box: Sandbox, kind: str, switches: Mapping[str, str], reset: bool) -> None:
    with box.store.lent() as db:
        store.save_settings(db, {SWITCH + name: value for name, value in switches.items()})
        seed.plant(look(box, db), kind, anew=reset)


def _refuse(error: Exception) -> Response:
    """Turn every failure into JSON."""
    if isinstance(error, Refusal):
        return answer(error.body(), int(scene().switches["refusal_status"]))
    if isinstance(error, Problem):
        return answer(error.body(), error.status)
    if isinstance(error, HTTPException):
        refused = answer({"message": f"{error.name}."}, error.code or 500)
        refused.headers.extend({key: value for key, value in error.get_headers() if key == "Allow"})
        return refused
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return answer({"message": "The sandbox is busy; try again."}, 503)
    _log.error("the sandbox failed at %s %s", request.method, request.path, exc_info=error)
    return answer({"message": "The sandbox itself failed; its log says why."}, 500)
