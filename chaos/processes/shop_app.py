"""The example shop as the chaos run serves it: the same shop, with many customers and short durations.

Where a merchant's shop waits minutes, this one waits seconds. The variable CHAOS_TIMING holds the durations as JSON, by
the names of the fields of `Timing`: seconds, or a list of them.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Flask

from claimable_benefits.service.context import Timing
from example_shop import wsgi

CUSTOMERS, TIMING = "CHAOS_CUSTOMERS", "CHAOS_TIMING"
_PLUGIN = "claimable_benefits"


def create_app() -> Flask:
    """Create the shop from the variables of the environment."""
    return wsgi.create_app({"SHOP_CROWD": int(os.environ.get(CUSTOMERS, "0"))}, adjust=_shorten_timing)


def shortened(timing: Timing, seconds: dict[str, Any]) -> Timing:
    """Return the timing with other durations, in seconds. Raises `AttributeError` for a field it does not have."""
    return replace(timing, **{name: _like(getattr(timing, name), value) for name, value in seconds.items()})


def _shorten_timing(app: Flask) -> None:
    runtime = app.extensions[_PLUGIN]
    given = json.loads(os.environ.get(TIMING, "{}"))
    context = replace(runtime.context, timing=shortened(runtime.context.timing, given))
    app.extensions[_PLUGIN] = replace(runtime, context=context)


def _like(current: Any, seconds: Any) -> Any:
    """Give seconds the type of the value that they replace."""
    if isinstance(current, tuple):
        return tuple(_like(current[0], each) for each in seconds)
    return timedelta(seconds=seconds) if isinstance(current, timedelta) else seconds
