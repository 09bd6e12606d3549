"""The account pages: the list, one benefit, one receipt. Reading them changes nothing."""

from __future__ import annotations

import logging
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import OmneoError
from claimable_benefits.service.account.history import History
from claimable_benefits.service.account.wallet_view import Wallet, WalletPreview
from claimable_benefits.web.current import context, runtime, services, settings, stylesheet_url, wallet_url
from claimable_benefits.web.flashes import take_flashes
from claimable_benefits.web.forms.buttons import Buttons
from claimable_benefits.web.forms.guard import login_url, this_page
from claimable_benefits.web.http_errors import BenefitNotFound
from claimable_benefits.web.rendering import cards, history_rows, messages
from claimable_benefits.web.rendering.formatting import Formatter, format_for
from claimable_benefits.web.rendering.fragment_cache import FragmentCache
from claimable_benefits.web.rendering.qr_codes import qr_code
from claimable_benefits.web.rendering.sanitize import name_of, plain, safe_html

_log = logging.getLogger("claimable_benefits")
_USED = (UseState.REDEEMED, UseState.CONSUMED)
_CONFIRMING = (UseState.REDEEMING, UseState.IN_DOUBT)
_FIRST_ROWS = 20


def formatter_of(shopper: Shopper | None) -> Formatter:
    """How this shopper reads dates and amounts, now."""
    here = runtime()
    return format_for(shopper, locale=here.settings.locale, timezone=here.settings.timezone, now=here.context.clock())


def page(template: str, status: int = 200, **values: Any) -> tuple[str, int]:
    """One of our pages inside the shop's layout."""
    html = render_template(
        template,
        cb_base=settings().base_template,
        stylesheet=stylesheet_url(),
        wallet_url=wallet_url(),
        here=this_page(),
        **values,
    )
    return html, status


def wallet() -> ResponseReturnValue:
    """Your benefits: ready to claim, yours to use, history."""
    here = runtime()
    shopper = here.load_shopper()
    if shopper is None:
        return _invitation()
    ask = bool(request.query_string) and request.args.get("history") == "all"
    try:
        whole = _whole_history(shopper) if ask else None  # before the peek, so that its version names it
        peek = services().preview_wallet(here.context, shopper)
    except OmneoError as error:
        return _out_of_reach("claimable_benefits/list.html", shopper, error)
    notices, as_of = take_flashes(shopper), messages.as_of(peek.age)
    kept = FragmentCache(
        "list.html",
        shopper,
        () if ask and whole is None else peek.version,
        formatter_of(shopper),
        alone=not notices and not as_of,
        layout=here.settings.base_template,
    )
    if printed := kept.whole():
        return printed
    region = kept.region()
    values = {"state": "wallet", "region": region} if region else _cards(shopper, peek, kept, whole)
    html, _ = page("claimable_benefits/list.html", notices=notices, as_of=as_of, **values)
    return kept.printed(html)


def _cards(shopper: Shopper, peek: WalletPreview, kept: FragmentCache, whole: History | None) -> dict[str, Any]:
    """What the list is rendered of."""
    found, names, buttons, say = peek.load(), cards.Names(), kept.buttons(), formatter_of(shopper)
    return {
        "state": "wallet" if found.known else "unknown",
        "keep": kept.renderer(found.ends),
        "claimable": cards.claimable_cards(buttons, found.claimable, context().policy, say, cards.Names()),
        "pending_claims": [name_of(name, "") for name in found.pending_claims],
        "usable": cards.usable_cards(buttons, found.usable, say, names),
        "past": [cards.past_card(benefit, say, names) for benefit in found.past],
        "checkout_url": settings().checkout_url,
        **_history(shopper, found, say, whole),
    }


def claimable(handle: str) -> ResponseReturnValue:
    """One benefit that this shopper may claim; 404 for any other handle."""
    return _detail(handle=handle)


def held(benefit_id: str) -> ResponseReturnValue:
    """One benefit of this shopper's own; 404 for any other id."""
    return _detail(benefit_id=benefit_id)


def receipt(use_id: str) -> ResponseReturnValue:
    """What a use from these pages brought: code and instructions; 404 for any other use."""
    shopper = runtime().load_shopper()
    if shopper is None:
        return _invitation()
    use = services().find_use(context(), shopper, use_id)
    if use is None or use.channel not in history_rows.WITH_RECEIPT:
        raise BenefitNotFound
    code = plain(use.code) if use.state in _USED else ""
    return page(
        "claimable_benefits/receipt.html",
        notices=take_flashes(shopper),
        name=name_of(use.name, use.definition_handle),
        use=use,
        state="used" if use.state in _USED else "confirming" if use.state in _CONFIRMING else use.state.value,
        used=formatter_of(shopper).moment(use.redeemed_at or use.updated_at),
        code=code,
        qr=qr_code(code) if code else "",
        instructions=safe_html(use.instructions) if use.state in _USED else "",
    )


def _detail(*, handle: str = "", benefit_id: str = "") -> ResponseReturnValue:
    shopper = runtime().load_shopper()
    if shopper is None:
        return _invitation()
    try:
        peek = services().preview_wallet(context(), shopper)
    except OmneoError as error:
        return _out_of_reach("claimable_benefits/detail.html", shopper, error)
    found = peek.load()
    card = _card(shopper, found, handle, benefit_id)
    return page(
        "claimable_benefits/detail.html",
        state="detail",
        kind=type(card).__name__.removesuffix("Card").lower(),
        notices=take_flashes(shopper),
        card=card,
        as_of=messages.as_of(peek.age),
        checkout_url=settings().checkout_url,
    )


def _card(shopper: Shopper, found: Wallet, handle: str, benefit_id: str) -> object:
    """The card of what the address names, taken from this shopper's own wallet and nowhere else."""
    say, names, buttons = formatter_of(shopper), cards.Names(), Buttons(shopper)
    if definition := found.definition(handle):
        return cards.claimable_card(buttons, definition, context().policy(handle), say, names)
    if own := found.benefit(benefit_id):
        return cards.usable_card(buttons, own, say, names)
    for benefit in found.past:
        if benefit.id == benefit_id:
            return cards.past_card(benefit, say, names)
    raise BenefitNotFound


def _whole_history(shopper: Shopper) -> History | None:
    """The history with what was used elsewhere; None where it cannot be read now."""
    try:
        return services().remembered_history(context(), shopper, ask=True)
    except OmneoError as error:
        _log.warning("The history of a shopper cannot be read: %s", error)
        return None


def _history(shopper: Shopper, found: Wallet, say: Formatter, whole: History | None) -> dict[str, Any]:
    """The history; a page that has everything else is shown without it."""
    if not found.known:
        return {}
    if request.args.get("history") == "all" and whole is None:
        return {"history": None}
    history = whole or services().remembered_history(context(), shopper)
    rows = [history_rows.row(entry, say) for entry in history.entries]
    more = None if history.is_whole else f"{wallet_url()}?history=all"
    return {"history": rows[:_FIRST_ROWS], "older": rows[_FIRST_ROWS:], "whole_history_url": more}


def _invitation() -> ResponseReturnValue:
    return page("claimable_benefits/list.html", state="guest", login_url=login_url(this_page()))


def _out_of_reach(template: str, shopper: Shopper, error: OmneoError) -> ResponseReturnValue:
    _log.warning("The benefits of a shopper cannot be read: %s", error)
    return page(template, 503, state="down", notices=take_flashes(shopper))
