"""The blueprint: where pages, forms and files are, and how a shop replaces a template."""

from __future__ import annotations

import logging
from functools import cache, cached_property
from pathlib import Path

from flask import Blueprint, current_app, request
from flask.blueprints import BlueprintSetupState
from flask.sansio.app import App
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader

from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.web import account_pages, actions
from claimable_benefits.web.checkout_panel import benefits_panel, keep_out_of_caches
from claimable_benefits.web.current import FACE, STATIC, WebContext
from claimable_benefits.web.http_errors import LedgerUnavailablePage
from claimable_benefits.web.order_record import benefits_record
from claimable_benefits.web.services import Services
from claimable_benefits.web.webhook import webhook

_log = logging.getLogger("claimable_benefits")
_WEEK = 7 * 24 * 60 * 60
_ON_THE_CART = (actions.apply, actions.remove, actions.move)


@cache
def templates_folder() -> Path:
    """Beside the package in an installed wheel, at the top of the checkout otherwise."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "templates"
    return shipped if shipped.is_dir() else package.parent.parent / "templates"


class BenefitsBlueprint(Blueprint):
    """A blueprint whose templates go by two names.

    ``claimable_benefits/x.html`` is whatever the shop has, ``claimable_benefits:x.html`` is always ours: so a shop's
    file can extend the one it replaces.
    """

    @cached_property
    def jinja_loader(self) -> BaseLoader | None:
        folder = templates_folder()
        ours = FileSystemLoader(folder / "claimable_benefits")
        return ChoiceLoader([FileSystemLoader(folder), PrefixLoader({"claimable_benefits": ours}, delimiter=":")])

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Our files carry a fingerprint in their address, so a browser may keep them."""
        return _WEEK if request.args.get("v") else super().get_send_file_max_age(filename)


def make_blueprint(services: Services | None = None) -> Blueprint:
    """Make the blueprint "claimable_benefits".

    ``register_blueprint`` takes ``url_prefix`` for the account pages (without it: /account/benefits) and
    ``checkout_prefix``, the path of the panel's forms (without it: /checkout under the first).
    """
    blueprint = BenefitsBlueprint(
        "claimable_benefits", __name__, url_prefix="/account/benefits", static_folder=STATIC, static_url_path="/static"
    )
    blueprint.add_url_rule("", view_func=account_pages.wallet, strict_slashes=False)
    blueprint.add_url_rule("/held/<benefit_id>", view_func=account_pages.held)
    blueprint.add_url_rule("/claimable/<handle>", view_func=account_pages.claimable)
    blueprint.add_url_rule("/uses/<use_id>", view_func=account_pages.receipt)
    blueprint.add_url_rule("/claim", view_func=actions.claim, methods=["POST"])
    blueprint.add_url_rule("/claim-and-redeem", view_func=actions.claim_and_redeem, methods=["POST"])
    blueprint.add_url_rule("/webhook", view_func=webhook, methods=["POST"])
    blueprint.add_url_rule("/use", view_func=actions.use, methods=["POST"])
    blueprint.after_request(_protect)
    blueprint.register_error_handler(LedgerUnavailable, _ledger_down)
    blueprint.record(lambda state: _settle_in(state, services or Services()))
    return blueprint


def _settle_in(state: BlueprintSetupState, services: Services) -> None:
    """Mount the checkout rules, remember where we are, and offer the panel and the record to templates."""
    prefix = state.options.get("checkout_prefix")
    base = prefix if prefix is not None else f"{(state.url_prefix or '').rstrip('/')}/checkout"
    mount = f"{state.name_prefix}.{state.name}".lstrip(".")
    for view in _ON_THE_CART:
        state.app.add_url_rule(
            f"{base.rstrip('/')}/{view.__name__}",
            f"{mount}.{view.__name__}",
            view,
            methods=["POST"],
            defaults=dict(state.url_defaults) or None,
            subdomain=state.subdomain,
        )
    before = state.app.extensions.get(FACE)
    state.app.extensions[FACE] = WebContext(services, (*before.mounts, mount) if before else (mount,))
    _excuse(state.app)
    state.app.jinja_env.globals.update(benefits_panel=benefits_panel, benefits_record=benefits_record)


def _excuse(app: App) -> None:
    """Flask-WTF's CSRFProtect asks every POST for a token of a page; Omneo's come from no page, and are signed."""
    exempt = getattr(app.extensions.get("csrf"), "exempt", None)
    if callable(exempt):
        exempt(webhook)


def _ledger_down(error: Exception) -> ResponseReturnValue:
    """A 503 in the shop's layout, or what the shop's own handler makes of it."""
    _log.warning("A page cannot be shown: %s", error)
    return current_app.handle_http_exception(LedgerUnavailablePage())


def _protect(response: Response) -> Response:
    """Files may be cached; everything else is for one shopper and is kept nowhere."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint and request.endpoint.endswith(".static"):
        return response
    return keep_out_of_caches(response)
