"""What a page finds in its app: the extension's runtime, the verbs, and where the pages are mounted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol, cast
from urllib.parse import quote

from flask import Flask, current_app, request, url_for

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.service.context import Context
from claimable_benefits.settings import Settings
from claimable_benefits.web.services import Services

EXTENSION = "claimable_benefits"
FACE = "claimable_benefits_web"
_MOST_ADDRESSES = 500
# Nobody outside of this process knows them, so no value of anybody's holds one.
_MARKS = {name: token_hex(16) for name in ("benefit_id", "handle", "use_id", "filename")}
_AS_IT_IS = "!$&'()*+,/:;=@"  # what stands in a path as it is (RFC 3986), as werkzeug has it, too
STATIC = Path(__file__).resolve().parent.parent / "static"


class WebRuntime(Protocol):
    """What the extension keeps for each app."""

    @property
    def context(self) -> Context: ...
    @property
    def settings(self) -> Settings: ...
    def load_shopper(self) -> Shopper | None: ...
    def load_cart(self) -> Cart | None: ...


@dataclass(frozen=True, slots=True)
class WebContext:
    """The web face of one app. ``mounts`` are the full names under which the blueprint is registered, oldest first."""

    services: Services
    mounts: tuple[str, ...]
    addresses: dict[str, str] = field(default_factory=dict)


def this_app() -> Flask:
    """The app itself: each look through its proxy costs as much as all that is done with it here."""
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001 - werkzeug's documented way


def runtime() -> WebRuntime:
    return cast(WebRuntime, this_app().extensions[EXTENSION])


def context() -> Context:
    return runtime().context


def settings() -> Settings:
    return runtime().settings


def web_context() -> WebContext:
    return cast(WebContext, this_app().extensions[FACE])


def services() -> Services:
    return web_context().services


def url(endpoint: str, **values: str) -> str:
    """The address of one of our endpoints: under the mount that serves this request, else under the first one.

    Werkzeug takes longer to build one than a card takes to be printed, so each is built once, with marks for values.
    """
    known, key = (
        web_context().addresses,
        f"{endpoint} of {wallet_url()}",
    )  # all that an address depends on is in the wallet's
    address = known.get(key) or _remember(known, key, _build(endpoint, **{name: _MARKS[name] for name in values}))
    for name, value in values.items():
        address = address.replace(_MARKS[name], quote(value, safe=_AS_IT_IS))
    return address


def wallet_url() -> str:
    """The address of the account page, built once for each place where it is mounted and reached."""
    if this_app().url_default_functions:
        return _build("wallet")  # a language or a tenant in it may change with every request
    asked, known = request._get_current_object(), web_context().addresses  # type: ignore[attr-defined] # noqa: SLF001
    key = f"{asked.blueprint} {asked.environ.get('HTTP_HOST')} {asked.environ.get('SCRIPT_NAME')}"
    return known.get(key) or _remember(known, key, _build("wallet"))


def stylesheet_url() -> str:
    """The address of our stylesheet."""
    return url("static", filename="benefits.css") + f"?v={_fingerprint('benefits.css')}"


def _build(endpoint: str, **values: Any) -> str:
    mounts = web_context().mounts
    here = request.blueprint if request.blueprint in mounts else mounts[0]
    return url_for(f"{here}.{endpoint}", **values)


def _remember(known: dict[str, str], key: str, address: str) -> str:
    if len(known) >= _MOST_ADDRESSES:  # anybody may send any Host
        known.clear()
    known[key] = address
    return address


@cache
def _fingerprint(filename: str) -> str:
    """Changes with the file, so that browsers may keep it for long."""
    return hashlib.sha256((STATIC / filename).read_bytes()).hexdigest()[:12]
