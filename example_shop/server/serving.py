"""Serve an app on 127.0.0.1 in a thread, without a log, and stop it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from threading import Thread
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOST = "127.0.0.1"
_BACKLOG = 128


class PortTaken(Exception):
    """Another process listens on that port; ``port`` is its number."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(f"Port {port} is taken.")


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's own signature
        """Log no requests."""


def _buffered(app: Flask) -> Callable[[WSGIEnvironment, StartResponse], list[bytes]]:
    """Read each answer before sending it: werkzeug leaves a static file open where the browser disconnects."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        with closing(app(environ, start_response)) as parts:  # type: ignore[type-var]
            return [b"".join(parts)]

    return answer


def reserve(port: int) -> socket.socket:
    """Bind a port (0: a free one) before anything starts. Raises `PortTaken`."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, port))
        taken.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        taken.close()
        raise PortTaken(port) from error
    return taken


class AppServer:
    """An app that listens on a bound socket; ``url`` is its address."""

    def __init__(self, app: Flask, listening: socket.socket) -> None:
        with listening:
            self._server = make_server(
                HOST, 0, _buffered(app), threaded=True, request_handler=_QuietHandler, fd=listening.fileno()
            )
        self.url = f"http://{HOST}:{self._server.port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
