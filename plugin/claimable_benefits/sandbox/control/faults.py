"""The control API for faults and calls: ``/_sandbox/faults`` and ``/_sandbox/calls``."""

from __future__ import annotations

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body
from claimable_benefits.sandbox.protocol.error_responses import invalid, invalid_fields, not_found
from claimable_benefits.sandbox.protocol.responses import no_content, respond
from claimable_benefits.sandbox.state import fault_injector
from claimable_benefits.sandbox.state.request_state import sandbox

bp = Blueprint("control_faults", __name__)

_SEED = "seed"
_UNTIL_NUMBER = 10**15


@bp.get("/_sandbox/faults")
def read_faults() -> Response:
    """List the faults that are set, the seed of chance, and every kind there is."""
    injector = sandbox().faults
    faults = [fault_injector.fault_to_json(fault) for fault in injector.faults]
    return respond({"faults": faults, "seed": injector.seed_value, "kinds": fault_injector.KINDS})


@bp.post("/_sandbox/faults")
def add_fault() -> Response:
    """Set a fault; ``seed``, alone or beside it, seeds chance so that a run repeats."""
    injector, fields = sandbox().faults, body()
    form = RequestForm({_SEED: fields.pop(_SEED, None)})
    number = form.integer(_SEED, least=0)
    form.check()
    wrong = fault_injector.field_errors(fields) if fields or number is None else {}
    if wrong:
        raise invalid_fields({name: [message] for name, message in wrong.items()})
    if number is not None:
        injector.seed(number)
    if not fields:
        return respond({"seed": number})
    return respond(fault_injector.fault_to_json(injector.add_validated(fields)), 201)


@bp.delete("/_sandbox/faults")
def clear_faults() -> Response:
    """Remove every fault."""
    sandbox().faults.clear()
    return no_content()


@bp.delete("/_sandbox/faults/<int:fault_id>")
def clear_fault(fault_id: int) -> Response:
    """Remove one fault."""
    if not sandbox().faults.clear(fault_id):
        raise not_found("fault")
    return no_content()


@bp.get("/_sandbox/calls")
def read_calls() -> Response:
    """List the calls above the number ``since`` whose path fits ``path``, a pattern; ``last`` is the next ``since``."""
    text = request.args.get("since", "0")
    if not (text.isascii() and text.isdigit() and int(text) < _UNTIL_NUMBER):
        raise invalid(since="since must be the number of a call, or 0 for all.")
    found = sandbox().calls.calls(int(text), request.args.get("path"))
    return respond({"calls": [call.to_json() for call in found], "last": found[-1].id if found else int(text)})


@bp.delete("/_sandbox/calls")
def clear_calls() -> Response:
    """Forget the calls so far."""
    sandbox().calls.clear()
    return no_content()
