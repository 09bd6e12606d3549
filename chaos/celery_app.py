"""Celery as the chaos run starts it: ``celery --app chaos.celery_app worker``."""

from __future__ import annotations

from celery import Celery

from chaos.shop import create_app

app: Celery = create_app().extensions["celery"]
