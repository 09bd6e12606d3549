"""Ask the shop's order loaders apart from the request: in a thread and an app context of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from flask import Flask

# An order is one row. A loader that needs the connection of its own request would wait for ever.
ORDER_SECONDS = 5.0
# A day's orders, for reconciliation; only workers and commands ask for them.
ORDERS_SECONDS = 300.0
_MOST_AT_ONCE = 16
Answer = TypeVar("Answer")


class LoaderThreads:
    """Calls loaders of one app in threads, each with an app context of its own and without a request.

    The loader sees what is committed. A shop's `@app.teardown_appcontext`, which runs when that context ends, removes
    the thread's session and not the one with which the request goes on. At most ``most`` calls run at once, so a loader
    that hangs does not fill the process with threads.
    """

    def __init__(self, app: Flask, *, most: int = _MOST_AT_ONCE) -> None:
        self._app = app
        self._free = threading.BoundedSemaphore(most)

    def call(self, loader: Callable[..., Answer], *arguments: Any, seconds: float) -> Answer:
        """Return what ``loader`` returns, and raise what it raises.

        Raises `TimeoutError` where it has not answered within ``seconds``; it goes on by itself then.
        """
        if not self._free.acquire(timeout=seconds):
            raise TimeoutError(f"Every earlier call of the shop's order loaders still runs after {seconds:g} s.")
        answer: Future[Answer] = Future()

        def run() -> None:
            try:
                with self._app.app_context():
                    found = loader(*arguments)
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that asks
                answer.set_exception(error)
            else:
                answer.set_result(found)
            finally:
                self._free.release()

        self._start(run)
        try:
            return answer.result(seconds)
        except TimeoutError as error:
            if answer.done():  # the loader's own error
                raise
            raise TimeoutError(f"The shop's order loader has not answered within {seconds:g} s.") from error

    def _start(self, run: Callable[[], None]) -> None:
        try:
            threading.Thread(target=run, name="claimable-benefits-loader", daemon=True).start()
        except RuntimeError:  # this process can start no more threads
            self._free.release()
            raise
