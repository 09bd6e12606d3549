"""What applying a benefit and placing an order with it cost: calls to Omneo, and round trips that a shopper waits."""

from __future__ import annotations

import re
import time
from pathlib import Path

from benchmarks import omneo, shop
from benchmarks.cold import round_trip
from benchmarks.figures import Figures, Scale, between
from benchmarks.page import HELD
from benchmarks.shop import Shop

_ORDERS = 3  # in each round
_APPLY = re.compile(r'action="(/checkout/benefits/apply)">(.*?)<button', re.DOTALL)
_FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')


def measure(folder: Path, scale: Scale) -> Figures:
    """Each order is set against one without a benefit, placed just before it."""
    with omneo.running() as upstream, shop.opened(folder / "orders", upstream.base_url) as opened:
        calls, added, trips = 0, [], []
        for number in range(scale.rounds * _ORDERS):
            customer, other = f"c-{HELD}-4-buyer{number}", f"c-{HELD}-4-other{number}"
            opened.get(customer, "/checkout")
            upstream.forget()
            _apply(opened, customer)
            calls = max(calls, upstream.calls)
            trips.append(round_trip(opened))
            plain = _place(opened, other, f"plain-{number}")
            added.append(_place(opened, customer, f"order-{number}") - plain)
            if upstream.calls != 2:  # the round trip and the redemption
                raise RuntimeError(f"An order with a benefit made {upstream.calls - 1} calls.")
    return Figures(ratios={"apply_upstream_calls": calls, "place_order_added_rtt": between(added, trips)})


def _apply(opened: Shop, customer: str) -> None:
    """Press the first button "Apply" of the checkout page, and look at the page again."""
    found = _APPLY.search(opened.get(customer, "/checkout"))
    if not found:
        raise RuntimeError("The checkout page has no button to apply a benefit.")
    status = opened.post(customer, found[1], dict(_FIELD.findall(found[2])))
    if status != 303 or "Held for you until" not in opened.get(customer, "/checkout"):
        raise RuntimeError("The benefit was not applied.")


def _place(opened: Shop, customer: str, number: str) -> float:
    started = time.perf_counter()
    status = opened.post(customer, f"/order/{number}")
    if status != 200:
        raise RuntimeError(f"The order was answered with {status}.")
    return time.perf_counter() - started
