"""What a page finds in its app: the extension's runtime, the service functions, and where the pages are mounted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

from flask import current_app, has_request_context, request, url_for

from claimable_benefits.cache.rate_limiter import RateLimiter
from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.errors import BenefitsError, LoaderError, LoaderNotRegistered
from claimable_benefits.service.context import Context
from claimable_benefits.settings import Settings
from claimable_benefits.web.services import Services

EXTENSION_KEY = "claimable_benefits"
WEB_EXTENSION_KEY = "claimable_benefits_web"
LOADER_FAILURES = (LoaderError, LoaderNotRegistered)  # it fails, or is not registered
STATIC_FOLDER = Path(__file__).resolve().parent.parent / "static"


class WebRuntime(Protocol):
    """What the extension stores for each app, as far as the pages use it."""

    @property
    def context(self) -> Context: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def clicks(self) -> RateLimiter: ...
    def load_shopper(self) -> Shopper | None: ...
    def load_cart(self) -> Cart | None: ...
    def report_loader(self, error: BenefitsError) -> None: ...


@dataclass(frozen=True, slots=True)
class WebContext:
    """The pages of one app. ``mounts`` are the full names under which the blueprint is registered, oldest first."""

    services: Services
    mounts: tuple[str, ...]


def runtime() -> WebRuntime:
    """Return the extension's runtime of the current app."""
    return cast(WebRuntime, current_app.extensions[EXTENSION_KEY])


def context() -> Context:
    """Return the context that service functions take."""
    return runtime().context


def settings() -> Settings:
    """Return the settings of the current app."""
    return runtime().settings


def services() -> Services:
    """Return the service functions that the pages of the current app call."""
    return _web_context().services


def url(endpoint: str, **values: Any) -> str:
    """Build the address of one of our endpoints: under the mount that serves this request, else under the first one.

    Outside a request Flask's SERVER_NAME and APPLICATION_ROOT say where the app is.
    """
    mounts = _web_context().mounts
    mount = request.blueprint if has_request_context() and request.blueprint in mounts else mounts[0]
    return url_for(f"{mount}.{endpoint}", **values)


def wallet_url() -> str:
    """Build the address of the account page."""
    return url("wallet")


def address_base() -> tuple[object, ...]:
    """Return all that our addresses depend on in this request; to build one takes a tenth of a warm page."""
    if current_app.url_default_functions:
        return (wallet_url(),)  # a language or a tenant in it may change with every request
    environ = request.environ
    return (request.blueprint, environ["wsgi.url_scheme"], environ.get("HTTP_HOST"), environ.get("SCRIPT_NAME"))


def stylesheet_url() -> str:
    """Build the address of our stylesheet."""
    return url("static", filename="benefits.css", v=_fingerprint("benefits.css"))


def script_url() -> str:
    """Build the address of our script, which a page has only where its benefits are late."""
    return url("static", filename="benefits.js", v=_fingerprint("benefits.js"))


def _web_context() -> WebContext:
    return cast(WebContext, current_app.extensions[WEB_EXTENSION_KEY])


@cache
def _fingerprint(filename: str) -> str:
    """Change with the file's content, so that browsers may cache the file for long."""
    return hashlib.sha256((STATIC_FOLDER / filename).read_bytes()).hexdigest()[:12]
