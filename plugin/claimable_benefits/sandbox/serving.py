"""A sandbox on a real socket, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .dialects import PREFIX
from .scene import sandbox

_BACKLOG = 256


class _Quiet(WSGIRequestHandler):
    """Requests are not worth a line each."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class RunningSandbox:
    """A sandbox that listens: `url`, `base_url` (the API's, ending in ``/api/v3``) and `token`; a context manager."""

    def __init__(self, app: Flask, server: BaseWSGIServer) -> None:
        self.app = app
        self.url = f"http://{server.host}:{server.port}"
        self.base_url = self.url + PREFIX
        self.token = sandbox(app).token
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; the app and its state stay, and may be served again."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def wait(self) -> None:
        """Wait until it is closed."""
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve_sandbox(app: Flask, port: int = 0, host: str = "127.0.0.1") -> RunningSandbox:
    """Serve a sandbox in a thread and return once it listens.

    :param port: 0 for a free one
    :raises OSError: when the port is taken
    """
    with _listening(host, port) as taken:
        server = make_server(host, port, app, threaded=True, request_handler=_Quiet, fd=taken.fileno())
    return RunningSandbox(app, server)


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens already; werkzeug on its own would leave the process when the port is taken."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
