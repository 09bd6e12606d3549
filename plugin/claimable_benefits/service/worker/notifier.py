"""Notify Celery that there is something to do. The tables are the truth: a lost notification only costs time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from claimable_benefits.service.worker.loop import WorkerThread

_log = logging.getLogger("claimable_benefits")
_STOP_SECONDS = 2.0
Send = Callable[[], object]


class CeleryNotifier:
    """Sends notifications from a thread of its own: a broker that is down, or hangs, must not delay a checkout.

    Notifications that come while one is being sent become a single one.
    """

    def __init__(self) -> None:
        self._send: Send | None = None
        self._has_warned = False
        self._thread = WorkerThread(self._turn, None, stop_seconds=_STOP_SECONDS)

    def send_by(self, send: Send) -> None:
        """Set the function that sends a notification; it may raise any exception."""
        self._send = send

    def notify(self) -> None:
        """Send a notification soon; returns at once and never raises."""
        self._thread.wake()
        self._thread.start()

    def stop(self) -> None:
        """Wait at most two seconds for a notification that is being sent."""
        self._thread.stop()

    def _turn(self) -> None:
        try:
            if self._send is None:
                self._warn_once("claimable_benefits.celery.add_tasks was not called in this process")
                return
            self._send()
        except Exception as error:  # noqa: BLE001 - brokers raise errors of their own
            self._warn_once(str(error))
        else:
            self._has_warned = False

    def _warn_once(self, why: str) -> None:
        """Warn once, until a notification is sent again."""
        if not self._has_warned:
            _log.warning("Celery gets no notifications (%s); due work waits for its beat.", why)
        self._has_warned = True
