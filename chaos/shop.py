"""The example shop as the chaos run serves it: the same shop, with a crowd of customers and short spans of time.

A merchant waits minutes where this run waits seconds. The spans come as JSON in the variable CHAOS_TIMING, by the names
of the fields of `Timing`: seconds, or a list of them.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from flask import Flask

from claimable_benefits.service.context import Timing
from example_shop import wsgi

CROWD, TIMING = "CHAOS_CROWD", "CHAOS_TIMING"
_PLUGIN = "claimable_benefits"
_IN_SECONDS = ("brief_polls", "first_request_polls", "answer_seconds", "lookup_seconds")  # the others are timedelta


def create_app() -> Flask:
    """The shop that the environment describes."""
    return wsgi.create_app({"SHOP_CROWD": int(os.environ.get(CROWD, "0"))}, adjust=_hurry)


def hurried(timing: Timing, spans: dict[str, Any]) -> Timing:
    """The timing with other spans; one that it does not know is left out, as cores of different age know others."""
    known = {field.name for field in fields(timing)} & spans.keys()
    return replace(timing, **{name: _span(name, spans[name]) for name in known})


def _hurry(app: Flask) -> None:
    runtime = app.extensions[_PLUGIN]
    given = json.loads(os.environ.get(TIMING, "{}"))
    context = replace(runtime.context, timing=hurried(runtime.context.timing, given))
    app.extensions[_PLUGIN] = replace(runtime, context=context)


def _span(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_span(name, each) for each in value)
    return value if name in _IN_SECONDS else timedelta(seconds=value)
