"""The console: what Omneo believes, for people, and the handles to change it; plain forms, no script needed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from claimable_benefits.sandbox.api import benefits, definitions, grant, profiles, redemptions
from claimable_benefits.sandbox.console import view_models
from claimable_benefits.sandbox.demo import seed
from claimable_benefits.sandbox.faults.middleware import fault_middleware_of
from claimable_benefits.sandbox.faults.presets import PRESETS, says
from claimable_benefits.sandbox.protocol.body_reader import row_id
from claimable_benefits.sandbox.protocol.error_responses import Problem, invalid, missing
from claimable_benefits.sandbox.rules.redemption_rules import expiry
from claimable_benefits.sandbox.state.fault_injector import described
from claimable_benefits.sandbox.state.request_state import request_state, sandbox

SHOP = "SANDBOX_SHOP_URL"
bp = Blueprint(
    "console", __name__, template_folder="templates", static_folder="static", static_url_path="/console/static"
)

_BACK = re.compile(r"/(?:console/[\w/-]*)?", re.ASCII)
_HOST = re.compile(r"[\w.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?", re.ASCII)
_DONE = {
    "issued": "Issued.",
    "used": "Used at the till: the shop was not asked.",
    "clock": "The clock was set.",
    "dial": "The dial was turned.",
    "well": "All is well again.",
    "reset": "Everything starts again.",
}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src {shop}"
)


@bp.get("/")
def home() -> str:
    """Show the people and the latest calls."""
    here = request_state()
    return _page("home", people=view_models.people(here), calls=view_models.calls(here, sandbox().calls.calls()))


@bp.get("/console/people/<profile_id>")
def person(profile_id: str) -> str:
    """Show what Omneo believes of one person, beside the shop."""
    return _page("person", person=view_models.person(request_state(), profile_id))


@bp.get("/console/calls")
def calls() -> str:
    """Show the latest calls with their bodies."""
    return _page("calls", calls=view_models.calls(request_state(), sandbox().calls.calls()))


@bp.get("/console/calls/latest")
def latest_calls() -> str:
    """Show the list of calls alone, for the page's script."""
    listed = view_models.calls(request_state(), sandbox().calls.calls())
    return render_template("sandbox/ledger.html", calls=listed, full="full" in request.args)


@bp.post("/console/people/<profile_id>/issue")
def issue(profile_id: str) -> BaseResponse:
    """Issue a benefit to a person, for as long as its definition says."""
    here = request_state()
    with here.writing():
        profiles.known(here, profile_id)
        kind = definitions.by_handle(here, request.form.get("definition", ""))
        if kind is None:
            raise missing("benefit definition")
        ends = expiry(kind, here.now, here.zone)
        grant.grant(here, kind, profile_id, {"issued_at": here.stamp, "timezone": here.zone, "expires_at": ends})
    return _done("issued")


@bp.post("/console/people/<profile_id>/benefits/<benefit_id>/use")
def use(profile_id: str, benefit_id: str) -> BaseResponse:
    """Use a benefit once, as a cashier does who knows nothing of the shop."""
    here = request_state()
    with here.writing():
        benefit = benefits.owned(here, profile_id, row_id(benefit_id))
        facts = {"timezone": here.zone, "redeem_at": here.stamp}
        redemptions.redeem(here, profile_id, [(benefit, 1)], facts)
    return _done("used")


@bp.post("/console/clock")
def turn_clock() -> BaseResponse:
    """Move the clock by ``seconds``, or ``freeze``, ``resume`` or ``follow`` it."""
    machine, wanted = sandbox().clock_control, request.form.get("do", "")
    steps = {"freeze": machine.freeze, "resume": machine.resume, "follow": machine.follow}
    try:
        if wanted in steps:
            steps[wanted]()
        else:
            machine.move(seconds=int(timedelta(minutes=int(wanted)).total_seconds()))
    except (ValueError, OverflowError):
        raise invalid(clock="The clock cannot be set to that.") from None
    return _done("clock")


@bp.post("/console/dial")
def turn_dial() -> BaseResponse:
    """Set what goes wrong to one of the positions, or let all be well."""
    preset, dial = PRESETS.get(request.form.get("preset", "")), sandbox().faults
    dial.clear()
    if preset is None:
        return _done("well")
    dial.add(**preset.fault)
    return _done("dial")


@bp.post("/console/reset")
def reset() -> BaseResponse:
    """Begin again with the demo's people or with nobody; the clock and the switches stay."""
    kind = "empty" if request.form.get("seed") == "empty" else "demo"
    fault_middleware_of(current_app).zombies.clear()
    sandbox().faults.clear()
    sandbox().calls.clear()
    seed.plant(request_state(), kind, anew=True)
    return redirect("/?done=reset", 303)


@bp.errorhandler(Problem)
def refuse(problem: Problem) -> tuple[str, int]:
    """Say no on a page, in the words of the API."""
    said = [sentence for part in (problem.errors or {}).values() for sentence in part]
    return _page("problem", said=said or [problem.message], back=_back()), problem.status


@bp.after_request
def guard(response: Response) -> Response:
    """Let nothing in from elsewhere but the shop, and let nobody frame the console."""
    parts = urlsplit(current_app.config[SHOP] or "")
    shop = f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
    response.headers["Content-Security-Policy"] = _POLICY.format(shop=shop or "'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def shop_address(url: str | None) -> str | None:
    """Return the address of a page of the shop.

    :raises ValueError: when it is none that a browser can open
    """
    parts = urlsplit(url or "")
    if url and not (parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)):
        raise ValueError(f"The shop's address begins with http:// or https:// and names a host, unlike {url!r}.")
    return url


def _page(name: str, **values: Any) -> str:
    here, box = request_state(), sandbox()
    set_to = [fault for fault in box.faults.faults if fault.times is None or fault.fired < fault.times]
    return render_template(
        f"sandbox/{name}.html",
        now=view_models.wall(here, here.now),
        seconds=f"{here.now:%S}",
        zone=here.zone,
        frozen=box.clock_control.is_frozen,
        faults=[says(described(fault)) for fault in set_to],
        presets=PRESETS,
        done=_DONE.get(request.args.get("done", "")),
        shop=current_app.config.get(SHOP),
        here=request.path if request.method == "GET" else "/",
        token=box.token,
        **values,
    )


def _done(what: str) -> BaseResponse:
    """Go back to where the form stood, and say what was done; 303, so that reloading repeats nothing."""
    return redirect(f"{_back()}?done={what}", 303)


def _back() -> str:
    back = request.form.get("back", "")
    return back if _BACK.fullmatch(back) else "/"
