"""A body that names something which is not there (Omneo facts 16.5 and 16.15)."""

from __future__ import annotations

from claimable_benefits.sandbox.protocol.body_reader import RequestForm
from claimable_benefits.sandbox.protocol.error_responses import missing
from claimable_benefits.sandbox.state.request_state import RequestState


def must_exist(scene: RequestState, form: RequestForm, field: str, what: str) -> None:
    """Note the fault of a field that leads nowhere, or raise 404, as the switch ``missing_reference`` says."""
    if scene.switches["missing_reference"] == "404":
        raise missing(what)
    form.fault(field, f"There is no such {what}.")
