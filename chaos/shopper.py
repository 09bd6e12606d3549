"""What shoppers can do: all of it over HTTP, with pages and forms."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chaos.plan import Approval, Story, Visit
from chaos.tab import Interrupted, Page, Tab, at_once, deed

_HIDDEN = re.compile(r'name="(checkout_id|shown_total)" value="([^"]+)"')
_ORDER = re.compile(r"/(?:orders|checkout/waiting)/([^/?]+)")
_ADDRESS = {
    "name": "Some Body",
    "email": "somebody@example.com",
    "street": "1 Queue Street",
    "suburb": "Carlton",
    "state": "VIC",
    "postcode": "3053",
}
_ROUNDS = 8  # so often somebody presses "Place order" before they give up
_LOOKS = 9  # so often somebody looks whether their benefit is offered now
_CONFIRMING = 3  # so often somebody lets a page reload that says a payment is being confirmed


@dataclass
class Notes:
    """What shoppers saw and did, for the audit: totals that were shown, by the checkout id of the page."""

    shown: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    outcomes: Counter[str] = field(default_factory=Counter)
    puzzles: list[str] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def show(self, checkout_id: str, total: str) -> None:
        """A shopper is about to agree to this total."""
        with self._guard:
            self.shown[checkout_id].add(total)

    def count(self, what: str) -> None:
        """Something happened."""
        with self._guard:
            self.outcomes[what] += 1

    def puzzle(self, sentence: str) -> None:
        """Something that no shopper should see."""
        with self._guard:
            self.puzzles.append(sentence)


@dataclass(frozen=True)
class World:
    """Where everything is. ``benefits`` are Omneo's ids by (customer, handle); ``till`` uses one in the store."""

    shop: str
    benefits: Mapping[tuple[str, str], str]
    till: Callable[[str, str], None]
    notes: Notes


