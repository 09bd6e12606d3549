"""Telling Celery that there is something to do. The tables are the truth: a hint that is lost only costs time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from claimable_benefits.service.worker.loop import WorkerThread

_log = logging.getLogger("claimable_benefits")
_STOP_SECONDS = 2.0
Send = Callable[[], object]


class CeleryNotifier:
    """Sends hints from a thread of its own: a broker that is down, or hangs, must hold up no checkout.

    Hints that come while one is being sent become a single one.
    """

    def __init__(self) -> None:
        self._send: Send | None = None
        self._is_quiet = False
        self._thread = WorkerThread(self._turn, None, stop_seconds=_STOP_SECONDS)

    def send_by(self, send: Send) -> None:
        """Say how a hint is sent; it may raise what it likes."""
        self._send = send

    def notify(self) -> None:
        """Send a hint, soon; returns at once and never raises."""
        self._thread.wake()
        self._thread.start()

    def stop(self) -> None:
        """Wait a moment for a hint that is being sent."""
        self._thread.stop()

    def _turn(self) -> None:
        try:
            if self._send is None:
                self._complain("claimable_benefits.celery.add_tasks was not called in this process")
                return
            self._send()
        except Exception as error:  # noqa: BLE001 - brokers raise errors of their own
            self._complain(str(error))
        else:
            self._is_quiet = False

    def _complain(self, why: str) -> None:
        """Once, until a hint goes through again."""
        if not self._is_quiet:
            _log.warning("Celery gets no hints (%s); what is due waits for its beat.", why)
        self._is_quiet = True
