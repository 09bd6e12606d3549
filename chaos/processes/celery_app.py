"""The Celery app of the chaos run: ``celery --app chaos.processes.celery_app worker``."""

from __future__ import annotations

from celery import Celery

from chaos.processes.shop_app import create_app

app: Celery = create_app().extensions["celery"]
