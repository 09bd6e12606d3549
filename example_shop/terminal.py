"""The shop at a terminal: ``flask --app example_shop.terminal benefits show --customer 1001``.

Finds the shop that ``make shop`` runs by its data folder: ``SHOP_DATA``, or ./instance.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from flask import Flask

from example_shop.app import create_app as create_shop
from example_shop.server.run import RUNNING_NAME, omneo_settings


def create_app() -> Flask:
    """Create the same shop over the same data, without a server and without a worker."""
    data = Path(os.environ.get("SHOP_DATA", "instance"))
    running = data / RUNNING_NAME
    found = json.loads(running.read_text(encoding="utf-8")) if running.is_file() else {}
    settings = {**found, **omneo_settings(os.environ)}
    if "OMNEO_TOKEN" not in settings:
        raise SystemExit(f"No shop is running with its data in {data}. Start it with: make shop")
    return create_shop(data, {"PAYMENTS_URL": "http://127.0.0.1:9", **settings, "BENEFITS_WORKER": "off"})
