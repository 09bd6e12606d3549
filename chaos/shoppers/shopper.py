"""What a shopper can do, over HTTP, with pages and forms."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chaos.plan.plan import Approval, Scenario, Visit
from chaos.shoppers.browser_session import BrowserSession, NoAnswer, Page, form_submission, run_concurrently

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
_ORDER_ATTEMPTS = 8  # clicks on "Place order" before a shopper gives up
_APPLY_ATTEMPTS = 9  # page loads before a shopper gives up on a benefit
_CONFIRMATION_ATTEMPTS = 3  # reloads of a page that says a payment is being confirmed


@dataclass
class Observations:
    """What shoppers saw and did. ``shown`` are the totals that were shown, by the checkout id of the page."""

    shown: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    outcomes: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def record_total(self, checkout_id: str, total: str) -> None:
        """Record a total that a shopper is about to agree to."""
        with self._guard:
            self.shown[checkout_id].add(total)

    def count(self, what: str) -> None:
        """Count an outcome."""
        with self._guard:
            self.outcomes[what] += 1

    def report_unexpected(self, sentence: str) -> None:
        """Record something that no shopper should see."""
        with self._guard:
            self.unexpected.append(sentence)


@dataclass(frozen=True)
class ShopperContext:
    """What every shopper needs. ``benefits`` are Omneo's ids by (customer, handle); ``till`` uses one in the store."""

    shop: str
    benefits: Mapping[tuple[str, str], str]
    till: Callable[[str, str], None]
    observations: Observations


