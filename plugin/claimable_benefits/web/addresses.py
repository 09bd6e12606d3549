"""Addresses: of our own pages, and of the shop's pages that its settings name.

A setting holds an endpoint's name, a path, or a whole address. A path is a path of the shop's app, so it gets the
prefix below which a server or a proxy serves the app; an endpoint's address has that prefix already.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from flask import current_app, has_request_context, request, url_for
from werkzeug.routing import BuildError

from claimable_benefits.errors import SettingsError
from claimable_benefits.settings.reader import is_endpoint
from claimable_benefits.web.current import settings

_NUMBER = "{order_number}"
_ENDPOINT = "Write the name of an endpoint, such as shop.checkout, or a path that begins with one slash."


def checkout_url() -> str:
    """Return the address of the shop's checkout. Raises `SettingsError` for an endpoint that the app does not have."""
    return _address("BENEFITS_CHECKOUT_URL", settings().checkout_url)


def login_url(back_to: str) -> str:
    """Return the address at which a guest signs in, with the page to return to, ``back_to`` (a path or an address).

    Where the sign-in page is on another host than this request, a path to return to would lead to that host, so the
    whole address goes along. Raises `SettingsError` for an endpoint that the app does not have.
    """
    login = _address("BENEFITS_LOGIN_URL", settings().login_url)
    host = urlsplit(login).netloc
    if host and host != request.host and back_to.startswith("/"):
        back_to = f"{request.scheme}://{request.host}{back_to}"
    return f"{login}{'&' if '?' in login else '?'}next={quote(back_to)}"


def order_url(order_number: str) -> str | None:
    """Return the address of an order's page; None where the shop has set none.

    An endpoint takes the number as its value ``order_number``, or as its only value. Raises `SettingsError` for an
    endpoint that the app does not have, or that takes other values.
    """
    target = settings().order_url
    if not target:
        return None
    if _NUMBER in target:
        return _address("BENEFITS_ORDER_URL", target.replace(_NUMBER, quote(order_number, safe="")))
    return _address("BENEFITS_ORDER_URL", target, **{_number_argument(target): order_number})


def this_page() -> str:
    """Return the path of this request with its query, as the browser has it."""
    query = request.query_string.decode("ascii", "replace")
    path = f"{request.script_root}{request.path}".lstrip("/")
    return quote(f"/{path}") + (f"?{query}" if query else "")


def checkout_page() -> str:
    """Return where a checkout form leads back to: this page, or the checkout where this page answers a POST."""
    return this_page() if request.method == "GET" else checkout_url()


def return_path(target: str | None) -> str:
    """Return ``target`` if it is a path of this site, else the checkout."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return checkout_url()
    if "\\" in target or not target.isprintable():
        return checkout_url()
    return target


def _address(key: str, target: str, **values: Any) -> str:
    if target.startswith("/"):
        return f"{_script_root()}{target}"
    if not is_endpoint(target):
        return target
    try:
        return url_for(target, **values)
    except BuildError as error:
        raise _no_endpoint(key, target) from error


def _script_root() -> str:
    """The prefix below which the app is served; outside a request it is known from Flask's APPLICATION_ROOT alone."""
    if has_request_context():
        return request.script_root
    return str(current_app.config["APPLICATION_ROOT"]).rstrip("/")


def _number_argument(endpoint: str) -> str:
    """Find the value of the endpoint that takes the order number; what the app fills in by itself is left out."""
    filled: dict[str, Any] = {}
    current_app.inject_url_defaults(endpoint, filled)
    for rule in current_app.url_map.iter_rules():
        if rule.endpoint == endpoint:
            arguments = rule.arguments - filled.keys() - (rule.defaults or {}).keys()
            if "order_number" in arguments:
                return "order_number"
            if len(arguments) == 1:
                return arguments.pop()
    if endpoint in current_app.view_functions:
        problem = f"{endpoint!r} takes no order number, or other values as well."
        raise SettingsError("BENEFITS_ORDER_URL", problem, "Write a path such as /orders/{order_number}.")
    raise _no_endpoint("BENEFITS_ORDER_URL", endpoint)


def _no_endpoint(key: str, target: str) -> SettingsError:
    return SettingsError(key, f"{target!r} is no endpoint of this app, or needs values.", _ENDPOINT)
