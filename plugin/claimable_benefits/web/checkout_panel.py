"""The panel of a checkout page: what is applied, what fits, what does not and why."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import after_this_request, render_template, request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from markupsafe import Markup

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.service.holds.offers import Applied, Offer, Offers
from claimable_benefits.web.addresses import checkout_page, login_url, return_path
from claimable_benefits.web.current import LOADER_FAILURES, context, runtime, services, stylesheet_url, url, wallet_url
from claimable_benefits.web.flashes import take_flashes
from claimable_benefits.web.forms.buttons import Action, ActionForm, Buttons
from claimable_benefits.web.rendering import messages
from claimable_benefits.web.rendering.cards import UniqueNames
from claimable_benefits.web.rendering.formatting import When, formatter_of
from claimable_benefits.web.rendering.fragment_cache import FragmentKey, Rendered, cached_fragment
from claimable_benefits.web.rendering.loading import Loading
from claimable_benefits.web.rendering.sanitize import name_of, plain, safe_html

_log = logging.getLogger("claimable_benefits")
_FALLBACK = Markup(
    '<section class="cb cb-panel" aria-labelledby="cb-panel-title">'
    '<h2 class="cb-panel__title" id="cb-panel-title">Benefits</h2>\n<p>{}</p></section>'
)


@dataclass(frozen=True, slots=True)
class AppliedRow:
    """The benefit on this cart. ``effect`` is what it does to the total, ``problem`` why it does nothing right now.

    Its code is not shown before it is used: a hold costs nothing, so anybody could read the code and release it.
    """

    name: str
    effect: str
    problem: str
    held_until: When
    instructions: Markup
    remove: ActionForm


@dataclass(frozen=True, slots=True)
class OfferRow:
    """Another benefit of the shopper's. ``apply`` is set where it fits, ``reason`` where it does not."""

    name: str
    summary: str
    worth: str
    reason: str
    elsewhere: bool
    apply: ActionForm | None


def benefits_panel() -> Markup:
    """The region "Benefits" of a checkout page. Never raises: a checkout works without it."""
    try:
        return Markup(_panel())  # noqa: S704 - rendered by an autoescaping template
    except LOADER_FAILURES as error:
        runtime().report_loader(error)
        return _FALLBACK.format(messages.PANEL_DOWN)
    except Exception:  # noqa: BLE001 - no error may break the shop's page
        _log.exception("The benefits panel cannot be shown.")
        return _FALLBACK.format(messages.PANEL_DOWN)


def panel() -> ResponseReturnValue:
    """The same region, for a page whose benefits were late; an empty 204 while there is nothing new to show.

    It never waits for Omneo. ``next`` in the query is the page on which the region stands.
    """
    shopper, cart = runtime().load_shopper(), runtime().load_cart()
    if shopper is None or cart is None:
        return "", 204
    return _Panel(shopper, cart, return_path(request.args.get("next")), is_late=True).html() or ("", 204)


def keep_out_of_caches(response: Response) -> Response:
    """Forbid caching: the page is for one shopper."""
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _panel() -> str:
    after_this_request(keep_out_of_caches)
    shopper, cart = runtime().load_shopper(), runtime().load_cart()
    back_to = checkout_page()
    if shopper is None:
        return _render(state="guest", login_url=login_url(back_to))
    if cart is None:
        return _render(state="no-cart", flashes=take_flashes(shopper))
    return _Panel(shopper, cart, back_to).html()


class _Panel:
    """The region of a shopper with a cart. ``is_late``: it follows a page that came without it."""

    def __init__(self, shopper: Shopper, cart: Cart, back_to: str, *, is_late: bool = False) -> None:
        self._preview = services().preview_offers(context(), shopper, cart, wait=not is_late)
        self._flashes = [] if is_late else take_flashes(shopper)  # the page has shown them
        as_of = messages.as_of(self._preview.age)
        # A flash follows a change of the ledger, so what was cached before it is out of date anyway.
        version = (self._preview.version, as_of, cart, back_to) if self._preview.version and not self._flashes else ()
        self._key = FragmentKey(version, shopper, formatter_of(shopper), Buttons(shopper))
        self._rows = _Rows(self._key, cart, back_to)
        self._is_late = is_late
        self._back_to = back_to

    def html(self) -> str:
        """Render it; empty where it is late still."""
        return self._key.buttons.finish(cached_fragment("panel.html", self._key, self._render).html)

    def _render(self) -> Rendered:
        offers = self._preview.load()
        if self._is_late and not offers.reachable:
            return Rendered("")
        values = _offers(offers, self._rows)
        if offers.is_loading:
            values["loading"] = Loading(url("panel", next=self._back_to), self._back_to)
        return Rendered(_render(state="offers", flashes=self._flashes, **values), offers.ends)


def _offers(offers: Offers, rows: _Rows) -> dict[str, object]:
    return {
        "applied": rows.applied(offers.applied) if offers.applied else None,
        "fitting": [rows.offer(offer) for offer in offers.fitting],
        "unfitting": [rows.offer(offer) for offer in offers.unfitting],
        "pending": [name_of(name, "") for name in offers.pending],
        "reachable": offers.reachable,
        "as_of": messages.as_of(offers.age),
    }


def _render(**values: object) -> str:
    return render_template(
        "claimable_benefits/panel.html", stylesheet=stylesheet_url(), wallet_url=wallet_url(), **values
    )


class _Rows:
    """Makes the rows of one panel."""

    def __init__(self, key: FragmentKey, cart: Cart, back_to: str) -> None:
        self._buttons = key.buttons
        self._formatter = key.formatter
        self._currency = cart.currency
        self._back_to = back_to
        self._names = UniqueNames()

    def applied(self, applied: Applied) -> AppliedRow:
        name = self._names.unique(applied.name, applied.handle)
        policy = context().policy(applied.handle)
        effect = messages.effect(policy, applied.discount, self._currency, self._formatter) if applied.fit.fits else ""
        return AppliedRow(
            name=name,
            effect=effect,
            problem=messages.misfit(applied.fit, self._currency, self._formatter),
            held_until=self._formatter.until(applied.held_until),
            instructions=safe_html(applied.instructions),
            remove=self._form(Action.REMOVE, applied.benefit_id, f"Remove {name}"),
        )

    def offer(self, offer: Offer) -> OfferRow:
        name = self._names.unique(offer.benefit.name, offer.benefit.handle)
        return OfferRow(
            name=name,
            summary=plain(offer.benefit.definition.short_description),
            worth=messages.worth(offer.policy, offer.discount, self._currency, self._formatter)
            if offer.fit.fits
            else "",
            reason=messages.misfit(offer.fit, self._currency, self._formatter),
            elsewhere=offer.elsewhere,
            apply=self._button(offer, name) if offer.fit.fits else None,
        )

    def _button(self, offer: Offer, name: str) -> ActionForm:
        if offer.elsewhere:
            return self._form(Action.MOVE, offer.benefit.id, f"Use {name} here instead")
        return self._form(Action.APPLY, offer.benefit.id, f"Apply {name}")

    def _form(self, action: Action, benefit_id: str, label: str) -> ActionForm:
        return self._buttons.form(action, benefit_id, label, back_to=self._back_to)
