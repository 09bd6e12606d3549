"""The account pages: the list, one benefit, one receipt. Reading them changes nothing."""

from __future__ import annotations

import logging
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import OmneoError, StillLoading
from claimable_benefits.service.account.history import History
from claimable_benefits.service.account.wallet_view import Wallet
from claimable_benefits.web.addresses import checkout_url, login_url, this_page
from claimable_benefits.web.current import context, runtime, services, settings, stylesheet_url, url, wallet_url
from claimable_benefits.web.flashes import take_flashes
from claimable_benefits.web.forms.buttons import Buttons
from claimable_benefits.web.http_errors import BenefitNotFound
from claimable_benefits.web.rendering import cards, messages
from claimable_benefits.web.rendering.formatting import formatter_of
from claimable_benefits.web.rendering.fragment_cache import FragmentKey, Rendered, cached_fragment
from claimable_benefits.web.rendering.history_rows import WITH_RECEIPT, history_row
from claimable_benefits.web.rendering.loading import Loading
from claimable_benefits.web.rendering.qr_codes import qr_code
from claimable_benefits.web.rendering.sanitize import name_of, plain, safe_html

_log = logging.getLogger("claimable_benefits")
_OUR_LAYOUT = "claimable_benefits/base.html"
_USED = (UseState.REDEEMED, UseState.CONSUMED)
_CONFIRMING = (UseState.REDEEMING, UseState.IN_DOUBT)
_FIRST_ROWS = 20


def wallet() -> ResponseReturnValue:
    """Your benefits: what can be claimed, what can be used, and the history."""
    shopper = runtime().load_shopper()
    if shopper is None:
        return _invitation()
    try:
        found = _WalletSections(shopper)
    except StillLoading:
        return _loading("claimable_benefits/list.html", shopper, Loading(_fragment_url(), this_page()))
    except OmneoError as error:
        return _unavailable("claimable_benefits/list.html", shopper, error)
    flashes = take_flashes(shopper)

    def whole_page() -> Rendered:
        inner = found.render()
        html, _ = _page(
            "claimable_benefits/list.html", state="wallet", wallet=inner.markup, flashes=flashes, as_of=found.as_of
        )
        return Rendered(html, inner.ends)

    is_ours_alone = settings().base_template == _OUR_LAYOUT and not flashes and not found.as_of
    page = cached_fragment("list.html", found.key, whole_page) if is_ours_alone else whole_page()
    return found.key.buttons.finish(page.html)


def wallet_fragment() -> ResponseReturnValue:
    """The sections of the list, for a page whose benefits were late; an empty 204 while there is nothing to show.

    It never waits for Omneo.
    """
    shopper = runtime().load_shopper()
    if shopper is None:
        return "", 204
    try:
        found = _WalletSections(shopper, wait=False)
    except OmneoError:  # the page says so, and the next request asks again
        return "", 204
    html = render_template("claimable_benefits/fragment.html", wallet=found.render().markup, as_of=found.as_of)
    return found.key.buttons.finish(html)


def claimable(handle: str) -> ResponseReturnValue:
    """One benefit that this shopper may claim; 404 for any other handle."""
    return _detail(handle=handle)


def held(benefit_id: str) -> ResponseReturnValue:
    """One benefit of this shopper's own; 404 for any other id."""
    return _detail(benefit_id=benefit_id)


def receipt(use_id: str) -> ResponseReturnValue:
    """The receipt of a use from these pages: code and instructions; 404 for any other use."""
    shopper = runtime().load_shopper()
    if shopper is None:
        return _invitation()
    use = services().find_use(context(), shopper, use_id)
    if use is None or use.channel not in WITH_RECEIPT:
        raise BenefitNotFound
    code = plain(use.code) if use.state in _USED else ""
    return _page(
        "claimable_benefits/receipt.html",
        flashes=take_flashes(shopper),
        name=name_of(use.name, use.definition_handle),
        use=use,
        state="used" if use.state in _USED else "confirming" if use.state in _CONFIRMING else use.state.value,
        used=formatter_of(shopper).moment(use.redeemed_at or use.updated_at),
        code=code,
        qr=qr_code(code) if code else "",
        instructions=safe_html(use.instructions) if use.state in _USED else "",
        this_page=this_page(),
    )


