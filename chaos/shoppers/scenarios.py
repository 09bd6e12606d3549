"""What shoppers do: the scenario of each visit, and the account action before it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress

from chaos.plan.plan import AccountAction, Scenario, Visit
from chaos.shoppers.browser_session import NoAnswer, Page, form_submission, run_concurrently
from chaos.shoppers.shopper import Shopper, ShopperContext

_ACCOUNT = "/account/benefits"
_PAGE_ATTEMPTS = 4  # each takes a few seconds
_BUTTONS = {AccountAction.CLAIM: "/claim", AccountAction.USE: "/use", AccountAction.CLAIM_AND_USE: "/claim-and-redeem"}


def run_visit(context: ShopperContext, visit: Visit) -> None:
    """Run one checkout with its account action and its scenario."""
    try:
        if visit.account_action:
            _act_on_account(context, visit, visit.account_action)
        _SCENARIOS.get(visit.scenario, _plain)(context, visit)
        context.observations.count("visits")
    except NoAnswer as error:
        context.observations.count("visits cut short")
        context.observations.report_unexpected(f"visit {visit.number} was cut short: {error}")


def _plain(context: ShopperContext, visit: Visit) -> None:
    shopper, page = _open_checkout(context, visit)
    with closing(shopper.session):
        if visit.scenario is Scenario.TILL:
            shopper.use_at_the_till()
        if visit.scenario is Scenario.DISCONNECTS:
            shopper.disconnect(page)
            return
        number = shopper.place_order(page)
        if number and visit.scenario in (Scenario.CANCELS, Scenario.RETURNS):
            shopper.request_refund(number)


def _two_tabs(context: ShopperContext, visit: Visit) -> None:
    """The first tab's page is older than the applied benefit; both tabs send their order at the same time."""
    shopper = Shopper(context, visit)
    with closing(shopper.session):
        shopper.sign_in()
        shopper.fill_cart()
        stale = shopper.review()
        fresh = shopper.apply(stale)
        forms = [shopper.order_form(page, visit.cards[0]) for page in (stale, fresh)]
        sessions = (shopper.session.clone(), shopper.session.clone())
        pairs = [(session, form) for session, form in zip(sessions, forms, strict=True) if form]
        run_concurrently(*(form_submission(session, "/checkout", form) for session, form in pairs))
        shopper.place_order(shopper.review())


def _two_devices(context: ShopperContext, visit: Visit) -> None:
    """Two devices apply the same benefit, and both place an order with what is applied then."""
    (first, page), (second, _) = _open_checkout(context, visit), _open_checkout(context, visit, apply=False)
    with closing(first.session), closing(second.session):
        moved_page = second.apply(second.review())
        run_concurrently(lambda: first.place_order(page), lambda: second.place_order(moved_page))


def _open_checkout(context: ShopperContext, visit: Visit, *, apply: bool = True) -> tuple[Shopper, Page]:
    shopper = Shopper(context, visit)
    shopper.sign_in()
    shopper.fill_cart()
    page = shopper.review()
    return shopper, shopper.apply(page) if apply else page


def _act_on_account(context: ShopperContext, visit: Visit, account_action: AccountAction) -> None:
    """Click twice at the same time: on one button, or on the buttons of two pages for the same benefit."""
    shopper = Shopper(context, visit)
    with closing(shopper.session):
        shopper.sign_in()
        pages = [page for _ in range(1 + visit.two_pages) if (page := _account(shopper))]
        if len(pages) <= visit.two_pages:
            context.observations.count("account action: no page")
            return
        buttons = [found[visit.number % len(found)] for page in pages if (found := _buttons(page, account_action))]
        if len(buttons) < len(pages):
            context.observations.count(f"account action: nothing to {account_action}")
            return
        sessions = shopper.clones()
        run_concurrently(
            *(form_submission(session, *button) for session, button in zip(sessions, (buttons * 2)[:2], strict=True))
        )
        context.observations.count(f"account action: {account_action}")


def _account(shopper: Shopper) -> Page | None:
    """Load the account page; a shopper with an account action waits while Omneo is unavailable."""
    for _ in range(_PAGE_ATTEMPTS):
        with suppress(NoAnswer):
            return shopper.session.get(_ACCOUNT)
    return None


def _buttons(page: Page, account_action: AccountAction) -> list[tuple[str, dict[str, str]]]:
    return [form for form in page.forms() if form[0] == f"{_ACCOUNT}{_BUTTONS[account_action]}"]


_SCENARIOS: dict[Scenario, Callable[[ShopperContext, Visit], None]] = {
    Scenario.TWO_TABS: _two_tabs,
    Scenario.TWO_DEVICES: _two_devices,
}
