"""The levers for what goes wrong, and the record of what went on: ``/_sandbox/faults`` and ``/_sandbox/calls``."""

from __future__ import annotations

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body
from claimable_benefits.sandbox.protocol.error_responses import invalid, invalid_fields, missing
from claimable_benefits.sandbox.protocol.responses import gone, respond
from claimable_benefits.sandbox.state import fault_injector
from claimable_benefits.sandbox.state.request_state import sandbox

bp = Blueprint("levers", __name__)

_SEED = "seed"
_UNTIL_NUMBER = 10**15


@bp.get("/_sandbox/faults")
def read_faults() -> Response:
    """List the faults that are set, the seed of chance, and every kind there is."""
    set_to = sandbox().faults
    faults = [fault_injector.described(fault) for fault in set_to.faults]
    return respond({"faults": faults, "seed": set_to.seed_value, "kinds": fault_injector.KINDS})


@bp.post("/_sandbox/faults")
def add_fault() -> Response:
    """Set a fault; ``seed`` alone or beside it starts chance anew, so that a run repeats."""
    set_to, fields = sandbox().faults, body()
    form = RequestForm({_SEED: fields.pop(_SEED, None)})
    number = form.whole(_SEED, least=0)
    form.check()
    wrong = fault_injector.mistakes(fields) if fields or number is None else {}
    if wrong:
        raise invalid_fields({name: [said] for name, said in wrong.items()})
    if number is not None:
        set_to.seed(number)
    if not fields:
        return respond({"seed": number})
    return respond(fault_injector.described(set_to.put(fields)), 201)


@bp.delete("/_sandbox/faults")
def clear_faults() -> Response:
    """Let everything go right again."""
    sandbox().faults.clear()
    return gone()


@bp.delete("/_sandbox/faults/<int:fault_id>")
def clear_fault(fault_id: int) -> Response:
    """Take one fault off."""
    if not sandbox().faults.clear(fault_id):
        raise missing("fault")
    return gone()


@bp.get("/_sandbox/calls")
def read_calls() -> Response:
    """List the calls above the number ``since`` whose path fits ``path``, a pattern; ``last`` is the next ``since``."""
    text = request.args.get("since", "0")
    if not (text.isascii() and text.isdigit() and int(text) < _UNTIL_NUMBER):
        raise invalid(since="since must be the number of a call, or 0 for all.")
    found = sandbox().calls.calls(int(text), request.args.get("path"))
    return respond({"calls": [call.shown() for call in found], "last": found[-1].id if found else int(text)})


@bp.delete("/_sandbox/calls")
def clear_calls() -> Response:
    """Forget the calls so far."""
    sandbox().calls.clear()
    return gone()
