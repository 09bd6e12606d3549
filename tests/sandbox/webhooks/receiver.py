"""A receiver of webhooks on a free port, which answers with the given statuses and keeps the messages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Message:
    """One message."""

    path: str
    event: str
    seal: str
    raw: bytes

    @property
    def body(self) -> Any:
        """Return the JSON."""
        return json.loads(self.raw)


@dataclass
class WebhookReceiver:
    """Its URL, the messages it got, and the statuses to answer with next (200 when there are none)."""

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiver() -> Iterator[WebhookReceiver]:
    """Listen for the length of a block."""
    kept = WebhookReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            event, seal = self.headers["x-omneo-event"], self.headers["x-omneo-hmac-sha256"]
            kept.messages.append(Message(self.path, event, seal, raw))
            self.send_response(kept.statuses.pop(0) if kept.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            kept.arrived.set()

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/hook?shop=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
