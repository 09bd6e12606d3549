"""Run the visits of a plan with a bounded number of shoppers at a time."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from itertools import count

from chaos.plan.plan import Visit
from chaos.shoppers.scenarios import run_visit
from chaos.shoppers.shopper import ShopperContext


def run_visits(
    context: ShopperContext, visits: Sequence[Visit], *, concurrency: int, until: float, on_start: Callable[[int], None]
) -> int:
    """Run the visits; start none after the monotonic time ``until``. Return how many were run."""
    numbers, guard, done = count(), threading.Lock(), [0]

    def shop() -> None:
        while time.monotonic() < until:
            with guard:
                number = next(numbers)
            if number >= len(visits):
                return
            on_start(visits[number].number)
            try:
                run_visit(context, visits[number])
            except Exception:  # noqa: BLE001 - an error in the run's own code is reported, and stops no other visit
                context.observations.report_unexpected(f"visit {number} failed: {traceback.format_exc(limit=-3)}")
            with guard:
                done[0] += 1

    threads = [threading.Thread(target=shop, name=f"shopper-{n}", daemon=True) for n in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done[0]
