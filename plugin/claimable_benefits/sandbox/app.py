"""The Flask application: its blueprints, what every request passes first, and errors as JSON."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from claimable_benefits.sandbox.access import loopback, omneo_id
from claimable_benefits.sandbox.access.authentication import authenticate
from claimable_benefits.sandbox.api import (
    allocations,
    benefits,
    claims,
    definitions,
    identities,
    issue,
    locations,
    profile_transactions,
    profiles,
    redemption_items,
    redemptions,
    request_bodies,
    reversals,
    transaction_queue,
    transactions,
)
from claimable_benefits.sandbox.console import views
from claimable_benefits.sandbox.control import faults, state
from claimable_benefits.sandbox.demo.seed import SEEDS, apply_seed
from claimable_benefits.sandbox.faults import middleware
from claimable_benefits.sandbox.openapi import document
from claimable_benefits.sandbox.protocol.dialects import PREFIX
from claimable_benefits.sandbox.protocol.error_responses import Problem, Refusal
from claimable_benefits.sandbox.protocol.responses import respond
from claimable_benefits.sandbox.rules import json_logic
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.clock import system_clock
from claimable_benefits.sandbox.state.request_state import Sandbox, install, request_state, sandbox
from claimable_benefits.sandbox.state.switches import PREFIX as SWITCH_PREFIX
from claimable_benefits.sandbox.state.switches import switch_errors
from claimable_benefits.sandbox.state.times import is_zone
from claimable_benefits.sandbox.tokens import api_tokens
from claimable_benefits.sandbox.webhooks import sender, subscriptions

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 - everybody may know it, it opens a test double
DEFAULT_ZONE = "Australia/Melbourne"
_LARGEST_BODY = 1024 * 1024
_API = (
    *(
        profiles,
        identities,
        definitions,
        allocations,
        benefits,
        issue,
        claims,
        redemptions,
        redemption_items,
        reversals,
    ),
    *(transactions, profile_transactions, transaction_queue, locations, subscriptions, api_tokens),
)
_log = logging.getLogger(__name__)

Seed = Literal["demo", "guide", "empty"]


def create_sandbox(
    *,
    data: Path | None = None,
    token: str = DEFAULT_TOKEN,
    seed: Seed = "empty",
    clock: Callable[[], datetime] | None = None,
    switches: Mapping[str, str] | None = None,
    timezone: str = DEFAULT_ZONE,
    reset: bool = False,
    webhook_secret: str = sender.DEFAULT_SECRET,
    shop_url: str | None = None,
    beyond_loopback: bool = False,
) -> Flask:
    """Return the sandbox as a Flask app.

    :param data: the folder for its state, which is kept from run to run; None for a temporary one
    :param token: the Bearer token that its API asks for
    :param seed: what a new state starts with, and what a reset without a seed goes back to: ``demo`` (six people of an
        invented shop), ``guide`` (the profile, ids and day of Omneo's guide) or ``empty``; a folder with state keeps
        it unless `reset`
    :param clock: returns the time, an aware datetime; the machine's time by default
    :param switches: values for `switches.SWITCHES`; others stay as the folder has them
    :param timezone: the tenant's IANA time zone
    :param webhook_secret: what signs the webhooks it sends
    :param shop_url: a page of the shop, which the console shows beside what Omneo believes
    :param beyond_loopback: let the console answer to other names than this machine's
    :raises ImportError: when the package was installed without its extra ``sandbox``
    :raises ValueError: when a switch, the seed, the time zone or the shop's address cannot be
    """
    json_logic.check()
    document.check()
    _check_arguments(seed, switches or {}, timezone)
    app = Flask("omneo-sandbox", static_folder=None, template_folder=None)
    app.config.update({views.SHOP: views.shop_address(shop_url), loopback.BEYOND: beyond_loopback})
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.url_map.strict_slashes = False
    install(app, Sandbox(store.Store(data), clock or system_clock, token, timezone, seed))
    _initialise_state(sandbox(app), switches or {}, reset)
    _register_blueprints(app)
    sender.install(app, sandbox(app), webhook_secret)
    app.register_error_handler(Exception, _to_json)
    middleware.install(app)
    return app


def _register_blueprints(app: Flask) -> None:
    """Register the API, the console and the control API, and what every request passes first."""
    for module in _API:
        app.register_blueprint(module.bp, url_prefix=PREFIX)
    app.register_blueprint(omneo_id.bp, url_prefix=omneo_id.ID_PREFIX)
    omneo_id.register_member_routes(app)
    app.register_blueprint(state.bp)
    app.register_blueprint(views.bp)
    app.register_blueprint(faults.bp)
    app.register_blueprint(document.bp)
    app.before_request(loopback.require_loopback)
    app.before_request(authenticate)
    app.before_request(request_bodies.check_body)


def _check_arguments(seed: str, switches: Mapping[str, str], timezone: str) -> None:
    wrong = list(switch_errors(switches).values())
    if seed not in SEEDS:
        wrong.append(f"seed is one of {', '.join(SEEDS)}, not {seed!r}.")
    if not is_zone(timezone):
        wrong.append(f"There is no time zone {timezone!r}; write it as in Australia/Melbourne.")
    if wrong:
        raise ValueError(" ".join(wrong))


def _initialise_state(instance: Sandbox, switches: Mapping[str, str], reset: bool) -> None:
    with instance.store.connection() as db:
        store.save_settings(db, {SWITCH_PREFIX + name: value for name, value in switches.items()})
        apply_seed(instance, db, instance.seed, reset=reset)


def _to_json(error: Exception) -> Response:
    """Turn every failure into JSON."""
    if isinstance(error, Refusal):
        return respond(error.body(), int(request_state().switches["refusal_status"]))
    if isinstance(error, Problem):
        return respond(error.body(), error.status)
    if isinstance(error, HTTPException):
        refused = respond({"message": _sentence(error)}, error.code or 500)
        refused.headers.extend({key: value for key, value in error.get_headers() if key == "Allow"})
        return refused
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return respond({"message": "The sandbox is busy; retry."}, 503)
    _log.error("the sandbox failed at %s %s", request.method, request.path, exc_info=error)
    return respond({"message": "The sandbox itself failed; its log says why."}, 500)


def _sentence(error: HTTPException) -> str:
    """Say what is wrong; of a path or method that Omneo may have and the sandbox has not, by name."""
    if error.code in (404, 405) and request.path.startswith((PREFIX, omneo_id.ID_PREFIX)):
        return f"The sandbox does not serve {request.method} {request.path}; Omneo may."
    return f"{error.name}."
