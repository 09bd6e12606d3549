"""Who may reach the console and the control API, which ask for no token: this machine's programs and no website."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import current_app, request

from claimable_benefits.sandbox.access.omneo_id import ID_PREFIX
from claimable_benefits.sandbox.protocol.dialects import PREFIX
from claimable_benefits.sandbox.protocol.error_responses import Problem

BEYOND = "SANDBOX_BEYOND_LOOPBACK"
_SAFE = ("GET", "HEAD", "OPTIONS")


def require_loopback() -> None:
    """Refuse requests that a website makes through a browser of this machine: by host name, or by origin.

    A name that is not this machine's, though the request arrived here, is how DNS rebinding looks.
    """
    if request.path.startswith((PREFIX, ID_PREFIX)):
        return
    if not current_app.config.get(BEYOND) and not is_loopback(request.host):
        raise Problem(403, "The sandbox answers to localhost and 127.0.0.1 only.")
    if request.method not in _SAFE and not _is_from_here():
        raise Problem(403, "This was sent by another website.")


def is_loopback(host: str) -> bool:
    """Return whether a Host header names this machine for certain."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_from_here() -> bool:
    """Return whether a change comes from a page of the sandbox, or from a program, which sends neither header."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    return site in (None, "same-origin", "none") and origin in (None, request.host_url.rstrip("/"))
