"""Send webhooks that are due, signed and at least once, in a thread that runs while there is work."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import sqlite3
import threading
import time
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g

from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.clock import current_time
from claimable_benefits.sandbox.state.request_state import Sandbox
from claimable_benefits.sandbox.state.switches import switch_values
from claimable_benefits.sandbox.state.times import stamp

DEFAULT_SECRET = "sandbox-secret"  # noqa: S105 - it signs a test double's messages
_ATTEMPTS = 5
_PAUSE = 0.1  # seconds before the second attempt; doubled before each further one
_TIMEOUT = 5.0  # seconds that a receiver has to answer
_KEY = "omneo_sandbox.webhook_sender"


class WebhookSender:
    """Sends the deliveries of one sandbox; `secret` signs their bodies.

    A receiver that does not answer 2xx is tried five times over about a second and a half.
    """

    def __init__(self, instance: Sandbox, secret: str) -> None:
        self._instance = instance
        self._secret = secret.encode()
        self._sending = threading.Lock()
        self._waking = threading.Lock()
        self._asked = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have everything that is due sent, without waiting for it."""
        with self._waking:
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="omneo-sandbox-webhooks", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Send everything that is due, and return when it is delivered or given up; there are no pauses."""
        while self._attempt_all():
            pass

    def _run(self) -> None:
        while True:
            with self._waking:
                if not self._asked:
                    self._thread = None
                    return
                self._asked = False
            try:
                self._drain()
            except sqlite3.Error:  # the state was closed under it; what is due stays due
                continue

    def _drain(self) -> None:
        pause = _PAUSE
        while self._attempt_all():
            time.sleep(pause)
            pause *= 2

    def _attempt_all(self) -> bool:
        """Make one attempt at each delivery that is due; say whether any is due still."""
        with self._sending, self._instance.store.connection() as db:
            settings = store.load_settings(db)
            mode, now = switch_values(settings)["webhook_delivery"], stamp(current_time(self._instance.clock, settings))
            order = "DESC" if mode == "reversed" else "ASC"
            due = db.execute(f"SELECT * FROM webhook_deliveries WHERE state = 'due' ORDER BY id {order}").fetchall()  # noqa: S608 - two words of ours
            for row in due:
                outcome = self._attempt(row)
                if mode == "twice" and outcome["state"] == "delivered":
                    self._attempt(row)
                store.update(db, "webhook_deliveries", row["id"], outcome | {"updated_at": now})
            left: int = db.execute("SELECT count(*) FROM webhook_deliveries WHERE state = 'due'").fetchone()[0]
        return left > 0

    def _attempt(self, row: sqlite3.Row) -> dict[str, object]:
        """Send a delivery once and return its new columns."""
        attempts, status, error = row["attempts"] + 1, None, None
        body = row["body"].encode()
        headers = {
            "Content-Type": "application/json",
            "x-omneo-event": row["trigger"],
            "x-omneo-hmac-sha256": hmac.new(self._secret, body, hashlib.sha256).hexdigest(),
        }
        try:
            status = _send(row["url"], body, headers)
        except (OSError, http.client.HTTPException, ValueError) as failed:
            error = f"{type(failed).__name__}: {failed}"
        delivered = status is not None and 200 <= status < 300
        state = "delivered" if delivered else "failed" if attempts >= _ATTEMPTS else "due"
        return {"state": state, "attempts": attempts, "status": status, "error": error}


def install(app: Flask, instance: Sandbox, secret: str) -> None:
    """Give an app its sender; a request that makes a delivery due wakes it, and so do deliveries left from before."""
    app.extensions[_KEY] = WebhookSender(instance, secret)
    app.after_request(_wake)
    with instance.store.connection() as db:
        left = db.execute("SELECT 1 FROM webhook_deliveries WHERE state = 'due' LIMIT 1").fetchone()
    if left is not None:
        webhook_sender(app).wake()


def webhook_sender(app: Flask | None = None) -> WebhookSender:
    """Return the sender of an app, the current app by default."""
    found: WebhookSender = (app or current_app).extensions[_KEY]
    return found


def _wake(response: Response) -> Response:
    if g.pop("deliveries_due", False):
        webhook_sender().wake()
    return response


def _send(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST to a URL of this machine and return the status; redirects are not followed."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
