"""The blueprint: the addresses of pages, forms and files, and how a shop replaces a template."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from flask import Blueprint, current_app, request
from flask.blueprints import BlueprintSetupState
from flask.sansio.app import App
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader

from claimable_benefits.errors import LedgerUnavailable, SettingsError
from claimable_benefits.web import account_pages, actions
from claimable_benefits.web.checkout_panel import benefits_panel, keep_out_of_caches, panel
from claimable_benefits.web.current import LOADER_FAILURES, STATIC_FOLDER, WEB_EXTENSION_KEY, WebContext, runtime
from claimable_benefits.web.http_errors import LedgerUnavailablePage, LoaderFailedPage
from claimable_benefits.web.order_record import benefits_record
from claimable_benefits.web.rendering.templates import templates_folder
from claimable_benefits.web.services import Services
from claimable_benefits.web.webhook import webhook

_log = logging.getLogger("claimable_benefits")
_WEEK = 7 * 24 * 60 * 60
_ON_THE_CART = ((actions.apply, "POST"), (actions.remove, "POST"), (actions.move, "POST"), (panel, "GET"))


class BenefitsBlueprint(Blueprint):
    """A blueprint whose templates go by two names.

    ``claimable_benefits/x.html`` is whatever the shop has, ``claimable_benefits:x.html`` is always ours: so a shop's
    file can extend the one it replaces.
    """

    def register(self, app: App, options: dict[str, Any]) -> None:
        """Mount the pages. Raises `SettingsError` for a prefix at which they cannot be, or must not be."""
        default = self.make_setup_state(app, options, first_registration=False).url_prefix
        _check_prefix("url_prefix", default, "/account/benefits")
        _check_prefix("checkout_prefix", options.get("checkout_prefix"), "/checkout/benefits")
        super().register(app, options)

    @cached_property
    def jinja_loader(self) -> BaseLoader | None:
        folder = templates_folder()
        ours = FileSystemLoader(folder / "claimable_benefits")
        return ChoiceLoader([FileSystemLoader(folder), PrefixLoader({"claimable_benefits": ours}, delimiter=":")])

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Our files carry a fingerprint in their address, so a browser may cache them."""
        return _WEEK if request.args.get("v") else super().get_send_file_max_age(filename)


def make_blueprint(services: Services | None = None) -> Blueprint:
    """Make the blueprint "claimable_benefits".

    ``register_blueprint`` takes ``url_prefix`` for the account pages (without it: /account/benefits) and
    ``checkout_prefix``, the path of the panel's forms (without it: /checkout under the first). ``subdomain`` is for the
    pages alone: the panel's forms post to the host on which the checkout page is, which is the app's main host unless
    ``checkout_subdomain`` names another one.
    """
    blueprint = BenefitsBlueprint(
        "claimable_benefits",
        __name__,
        url_prefix="/account/benefits",
        static_folder=STATIC_FOLDER,
        static_url_path="/static",
    )
    blueprint.add_url_rule("", view_func=account_pages.wallet, strict_slashes=False)
    blueprint.add_url_rule("/fragment", view_func=account_pages.wallet_fragment)
    blueprint.add_url_rule("/held/<benefit_id>", view_func=account_pages.held)
    blueprint.add_url_rule("/claimable/<handle>", view_func=account_pages.claimable)
    blueprint.add_url_rule("/uses/<use_id>", view_func=account_pages.receipt)
    blueprint.add_url_rule("/claim", view_func=actions.claim, methods=["POST"])
    blueprint.add_url_rule("/claim-and-redeem", view_func=actions.claim_and_redeem, methods=["POST"])
    blueprint.add_url_rule("/webhook", view_func=webhook, methods=["POST"])
    blueprint.add_url_rule("/use", view_func=actions.use, methods=["POST"])
    for failure in LOADER_FAILURES:
        blueprint.register_error_handler(failure, _loader_failed)
    blueprint.after_request(_add_headers)
    blueprint.register_error_handler(LedgerUnavailable, _ledger_unavailable)
    blueprint.record(lambda state: _mount(state, services or Services()))
    return blueprint


def _mount(state: BlueprintSetupState, services: Services) -> None:
    """Add the checkout rules, store the mount, and give the panel and the record to the app's templates."""
    prefix = state.options.get("checkout_prefix")
    base = prefix if prefix is not None else f"{(state.url_prefix or '').rstrip('/')}/checkout"
    mount = f"{state.name_prefix}.{state.name}".lstrip(".")
    for view, method in _ON_THE_CART:
        state.app.add_url_rule(
            f"{base.rstrip('/')}/{view.__name__}",
            f"{mount}.{view.__name__}",
            view,
            methods=[method],
            defaults=dict(state.url_defaults) or None,
            subdomain=state.options.get("checkout_subdomain"),
        )
    earlier = state.app.extensions.get(WEB_EXTENSION_KEY)
    state.app.extensions[WEB_EXTENSION_KEY] = WebContext(services, (*earlier.mounts, mount) if earlier else (mount,))
    _exempt_webhook(state.app)
    state.app.jinja_env.globals.update(benefits_panel=benefits_panel, benefits_record=benefits_record)


def _check_prefix(key: str, prefix: str | None, example: str) -> None:
    """At the root the pages would take addresses of the shop's own, such as /static and the first page."""
    if prefix is None:
        return
    remedy = f"Write a path such as {example}, or leave it out."
    if not prefix.strip("/"):
        raise SettingsError(key, f"{prefix!r} is the root of the shop.", remedy)
    if not prefix.startswith("/") or prefix.startswith("//"):
        raise SettingsError(key, f"{prefix!r} does not begin with one slash.", remedy)


def _exempt_webhook(app: App) -> None:
    """Flask-WTF's CSRFProtect expects a page's token in every POST; Omneo's come from no page, and are signed."""
    exempt = getattr(app.extensions.get("csrf"), "exempt", None)
    if callable(exempt):
        exempt(webhook)


def _ledger_unavailable(error: Exception) -> ResponseReturnValue:
    """Answer 503 in the shop's layout, or as the shop's own handler does."""
    _log.warning("A page cannot be shown: %s", error)
    return current_app.handle_http_exception(LedgerUnavailablePage())


def _loader_failed(error: Exception) -> ResponseReturnValue:
    """Answer 503 likewise: every page without a loader's answer is the same, so the log says it once a minute."""
    if isinstance(error, LOADER_FAILURES):
        runtime().report_loader(error)
    return current_app.handle_http_exception(LoaderFailedPage())


def _add_headers(response: Response) -> Response:
    """Files may be cached; everything else is for one shopper and must not be."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint and request.endpoint.endswith(".static"):
        return response
    return keep_out_of_caches(response)
