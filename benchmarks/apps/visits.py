"""The bare page and three kinds of visits to the benefits page behind one server; the path's first part chooses.

=============  ============================================================================================
``/bare``      the bare page
``/warm``      a benefits page whose wallet the process remembers
``/cold``      a benefits page of a known shopper whose wallet the process has just dropped
``/first``     a benefits page of a shopper whom neither the ledger nor the cache knows
=============  ============================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING

from flask import request, session

from benchmarks.apps import bare, shop
from benchmarks.apps.page import CLAIMABLE, HELD
from benchmarks.apps.shop import CUSTOMER_KEY, PAGE, Shop
from benchmarks.servers.omneo import profile_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BARE, WARM, COLD, FIRST = (f"{kind}{PAGE}" for kind in ("/bare", "/warm", "/cold", "/first"))
PEOPLE = "/as/"
_COLD_KEY = "benchmarks.cold"


def create_app() -> WSGIApplication:
    """Create the application with a shop of the environment's settings."""
    return application_of(Shop(shop.create_app()))


def create_people() -> WSGIApplication:
    """Create a shop in which the path says who is signed in: ``/as/CUSTOMER/…``; so one browser can be many people."""
    ours = shop.create_app()

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PEOPLE):
            customer, _, rest = environ["PATH_INFO"].removeprefix(PEOPLE).partition("/")
            environ |= {"SCRIPT_NAME": PEOPLE + customer, "PATH_INFO": f"/{rest}", CUSTOMER_KEY: customer}
        return ours.wsgi_app(environ, start_response)

    return application


def application_of(ours: Shop) -> WSGIApplication:
    """Return the WSGI application that chooses between the shop, which has served nothing yet, and the bare page."""
    without, numbers = bare.create_app(), count()

    @ours.app.before_request
    def drop_wallet() -> None:
        if _COLD_KEY in request.environ:
            ours.forget(profile_of(session["customer"]))

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kind, found, rest = environ["PATH_INFO"][1:].partition("/")
        if kind in ("bare", "warm", "cold", "first") and found:
            environ["PATH_INFO"] = f"/{rest}"
        if kind == "bare":
            return without.wsgi_app(environ, start_response)
        if kind == "cold":
            environ[_COLD_KEY] = True
        if kind == "first":
            environ[CUSTOMER_KEY] = f"c-{HELD}-{CLAIMABLE}-{os.getpid()}x{next(numbers)}"
        return ours.app.wsgi_app(environ, start_response)

    return application
