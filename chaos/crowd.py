"""The shoppers: a bounded number of them at a time, one after the other through the door."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from itertools import count

from chaos.plan import Visit
from chaos.shopper import World
from chaos.stories import pay_a_visit


def send(world: World, visits: Sequence[Visit], *, at_once: int, until: float, begins: Callable[[int], None]) -> int:
    """Let all of them shop, until the monotonic time ``until`` at the latest; answers how many came."""
    numbers, guard, done = count(), threading.Lock(), [0]

    def shop() -> None:
        while time.monotonic() < until:
            with guard:
                number = next(numbers)
            if number >= len(visits):
                return
            begins(number)
            try:
                pay_a_visit(world, visits[number])
            except Exception:  # noqa: BLE001 - a mistake of the run's own shows in the report, and stops nobody else
                world.notes.puzzle(f"visit {number} went wrong: {traceback.format_exc(limit=-3)}")
            with guard:
                done[0] += 1

    threads = [threading.Thread(target=shop, name=f"shopper-{n}", daemon=True) for n in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done[0]
