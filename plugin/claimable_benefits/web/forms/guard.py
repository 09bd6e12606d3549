"""The checks that every POST passes before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from flask import request

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.current import runtime, settings
from claimable_benefits.web.forms.buttons import Action
from claimable_benefits.web.forms.tokens import read_token
from claimable_benefits.web.http_errors import FOREIGN, SIGNED_OUT, FormRefused


@dataclass(frozen=True, slots=True)
class VerifiedForm:
    """A checked POST: the shopper, the subject of the action, and the number of the button (a UUID)."""

    shopper: Shopper
    subject: str
    number: str


def verify_form(action: Action, *, way_on: str) -> VerifiedForm:
    """Check the origin, the shopper and the token. Raises `FormRefused`, a 400, with ``way_on`` as its link."""
    if _is_foreign():
        raise FormRefused(FOREIGN, link=way_on)
    shopper = runtime().load_shopper()
    if shopper is None:
        raise FormRefused(SIGNED_OUT, way_on="Sign in", link=login_url(way_on))
    subject = request.form.get(action.field, "")
    token = request.form.get("cb_token", "")
    number = read_token(token, shopper, action, subject, minutes=settings().form_minutes, way_on=way_on)
    return VerifiedForm(shopper, subject, number)


def _is_foreign() -> bool:
    """Whether the browser names another site as the sender. Hosts alone are compared: a proxy may change the scheme."""
    site = request.headers.get("Sec-Fetch-Site", "")
    origin = request.headers.get("Origin")
    if site == "cross-site":
        return True
    if origin == "null":  # a layout with Referrer-Policy: no-referrer sends this from its own pages
        return site != "same-origin"
    return origin is not None and origin.partition("://")[2] != request.host


def login_url(back_to: str) -> str:
    """Return the address at which a guest signs in, with the page to return to."""
    login = settings().login_url
    return f"{login}{'&' if '?' in login else '?'}next={quote(back_to)}"


def this_page() -> str:
    """Return the path of this request with its query, as the browser has it."""
    query = request.query_string.decode("ascii", "replace")
    path = f"{request.script_root}{request.path}".lstrip("/")
    return quote(f"/{path}") + (f"?{query}" if query else "")


def checkout_page() -> str:
    """Return where a checkout form leads back to: this page, or the checkout where this page answers a POST."""
    return this_page() if request.method == "GET" else settings().checkout_url


def return_path(target: str | None) -> str:
    """Return ``target`` if it is a path of this site, else the checkout."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return settings().checkout_url
    if "\\" in target or not target.isprintable():
        return settings().checkout_url
    return target