class Shopper:
    """One browser of one customer, or of a guest."""

    def __init__(self, world: World, visit: Visit) -> None:
        self._world = world
        self._visit = visit
        self._notes = world.notes
        self.tab = Tab(world.shop)
        self._token = ""

    def arrive(self) -> None:
        """Sign in; a guest just looks at the page."""
        page = self.tab.get("/sign-in?next=/cart")
        if self._visit.customer is not None:
            wish = {"customer_id": self._visit.customer, "next": "/cart", "csrf_token": page.token}
            self._insist("/sign-in", wish)
            page = self.tab.get("/cart")
        self._token = page.token

    def fill(self) -> None:
        """Put the products into the cart, and choose how they travel."""
        for sku in self._visit.purchase.skus:
            self._insist("/cart", {"sku": sku, "quantity": "1", "csrf_token": self._token})
        if self._visit.purchase.shipping != "standard":
            wish = {**_ADDRESS, "shipping": self._visit.purchase.shipping, "csrf_token": self._token}
            self._insist("/checkout/delivery", wish)

    def review(self) -> Page:
        """Look at the checkout page."""
        return self.tab.get("/checkout")

    def apply(self, page: Page) -> Page:
        """Apply the benefit of this visit, or move it here from another cart; the page as it is then.

        Where the loyalty programme does not answer, the page says so; somebody who came for a benefit looks again.
        """
        benefit = self._benefit()
        for _ in range(_LOOKS if benefit else 0):
            for action, fields in page.forms():
                if fields.get("benefit_id") == benefit and action.endswith(("/apply", "/move")):
                    with suppress(Interrupted):
                        self.tab.post(action, fields)
                    page = self.review()
            if _holds(page, benefit):
                self._notes.count("benefit applied")
                return page
            page = self.review()
        self._notes.count("benefit could not be applied" if benefit else "without a benefit")
        return page

    def order_form(self, page: Page, card: str) -> dict[str, str]:
        """What "Place order" sends from this page; empty where it is no checkout page."""
        hidden = dict(_HIDDEN.findall(page.text))
        if len(hidden) != 2:
            return {}
        self._notes.show(hidden["checkout_id"], hidden["shown_total"])
        shipping = self._visit.purchase.shipping
        return {**hidden, **_ADDRESS, "shipping": shipping, "card": card, "csrf_token": page.token}

    def buy(self, page: Page) -> str | None:
        """Press "Place order" until there is an order, or nothing more to try; the order's number."""
        cards = iter((*self._visit.cards, *self._visit.cards[-1:] * _ROUNDS))
        card = next(cards)
        for _ in range(_ROUNDS):
            form = self.order_form(page, card)
            if not form:
                return self._elsewhere(page)
            try:
                answer = self._press(form)
            except Interrupted:
                self._notes.count("place order: no answer")
                page = self.review()  # what a shopper does: back, and look
                continue
            number, page = self._follow(answer)
            if number:
                return number
            card = next(cards)
        self._notes.count("gave up")
        return None

    def give_back(self, number: str) -> None:
        """Cancel the order, or send the first piece back, with a double click on the confirmation."""
        query = "all=1" if self._visit.story is Story.CANCELS else "line-0=1"
        address = f"/orders/{number}/return"
        for action, wish in self.tab.get(f"{address}?{query}").forms():
            if action == address and "reference" in wish:
                at_once(*(deed(tab, address, wish) for tab in self.twins()))
                self._notes.count("gave something back")

    def use_at_the_till(self) -> None:
        """Use the benefit in the store, behind the shop's back."""
        benefit = self._benefit()
        if benefit and self._visit.customer:
            self._world.till(self._visit.customer, benefit)

    def leave(self, page: Page) -> None:
        """Press "Place order" and close the browser before there is an answer."""
        form = self.order_form(page, self._visit.cards[0])
        if form:
            with suppress(Interrupted):
                self.tab.post("/checkout", form, wait_budget=self._visit.wait_budget)
        self._notes.count("closed the browser")

    def _benefit(self) -> str | None:
        handle = self._visit.purchase.benefit
        if handle is None or self._visit.customer is None:
            return None
        return self._world.benefits.get((self._visit.customer, handle))

    def _press(self, form: dict[str, str]) -> Page:
        if self._visit.story is not Story.DOUBLE_CLICK:
            return self.tab.post("/checkout", form)
        twins = self.twins()
        first, second = at_once(*(deed(tab, "/checkout", form) for tab in twins))
        self.tab.adopt(twins[0])
        answer = first or second
        if answer is None:
            raise Interrupted("both clicks")
        return answer

    def twins(self) -> tuple[Tab, Tab]:
        return self.tab.twin(), self.tab.twin()

    def _follow(self, answer: Page) -> tuple[str | None, Page]:
        """Where "Place order" leads: the number of an order, or the page from which to try again."""
        if not answer.to:
            if answer.status not in (409, 422):
                self._notes.puzzle(f"{self._visit}: {answer.status} for Place order")
            self._notes.count(f"place order: {answer.status}")
            return None, answer if answer.status == 409 else self.review()
        path = urlsplit(answer.to).path
        if path.startswith("/approve/"):
            return self._approve(answer.to)
        found = _ORDER.match(path)
        if found is None:
            self._notes.count(f"place order: back to {path}")
            return None, self.review()
        if path.startswith("/checkout/waiting"):
            self._insist(path, {"csrf_token": self._token})  # pay another way
            return None, self.review()
        return self._wait_for(found[1])

    def _approve(self, address: str) -> tuple[str | None, Page]:
        if self._visit.approval is Approval.NEVER_COMES_BACK:
            self._notes.count("never came back")
            return address.rpartition("/")[2], Page(0, "", "")
        verb = "approve" if self._visit.approval is Approval.COMES_BACK else "decline"
        back = self.tab.post(address, {verb: "yes"}).to
        answer = self.tab.get(back)
        found = _ORDER.match(urlsplit(answer.to).path)
        if found and answer.to.endswith("/thanks"):
            return self._wait_for(found[1])
        return None, self.review()

    def _wait_for(self, number: str) -> tuple[str | None, Page]:
        """The thank-you page; while a payment is being confirmed it reloads."""
        for _ in range(_CONFIRMING):
            page = self.tab.get(f"/orders/{number}/thanks")
            if page.to:
                self._notes.count("order was called off")
                return (None, self.review()) if page.to.endswith("/checkout") else (number, page)
            if "is being confirmed" not in page.text:
                break
            time.sleep(0.6)
        self._notes.count("saw the confirmation")
        return number, page

    def _elsewhere(self, page: Page) -> str | None:
        found = _ORDER.search(urlsplit(page.to).path) if page.to else None
        self._notes.count("had an order already" if found else "cart was empty")
        return found[1] if found else None

    def _insist(self, address: str, wish: Mapping[str, str]) -> None:
        """Send a form that may safely come twice, again if there is no answer."""
        for _ in range(4):
            try:
                answer = self.tab.post(address, wish)
            except Interrupted:
                time.sleep(0.7)
                continue
            if answer.status >= 400:
                self._notes.puzzle(f"{self._visit}: {answer.status} for {address}")
            return
        raise Interrupted(address)


def _holds(page: Page, benefit: str | None) -> bool:
    """Whether the page shows this benefit as applied: it can be removed then."""
    return any(action.endswith("/remove") and fields.get("benefit_id") == benefit for action, fields in page.forms())
