"""The shop for a real server, in any number of processes: ``gunicorn 'example_shop.wsgi:create_app()'``.

Its settings come from the environment:

======================  ==========================================================================================
``SHOP_DATA``           the folder of its files (./instance): the key that signs sessions, and the database unless …
``SHOP_DATABASE_URL``   … the shop and the extension's ledger share this one, such as postgresql+psycopg://…
``PAYMENTS_URL``        where the payment provider is, and ``PAYMENTS_STYLE`` how it takes money
``OMNEO_…``             the extension's settings under their own names, at least OMNEO_TOKEN and OMNEO_BASE_URL
``BENEFITS_…``          likewise; BENEFITS_WORKER=off where ``flask benefits work`` runs beside the shop, or celery
``SHOP_BROKER_URL``     the broker of Celery, such as redis://…, where it runs beside the shop (`celery_app`)
``PAYMENTS_TIMEOUT``    seconds, as ``SHOP_LEASE_SECONDS``, ``SHOP_RESOLVE_SECONDS`` and ``SHOP_APPROVAL_SECONDS``
======================  ==========================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from claimable_benefits import SettingsError
from example_shop import background_jobs
from example_shop.app import create_app as create_shop

_SECONDS = ("PAYMENTS_TIMEOUT", "SHOP_LEASE_SECONDS", "SHOP_RESOLVE_SECONDS", "SHOP_APPROVAL_SECONDS")
_AS_THEY_ARE = ("PAYMENTS_URL", "PAYMENTS_STYLE", "SHOP_BROKER_URL")


def create_app(config: Mapping[str, Any] | None = None, adjust: Callable[[Flask], None] | None = None) -> Flask:
    """Create the shop that the environment describes.

    ``config`` replaces the environment, and ``adjust`` changes the app before Celery gets its tasks: both for tests.
    Raises `SettingsError` with the variable and the remedy.
    """
    app = create_shop(Path(os.environ.get("SHOP_DATA") or "instance"), {**settings(os.environ), **(config or {})})
    app.cli.add_command(background_jobs.resolve_orders)
    if adjust is not None:
        adjust(app)
    if "SHOP_BROKER_URL" in app.config:
        _add_celery(app)
    return app


def settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the shop's configuration; an empty variable counts as unset. Raises `SettingsError`."""
    given = {key: value for key, value in environ.items() if value}
    if "PAYMENTS_URL" not in given:
        raise SettingsError("PAYMENTS_URL", "is not set.", "Set it to the address of the payment provider.")
    config: dict[str, Any] = {key: given[key] for key in _AS_THEY_ARE if key in given}
    config |= {key: value for key, value in given.items() if key.startswith(("OMNEO_", "BENEFITS_"))}
    config |= {key: _seconds(key, given[key]) for key in _SECONDS if key in given}
    if "SHOP_DATABASE_URL" in given:
        config["SQLALCHEMY_ENGINES"] = {"default": given["SHOP_DATABASE_URL"]}
    return config


def _add_celery(app: Flask) -> None:
    """Create a Celery app for this shop, as ``app.extensions["celery"]``: the shop sends tasks, a worker runs them."""
    from celery import Celery  # only where it is used: a shop without a broker need not have it installed

    from claimable_benefits.celery import add_tasks

    celery = Celery("example_shop", broker=app.config["SHOP_BROKER_URL"])
    celery.conf.broker_connection_retry_on_startup = True
    add_tasks(celery, app)
    app.extensions["celery"] = celery


def _seconds(key: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(key, f"{text!r} is no number of seconds.", "Write a number above zero, such as 3.5.")
    return seconds
