"""Celery as the extension's worker: ``celery --app example_shop.celery_app worker``, and ``… beat`` beside it.

The environment describes the shop as in `wsgi`; SHOP_BROKER_URL is required.
"""

from __future__ import annotations

import os

from celery import Celery

from claimable_benefits import SettingsError
from example_shop import wsgi

if not os.environ.get("SHOP_BROKER_URL"):
    raise SettingsError("SHOP_BROKER_URL", "is not set.", "Set it to Celery's broker, such as redis://127.0.0.1:6379.")
app: Celery = wsgi.create_app().extensions["celery"]