class Shopper:
    """One browser of one customer, or of a guest."""

    def __init__(self, context: ShopperContext, visit: Visit) -> None:
        self._context = context
        self._visit = visit
        self._observations = context.observations
        self.session = BrowserSession(context.shop)
        self._token = ""

    def sign_in(self) -> None:
        """Sign in; a guest only loads the page."""
        page = self.session.get("/sign-in?next=/cart")
        if self._visit.customer is not None:
            fields = {"customer_id": self._visit.customer, "next": "/cart", "csrf_token": page.token}
            self._post_with_retry("/sign-in", fields)
            page = self.session.get("/cart")
        self._token = page.token

    def fill_cart(self) -> None:
        """Put the products into the cart, and choose the shipping method."""
        for sku in self._visit.purchase.skus:
            self._post_with_retry("/cart", {"sku": sku, "quantity": "1", "csrf_token": self._token})
        if self._visit.purchase.shipping != "standard":
            fields = {**_ADDRESS, "shipping": self._visit.purchase.shipping, "csrf_token": self._token}
            self._post_with_retry("/checkout/delivery", fields)

    def review(self) -> Page:
        """Load the checkout page."""
        return self.session.get("/checkout")

    def apply(self, page: Page) -> Page:
        """Apply the benefit of this visit, or move it from another cart; return the page after that.

        While Omneo is unavailable the page says so, and the shopper reloads it.
        """
        benefit = self._benefit()
        for _ in range(_APPLY_ATTEMPTS if benefit else 0):
            for action, fields in page.forms():
                if fields.get("benefit_id") == benefit and action.endswith(("/apply", "/move")):
                    with suppress(NoAnswer):
                        self.session.post(action, fields)
                    page = self.review()
            if _holds(page, benefit):
                self._observations.count("benefit applied")
                return page
            page = self.review()
        self._observations.count("benefit could not be applied" if benefit else "without a benefit")
        return page

    def order_form(self, page: Page, card: str) -> dict[str, str]:
        """Return what "Place order" sends from this page; empty where it is no checkout page."""
        hidden = dict(_HIDDEN.findall(page.text))
        if len(hidden) != 2:
            return {}
        self._observations.record_total(hidden["checkout_id"], hidden["shown_total"])
        shipping = self._visit.purchase.shipping
        return {**hidden, **_ADDRESS, "shipping": shipping, "card": card, "csrf_token": page.token}

    def place_order(self, page: Page) -> str | None:
        """Click "Place order" until there is an order or nothing is left to try; return the order's number."""
        cards = iter((*self._visit.cards, *self._visit.cards[-1:] * _ORDER_ATTEMPTS))
        card = next(cards)
        for _ in range(_ORDER_ATTEMPTS):
            form = self.order_form(page, card)
            if not form:
                return self._order_after_redirect(page)
            try:
                answer = self._click_place_order(form)
            except NoAnswer:
                self._observations.count("place order: no answer")
                page = self.review()  # a shopper goes back to the checkout page
                continue
            number, page = self._follow(answer)
            if number:
                return number
            card = next(cards)
        self._observations.count("gave up")
        return None

    def request_refund(self, number: str) -> None:
        """Cancel the order, or send the first piece back, with a double click on the confirmation."""
        query = "all=1" if self._visit.scenario is Scenario.CANCELS else "line-0=1"
        address = f"/orders/{number}/return"
        for action, fields in self.session.get(f"{address}?{query}").forms():
            if action == address and "reference" in fields:
                run_concurrently(*(form_submission(session, address, fields) for session in self.clones()))
                self._observations.count("requested a refund")

    def use_at_the_till(self) -> None:
        """Use the benefit in the store; the shop does not see it."""
        benefit = self._benefit()
        if benefit and self._visit.customer:
            self._context.till(self._visit.customer, benefit)

    def disconnect(self, page: Page) -> None:
        """Click "Place order", and close the browser before the answer comes."""
        form = self.order_form(page, self._visit.cards[0])
        if form:
            with suppress(NoAnswer):
                self.session.post("/checkout", form, timeout=self._visit.timeout)
        self._observations.count("closed the browser")

    def _benefit(self) -> str | None:
        handle = self._visit.purchase.benefit
        if handle is None or self._visit.customer is None:
            return None
        return self._context.benefits.get((self._visit.customer, handle))

    def _click_place_order(self, form: dict[str, str]) -> Page:
        if self._visit.scenario is not Scenario.DOUBLE_CLICK:
            return self.session.post("/checkout", form)
        clones = self.clones()
        first, second = run_concurrently(*(form_submission(session, "/checkout", form) for session in clones))
        self.session.adopt_cookies(clones[0])
        answer = first or second
        if answer is None:
            raise NoAnswer("both clicks")
        return answer

    def clones(self) -> tuple[BrowserSession, BrowserSession]:
        """Open two tabs with the cookies of this one."""
        return self.session.clone(), self.session.clone()

    def _follow(self, answer: Page) -> tuple[str | None, Page]:
        """Follow "Place order": return the number of an order, or the page to try again from."""
        if not answer.to:
            if answer.status not in (409, 422):
                self._observations.report_unexpected(f"{self._visit}: {answer.status} for Place order")
            self._observations.count(f"place order: {answer.status}")
            return None, answer if answer.status == 409 else self.review()
        path = urlsplit(answer.to).path
        if path.startswith("/approve/"):
            return self._approve(answer.to)
        found = _ORDER.match(path)
        if found is None:
            self._observations.count(f"place order: back to {path}")
            return None, self.review()
        if path.startswith("/checkout/waiting"):
            self._post_with_retry(path, {"csrf_token": self._token})  # pay another way
            return None, self.review()
        return self._wait_for(found[1])

    def _approve(self, address: str) -> tuple[str | None, Page]:
        if self._visit.approval is Approval.ABANDONS:
            self._observations.count("abandoned the approval")
            return address.rpartition("/")[2], Page(0, "", "")
        verb = "approve" if self._visit.approval is Approval.APPROVES else "decline"
        back = self.session.post(address, {verb: "yes"}).to
        answer = self.session.get(back)
        found = _ORDER.match(urlsplit(answer.to).path)
        if found and answer.to.endswith("/thanks"):
            return self._wait_for(found[1])
        return None, self.review()

    def _wait_for(self, number: str) -> tuple[str | None, Page]:
        """Load the thank-you page; reload it while a payment is being confirmed."""
        for _ in range(_CONFIRMATION_ATTEMPTS):
            page = self.session.get(f"/orders/{number}/thanks")
            if page.to:
                self._observations.count("order was cancelled")
                return (None, self.review()) if page.to.endswith("/checkout") else (number, page)
            if "is being confirmed" not in page.text:
                break
            time.sleep(0.6)
        self._observations.count("saw the confirmation")
        return number, page

    def _order_after_redirect(self, page: Page) -> str | None:
        found = _ORDER.search(urlsplit(page.to).path) if page.to else None
        self._observations.count("had an order already" if found else "cart was empty")
        return found[1] if found else None

    def _post_with_retry(self, address: str, fields: Mapping[str, str]) -> None:
        """Send a form that may safely arrive twice; retry where no answer comes."""
        for _ in range(4):
            try:
                answer = self.session.post(address, fields)
            except NoAnswer:
                time.sleep(0.7)
                continue
            if answer.status >= 400:
                self._observations.report_unexpected(f"{self._visit}: {answer.status} for {address}")
            return
        raise NoAnswer(address)


def _holds(page: Page, benefit: str | None) -> bool:
    """Whether the page shows this benefit as applied, that is, with a button to remove it."""
    return any(action.endswith("/remove") and fields.get("benefit_id") == benefit for action, fields in page.forms())
