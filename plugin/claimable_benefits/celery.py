"""Celery as the worker: its tasks have no arguments and lease what they find in the tables.

A lost message costs a few seconds, until the next beat; a duplicate finds nothing left to do. So Celery stores no
results, retries nothing, and drops messages that are too old to be of use.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from celery import Celery
from flask import Flask

from claimable_benefits.errors import SettingsError
from claimable_benefits.runtime import Runtime
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.worker.turn import run_once

WORK = "benefits.work"
DELIVER = "benefits.deliver"
# Messages do not pile up while no worker runs; longer than the clocks of two machines usually differ.
EXPIRE_SECONDS = 60
_OPTIONS: dict[str, Any] = {
    "acks_late": True,
    "ignore_result": True,
    "max_retries": 0,
    "shared": False,  # with other Celery apps of this process
    "expires": EXPIRE_SECONDS,
}
_served: WeakKeyDictionary[Celery, Flask] = WeakKeyDictionary()


def add_tasks(celery_app: Celery, flask_app: Flask, *, every: float = 5.0) -> None:
    """Add the worker's tasks to ``celery_app``: ``benefits.work`` and ``benefits.deliver``.

    Beat sends the first one ``every`` so many seconds; the shop sends the second one after `submit` where
    ``BENEFITS_WORKER`` is ``celery``. Call it after `init_app` and after your own configuration of Celery. Raises
    `SettingsError` where ``flask_app`` has no benefits yet, or where ``celery_app`` serves another shop already.
    """
    runtime = _runtime(flask_app)
    if (served := _served.setdefault(celery_app, flask_app)) is not flask_app:
        problem = f"serves the app {served.name!r} already."
        raise SettingsError("add_tasks", problem, "Make a Celery app for each shop.")

    def work() -> None:
        if run_once(runtime.worker_context()):
            again.apply_async()  # there may be more; meanwhile beat adds a worker with each message

    def deliver() -> None:
        if deliver_due(runtime.worker_context()):
            hint.apply_async()

    again: Any = celery_app.task(work, name=WORK, **_OPTIONS)
    hint: Any = celery_app.task(deliver, name=DELIVER, **_OPTIONS)
    celery_app.add_periodic_task(every, celery_app.signature(WORK), name=WORK, expires=EXPIRE_SECONDS)
    runtime.notifier.send_by(lambda: hint.apply_async(retry=False))


def _runtime(flask_app: Flask) -> Runtime:
    runtime: Runtime | None = flask_app.extensions.get("claimable_benefits")
    if runtime is None:
        problem = f"was called before init_app for the app {flask_app.name!r}."
        raise SettingsError("add_tasks", problem, "Call benefits.init_app(app) first.")
    return runtime
