"""What a merchant with Celery writes."""

from __future__ import annotations

import os

from celery import Celery

from claimable_benefits.celery import add_tasks
from tests.processes.shop import create_app

flask_app = create_app()
celery_app = Celery("shop", broker=os.environ["SHOP_BROKER"])
celery_app.conf.broker_connection_retry_on_startup = True
add_tasks(celery_app, flask_app, every=0.5)
