"""How answers look: envelopes, statuses and the switches that change them (Omneo facts 1.3)."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, current_app

from claimable_benefits.sandbox.state.request_state import request_state

Body = dict[str, Any]
_FREE = frozenset(
    ("meta", "claim_condition", "view_condition", "visibility_condition", "combine_meta", "tags", "custom_attributes")
)


def respond(payload: Any, status: int = 200) -> Response:
    """Return plain JSON."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return current_app.response_class(text, status, mimetype="application/json")


def single(element: Any, status: int = 200) -> Response:
    """Return an element, or an unpaginated list of them, in its envelope."""
    return respond({"data": format_numbers(element)}, status)


def created(element: Any) -> Response:
    """Return a new resource, with the status of the switch ``create_status``."""
    return single(element, int(request_state().switches["create_status"]))


def no_content() -> Response:
    """Return the empty 204 of a deletion."""
    return current_app.response_class(status=204)


def format_numbers(element: Any) -> Any:
    """Return an element with its numbers as the switch ``numbers`` says; free JSON is left alone."""
    return element if request_state().switches["numbers"] == "json" else _as_strings(element)


def _as_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: part if name in _FREE else _as_strings(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_strings(part) for part in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value
