"""What shoppers do, by the story of their visit, and on the account page before it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress

from chaos.plan import Errand, Story, Visit
from chaos.shopper import Shopper, World
from chaos.tab import Interrupted, Page, at_once, deed

_ACCOUNT = "/account/benefits"
_PATIENCE = 4  # so often somebody waits for a page, a few seconds each
_BUTTONS = {Errand.CLAIM: "/claim", Errand.USE: "/use", Errand.CLAIM_AND_USE: "/claim-and-redeem"}


def pay_a_visit(world: World, visit: Visit) -> None:
    """One checkout, from the door to the end of its story."""
    try:
        if visit.errand:
            _run_errand(world, visit, visit.errand)
        _STORIES.get(visit.story, _plain)(world, visit)
        world.notes.count("visits")
    except Interrupted as error:
        world.notes.count("visits cut short")
        world.notes.puzzle(f"visit {visit.number} was cut short: {error}")


def _plain(world: World, visit: Visit) -> None:
    shopper, page = _come(world, visit)
    with closing(shopper.tab):
        if visit.story is Story.TILL:
            shopper.use_at_the_till()
        if visit.story is Story.LEAVES:
            shopper.leave(page)
            return
        number = shopper.buy(page)
        if number and visit.story in (Story.CANCELS, Story.RETURNS):
            shopper.give_back(number)


def _two_tabs(world: World, visit: Visit) -> None:
    """The page in the first tab is older than the benefit; both send their order at once."""
    shopper = Shopper(world, visit)
    with closing(shopper.tab):
        shopper.arrive()
        shopper.fill()
        stale = shopper.review()
        fresh = shopper.apply(stale)
        forms = [shopper.order_form(page, visit.cards[0]) for page in (stale, fresh)]
        tabs = (shopper.tab.twin(), shopper.tab.twin())
        pairs = [(tab, form) for tab, form in zip(tabs, forms, strict=True) if form]
        at_once(*(deed(tab, "/checkout", form) for tab, form in pairs))
        shopper.buy(shopper.review())


def _two_devices(world: World, visit: Visit) -> None:
    """Both devices want the same benefit, and both place an order with what they have then."""
    (first, page), (second, _) = _come(world, visit), _come(world, visit, apply=False)
    with closing(first.tab), closing(second.tab):
        moved = second.apply(second.review())
        at_once(lambda: first.buy(page), lambda: second.buy(moved))


def _come(world: World, visit: Visit, *, apply: bool = True) -> tuple[Shopper, Page]:
    shopper = Shopper(world, visit)
    shopper.arrive()
    shopper.fill()
    page = shopper.review()
    return shopper, shopper.apply(page) if apply else page


def _run_errand(world: World, visit: Visit, errand: Errand) -> None:
    """Two clicks at once: on one button of one page, or on two pages' buttons for the same thing."""
    shopper = Shopper(world, visit)
    with closing(shopper.tab):
        shopper.arrive()
        pages = [page for _ in range(1 + visit.two_pages) if (page := _account(shopper))]
        if len(pages) <= visit.two_pages:
            world.notes.count("errand: the page did not come")
            return
        buttons = [found[visit.number % len(found)] for page in pages if (found := _buttons(page, errand))]
        if len(buttons) < len(pages):
            world.notes.count(f"errand: nothing to {errand}")
            return
        tabs = shopper.twins()
        at_once(*(deed(tab, *button) for tab, button in zip(tabs, (buttons * 2)[:2], strict=True)))
        world.notes.count(f"errand: {errand}")


def _account(shopper: Shopper) -> Page | None:
    """The account page; while the loyalty programme does not answer it says so, and somebody with an errand waits."""
    for _ in range(_PATIENCE):
        with suppress(Interrupted):
            return shopper.tab.get(_ACCOUNT)
    return None


def _buttons(page: Page, errand: Errand) -> list[tuple[str, dict[str, str]]]:
    return [form for form in page.forms() if form[0] == f"{_ACCOUNT}{_BUTTONS[errand]}"]


_STORIES: dict[Story, Callable[[World, Visit], None]] = {Story.TWO_TABS: _two_tabs, Story.TWO_DEVICES: _two_devices}