class _WalletSections:
    """The sections of one shopper's list. Raises `OmneoError` where they cannot be read now."""

    def __init__(self, shopper: Shopper, *, wait: bool = True) -> None:
        self._shopper = shopper
        wants_all = _wants_full_history()
        # Before the preview, so that the preview's version names this history.
        self._full_history = _full_history(shopper) if wants_all else None
        self._preview = services().preview_wallet(context(), shopper, wait=wait)
        self._history_is_missing = wants_all and self._full_history is None
        self.as_of = messages.as_of(self._preview.age)
        version = () if self._history_is_missing else self._preview.version
        self.key = FragmentKey(version, shopper, formatter_of(shopper), Buttons(shopper))

    def render(self) -> Rendered:
        """Render them, or take them from the cache."""
        return cached_fragment("wallet.html", self.key, self._render)

    def _render(self) -> Rendered:
        found, missing = self._preview.load(), {"history": None}
        html = render_template(
            "claimable_benefits/wallet.html",
            **_sections(found, self.key),
            **(missing if self._history_is_missing else _history(self._shopper, found, self.key, self._full_history)),
        )
        return Rendered(html, found.ends)


def _wants_full_history() -> bool:
    return bool(request.query_string) and request.args.get("history") == "all"


def _fragment_url() -> str:
    return url("wallet_fragment", **({"history": "all"} if _wants_full_history() else {}))


def _page(template: str, status: int = 200, **values: Any) -> tuple[str, int]:
    """Render one of our pages inside the shop's layout."""
    html = render_template(
        template,
        cb_base=settings().base_template,
        stylesheet=stylesheet_url(),
        wallet_url=wallet_url(),
        **values,
    )
    return html, status


def _sections(found: Wallet, key: FragmentKey) -> dict[str, Any]:
    """The values of the claimable, usable and past benefits."""
    buttons, formatter, names = key.buttons, key.formatter, cards.UniqueNames()
    return {
        "known": found.known,
        "claimable": cards.claimable_cards(buttons, found.claimable, context().policy, formatter, cards.UniqueNames()),
        "pending_claims": [name_of(name, "") for name in found.pending_claims],
        "usable": cards.usable_cards(buttons, found.usable, formatter, names),
        "past": [cards.past_card(benefit, formatter, names) for benefit in found.past],
        "checkout_url": checkout_url(),
    }


def _history(shopper: Shopper, found: Wallet, key: FragmentKey, full: History | None) -> dict[str, Any]:
    """The values of the history."""
    if not found.known:
        return {}
    history = full or services().remembered_history(context(), shopper)
    rows = [history_row(entry, key.formatter) for entry in history.entries]
    full_history_url = None if history.is_whole else f"{wallet_url()}?history=all"
    return {"history": rows[:_FIRST_ROWS], "older": rows[_FIRST_ROWS:], "full_history_url": full_history_url}


def _full_history(shopper: Shopper) -> History | None:
    """Read the history with what was used elsewhere; None where it cannot be read now."""
    try:
        return services().remembered_history(context(), shopper, ask=True)
    except OmneoError as error:
        _log.warning("The history of a shopper cannot be read: %s", error)
        return None


def _detail(*, handle: str = "", benefit_id: str = "") -> ResponseReturnValue:
    shopper = runtime().load_shopper()
    if shopper is None:
        return _invitation()
    try:
        preview = services().preview_wallet(context(), shopper)
    except StillLoading:
        loading = Loading(_fragment_url(), this_page(), reload=True)
        return _loading("claimable_benefits/detail.html", shopper, loading)
    except OmneoError as error:
        return _unavailable("claimable_benefits/detail.html", shopper, error)
    buttons = Buttons(shopper)
    card = _card(shopper, preview.load(), buttons, handle, benefit_id)
    html, _ = _page(
        "claimable_benefits/detail.html",
        state="detail",
        kind=type(card).__name__.removesuffix("Card").lower(),
        flashes=take_flashes(shopper),
        card=card,
        as_of=messages.as_of(preview.age),
        checkout_url=checkout_url(),
    )
    return buttons.finish(html)


def _card(shopper: Shopper, found: Wallet, buttons: Buttons, handle: str, benefit_id: str) -> object:
    """Make the card of what the address names; it is looked for in this shopper's own wallet and nowhere else."""
    formatter, names = formatter_of(shopper), cards.UniqueNames()
    if definition := found.definition(handle):
        return cards.claimable_card(buttons, definition, context().policy(handle), formatter, names)
    if own := found.benefit(benefit_id):
        return cards.usable_card(buttons, own, formatter, names)
    for benefit in found.past:
        if benefit.id == benefit_id:
            return cards.past_card(benefit, formatter, names)
    raise BenefitNotFound


def _invitation() -> ResponseReturnValue:
    return _page("claimable_benefits/list.html", state="guest", login_url=login_url(this_page()))


def _loading(template: str, shopper: Shopper, loading: Loading) -> ResponseReturnValue:
    """The page without the benefits, which come later."""
    return _page(template, state="loading", loading=loading, flashes=take_flashes(shopper))


def _unavailable(template: str, shopper: Shopper, error: OmneoError) -> ResponseReturnValue:
    _log.warning("The benefits of a shopper cannot be read: %s", error)
    return _page(template, 503, state="unavailable", flashes=take_flashes(shopper))
