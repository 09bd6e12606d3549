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
_FIRST = 2  # orders of a shop find out, once, what kind of Omneo it is
_APPLY = re.compile(r'action="(/checkout/benefits/apply)">(.*?)<button', re.DOTALL)
_FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')


def measure(folder: Path, scale: Scale) -> Figures:
    """Where Omneo filters redemptions by our reference, which decides; besides, where it does not."""
    with omneo.running() as upstream:
        calls, added = _orders(folder / "orders", scale, upstream, most_calls=1)
        upstream.dial(heeds=False)
        _, looked = _orders(folder / "orders-2", scale, upstream, most_calls=2)
    return Figures(
        ratios={"apply_upstream_calls": calls, "place_order_added_rtt": added},
        wall={"place_order_added_rtt where Omneo does not filter by our reference": looked},
    )


def _orders(folder: Path, scale: Scale, upstream: omneo.Omneo, *, most_calls: int) -> tuple[int, float]:
    """The calls of applying, and the round trips of ordering over an order without a benefit, placed just before it."""
    calls, added, trips = 0, [], []
    with shop.opened(folder, upstream.base_url) as opened:
        for number in range(_FIRST + scale.rounds * _ORDERS):
            customer, other = f"c-{HELD}-4-buyer{number}", f"c-{HELD}-4-other{number}"
            opened.get(customer, "/checkout")
            upstream.forget()
            _apply(opened, customer)
            calls = max(calls, upstream.calls)
            trip = round_trip(opened)
            plain = _place(opened, other, f"plain-{number}")
            upstream.forget()
            with_benefit = _place(opened, customer, f"order-{number}")
            if number < _FIRST:
                continue
            if upstream.calls > most_calls:
                raise RuntimeError(f"An order with a benefit made {upstream.calls} calls.")
            trips.append(trip)
            added.append(with_benefit - plain)
    return calls, between(added, trips)


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
