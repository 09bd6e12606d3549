"""Applying a benefit and placing an order with it: calls to Omneo, and round trips that the shopper waits."""

from __future__ import annotations

import re
import time
from pathlib import Path

from benchmarks.apps import shop
from benchmarks.apps.page import HELD
from benchmarks.apps.shop import Shop
from benchmarks.figures import Figures, Scale, between
from benchmarks.measures.round_trips import round_trip
from benchmarks.servers import omneo

_ORDERS = 3  # in each round
_FIRST = 2  # orders in which a shop finds out, once, whether Omneo filters by our reference
_APPLY = re.compile(r'action="(/checkout/benefits/apply)">(.*?)<button', re.DOTALL)
_FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')


def measure(folder: Path, scale: Scale) -> Figures:
    """Measure where Omneo filters redemptions by our reference, and where it does not."""
    with omneo.running() as upstream:
        calls, added = _orders(folder / "orders", scale, upstream, most_calls=1)
        upstream.configure(filters=False)
        _, looked = _orders(folder / "orders-2", scale, upstream, most_calls=2)
    return Figures(
        judged={"apply_upstream_calls": calls},
        told={"place_order_added_rtt": added, "place_order_added_rtt_without_filter": looked},
    )


def _orders(folder: Path, scale: Scale, upstream: omneo.Omneo, *, most_calls: int) -> tuple[int, float]:
    """Return the calls of applying, and the round trips that a benefit adds to an order placed just before without."""
    calls, added, trips = 0, [], []
    with shop.opened(folder, upstream.base_url, BENEFITS_PAGE_BUDGET_MS=20_000) as opened:
        for number in range(_FIRST + scale.rounds * _ORDERS):
            customer, other = f"c-{HELD}-4-buyer{number}", f"c-{HELD}-4-other{number}"
            opened.get(customer, "/checkout")
            upstream.reset_calls()
            _apply(opened, customer)
            calls = max(calls, upstream.calls)
            trip = round_trip(opened)
            plain = _place(opened, other, f"plain-{number}")
            upstream.reset_calls()
            with_benefit = _place(opened, customer, f"order-{number}")
            if number < _FIRST:
                continue
            if upstream.calls > most_calls:
                raise RuntimeError(f"An order with a benefit made {upstream.calls} calls.")
            trips.append(trip)
            added.append(with_benefit - plain)
    return calls, between(added, trips)


def apply_form(page: str) -> tuple[str, dict[str, str]]:
    """Return path and fields of the first button "Apply" on a checkout page."""
    found = _APPLY.search(page)
    if not found:
        raise RuntimeError("The checkout page has no button to apply a benefit.")
    return found[1], dict(_FIELD.findall(found[2]))


def _apply(opened: Shop, customer: str) -> None:
    """Press the first button "Apply" of the checkout page, and read the page again."""
    path, fields = apply_form(opened.get(customer, "/checkout"))
    status = opened.post(customer, path, fields)
    if status != 303 or "Held for you until" not in opened.get(customer, "/checkout"):
        raise RuntimeError("The benefit was not applied.")


def _place(opened: Shop, customer: str, number: str) -> float:
    started = time.perf_counter()
    status = opened.post(customer, f"/order/{number}")
    if status != 200:
        raise RuntimeError(f"The order was answered with {status}.")
    return time.perf_counter() - started
