"""The sandbox's HTTP server: a listening socket, and a thread for each connection.

It is our own for two reasons. Clients pool connections, and tests claim what happens on one that stays open, while
werkzeug's server closes the connection after every answer. And the fault ``refuse`` resets a connection before the body
is read, for which WSGI servers have no hook.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from claimable_benefits.sandbox.server.connection import Application, Connection

_BACKLOG = 1024
_CLOSE_SECONDS = 2.0


class Server(socketserver.ThreadingTCPServer):
    """A listening socket and one thread for each connection."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = _BACKLOG

    def __init__(
        self, address: tuple[str, int], app: Application, before_body: Callable[[dict[str, Any]], None]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.app = app
        self.before_body = before_body  # sees a request before its body is read, and may raise ConnectionCut
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__(address, Connection)
        self.host, self.port = str(self.server_address[0]), int(self.server_address[1])
        self.environ: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "SCRIPT_NAME": "",
            "SERVER_NAME": self.host,
            "SERVER_PORT": str(self.port),
        }

    def server_bind(self) -> None:
        """Bind without looking up the name of this machine."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and track it while it is open."""
        with self._lock:
            self._open[request] = threading.current_thread()
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close one connection."""
        self.untrack(request)
        super().shutdown_request(request)

    def untrack(self, request: socket.socket) -> None:
        """Take a connection off the list of those that are open."""
        with self._lock:
            self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; leave other errors to the base class."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Stop listening, finish the requests that are being answered, and close idle connections."""
        super().server_close()
        with self._lock:
            left = dict(self._open)
        for connection in left:
            _stop_reading(connection)
        until = time.monotonic() + _CLOSE_SECONDS
        for thread in left.values():
            thread.join(max(0.0, until - time.monotonic()))


def _stop_reading(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:  # the client has just closed it
        return
