"""The console's pages and forms; they work without a script."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from claimable_benefits.sandbox.api import benefits, definitions, grant, redemptions
from claimable_benefits.sandbox.console import view_models
from claimable_benefits.sandbox.demo.seed import SEEDS, apply_seed
from claimable_benefits.sandbox.faults.middleware import fault_middleware_of
from claimable_benefits.sandbox.faults.presets import PRESETS, describe_fault
from claimable_benefits.sandbox.protocol.body_reader import row_id
from claimable_benefits.sandbox.protocol.error_responses import Problem, invalid, not_found
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.rules.redemption_rules import expiry
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.fault_injector import fault_to_json
from claimable_benefits.sandbox.state.request_state import request_state, sandbox
from claimable_benefits.sandbox.state.switches import PREFIX as SWITCH_PREFIX
from claimable_benefits.sandbox.state.switches import SWITCHES, switch_errors

SHOP = "SANDBOX_SHOP_URL"
bp = Blueprint(
    "console", __name__, template_folder="templates", static_folder="static", static_url_path="/console/static"
)

_BACK = re.compile(r"/(?:console/[\w/-]*)?", re.ASCII)
_HOST = re.compile(r"[\w.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?", re.ASCII)
_MESSAGES = {
    "issued": "Issued.",
    "used": "Used at the till, without the shop.",
    "clock": "The clock was set.",
    "fault": "The fault is set.",
    "cleared": "No fault is set.",
    "reset": "The sandbox was reset.",
    "switches": "The switches are set.",
}
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src {shop}"
)


@bp.get("/")
def home() -> str:
    """Show the people and the latest calls."""
    state = request_state()
    return _page("home", people=view_models.people(state), calls=view_models.calls(state, sandbox().calls.calls()))


@bp.get("/console/people/<profile_id>")
def person(profile_id: str) -> str:
    """Show one person's benefits, beside the shop."""
    return _page("person", person=view_models.person(request_state(), profile_id))


@bp.get("/console/calls")
def calls() -> str:
    """Show the latest calls with their bodies."""
    return _page("calls", calls=view_models.calls(request_state(), sandbox().calls.calls()))


@bp.get("/console/calls/latest")
def latest_calls() -> str:
    """Show the list of calls alone, for the page's script."""
    listed = view_models.calls(request_state(), sandbox().calls.calls())
    return render_template("sandbox/call_list.html", calls=listed, full="full" in request.args)


@bp.get("/console/switches")
def switches() -> str:
    """Show every switch with its value, and what each value would change."""
    return _page("switches", switches=SWITCHES.values(), values=request_state().switches)


@bp.post("/console/switches")
def set_switches() -> BaseResponse:
    """Set the switches of the form; ``do=defaults`` sets all to their defaults."""
    wanted = {name: value for name, value in request.form.items() if name in SWITCHES}
    if request.form.get("do") == "defaults":
        wanted = {switch.name: switch.default for switch in SWITCHES.values()}
    wrong = switch_errors(wanted)
    if wrong:
        raise invalid(**wrong)
    store.save_settings(request_state().db, {SWITCH_PREFIX + name: value for name, value in wanted.items()})
    return redirect("/console/switches?done=switches", 303)


@bp.post("/console/people/<profile_id>/issue")
def issue(profile_id: str) -> BaseResponse:
    """Issue a benefit to a person, for the period of its definition."""
    state = request_state()
    with state.writing():
        get_or_404(state, "profiles", profile_id)
        kind = definitions.find_by_handle(state, request.form.get("definition", ""))
        if kind is None:
            raise not_found("benefit definition")
        ends = expiry(kind, state.now, state.zone)
        grant.grant_benefit(
            state, kind, profile_id, {"issued_at": state.stamp, "timezone": state.zone, "expires_at": ends}
        )
    return _redirect_back("issued")


@bp.post("/console/people/<profile_id>/benefits/<benefit_id>/use")
def use(profile_id: str, benefit_id: str) -> BaseResponse:
    """Use a benefit once, as a till does, without the shop."""
    state = request_state()
    with state.writing():
        benefit = benefits.get_owned_or_404(state, profile_id, row_id(benefit_id))
        facts = {"timezone": state.zone, "redeem_at": state.stamp}
        redemptions.redeem(state, profile_id, [(benefit, 1)], facts)
    return _redirect_back("used")


@bp.post("/console/clock")
def set_clock() -> BaseResponse:
    """Move the clock by ``seconds``, or ``freeze``, ``resume`` or ``follow`` it."""
    clock, wanted = sandbox().clock_control, request.form.get("do", "")
    steps = {"freeze": clock.freeze, "resume": clock.resume, "follow": clock.follow}
    try:
        if wanted in steps:
            steps[wanted]()
        else:
            clock.move(seconds=int(timedelta(minutes=int(wanted)).total_seconds()))
    except (ValueError, OverflowError):
        raise invalid(clock="The clock cannot be set to that.") from None
    return _redirect_back("clock")


@bp.post("/console/faults")
def set_fault() -> BaseResponse:
    """Set one of the presets as the only fault, or clear the faults."""
    preset, injector = PRESETS.get(request.form.get("preset", "")), sandbox().faults
    injector.clear()
    if preset is None:
        return _redirect_back("cleared")
    injector.add(**preset.fault)
    return _redirect_back("fault")


@bp.post("/console/reset")
def reset() -> BaseResponse:
    """Reset to the seed of the pressed button; the switches stay, and the clock but for the seed ``guide``."""
    wanted = request.form.get("seed", "")
    kind = wanted if wanted in SEEDS else sandbox().seed
    fault_middleware_of(current_app).delayed_requests.clear()
    sandbox().faults.clear()
    sandbox().calls.clear()
    apply_seed(sandbox(), request_state().db, kind, reset=True)
    return redirect("/?done=reset", 303)


@bp.errorhandler(Problem)
def show_problem(problem: Problem) -> tuple[str, int]:
    """Show an error of the API on a page."""
    messages = [sentence for part in (problem.errors or {}).values() for sentence in part]
    return _page("error", errors=messages or [problem.message], back=_back()), problem.status


@bp.after_request
def add_security_headers(response: Response) -> Response:
    """Allow no content from elsewhere but the shop's frame, and no page to frame the console."""
    parts = urlsplit(current_app.config[SHOP] or "")
    shop = f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY.format(shop=shop or "'none'")
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
    state, instance = request_state(), sandbox()
    active = [fault for fault in instance.faults.faults if fault.times is None or fault.fired < fault.times]
    return render_template(
        f"sandbox/{name}.html",
        now=view_models.wall(state, state.now),
        seconds=f"{state.now:%S}",
        zone=state.zone,
        frozen=instance.clock_control.is_frozen,
        faults=[describe_fault(fault_to_json(fault)) for fault in active],
        presets=PRESETS,
        message=_MESSAGES.get(request.args.get("done", "")),
        shop=current_app.config.get(SHOP),
        changed=sum(value != SWITCHES[name].default for name, value in state.switches.items()),
        current_path=request.path if request.method == "GET" else "/",
        token=instance.token,
        **values,
    )


def _redirect_back(what: str) -> BaseResponse:
    """Redirect to the page of the form with a message; 303, so that a reload repeats nothing."""
    return redirect(f"{_back()}?done={what}", 303)


def _back() -> str:
    back = request.form.get("back", "")
    return back if _BACK.fullmatch(back) else "/"
