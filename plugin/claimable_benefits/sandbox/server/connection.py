"""One HTTP/1.1 connection, which stays open between requests and which a fault can cut.

The standard library parses the requests. This module adds what it does not do: WSGI, chunked bodies, resets.
"""

from __future__ import annotations

import io
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from claimable_benefits.sandbox.server.body import LARGEST_BODY, UnreadableBody, is_too_large, read_body
from claimable_benefits.sandbox.server.disconnect import ConnectionCut

_DRAIN_BYTES = 16 * LARGEST_BODY
_IDLE_SECONDS = 60.0
_DRAIN_SECONDS = 2.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ConnectionOwner(Protocol):
    """What a connection needs of the server that accepted it."""

    app: Application
    environ: dict[str, Any]

    def before_body(self, environ: dict[str, Any], /) -> None:
        """See a request before its body is read; raise ConnectionCut to end the connection."""

    def untrack(self, request: socket.socket, /) -> None:
        """Take a connection off the list of those that are open."""


class Connection(BaseHTTPRequestHandler):
    """One connection, which serves one request after another."""

    protocol_version = "HTTP/1.1"
    server_version = "omneo-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: ConnectionOwner  # type: ignore[assignment]  # the base class knows of a plain socket server only

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # whatever the method, the application answers it
            return self._answer
        raise AttributeError(name)

    def handle(self) -> None:
        """Serve until one side closes the connection."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not an HTTP request, in JSON; `explain` is the base class's text for browsers."""
        del explain
        self.close_connection, self.request_version = True, self.protocol_version  # else there would be no status line
        text = f'{{"message":"{(message or "Bad request").split("(")[0].strip()}."}}'.encode("ascii", "replace")
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)
        self._drain()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Log nothing: /_sandbox/calls has every request."""

    def _answer(self) -> None:
        environ, too_large = self._environ(), False
        try:
            self.server.before_body(environ)
            body = read_body(environ, self.rfile)
            too_large = is_too_large(environ)
            environ["wsgi.input"] = io.BytesIO(b"" if too_large else body)
            self._send(environ, self.server.app)
        except UnreadableBody:
            self.send_error(400, "The body cannot be read")
        except ConnectionCut as cut:
            self._cut(cut)
        if too_large:
            self._drain()

    def _environ(self) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        if path.startswith(("http://", "https://")):
            path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
        environ: dict[str, Any] = {
            **self.server.environ,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_PROTOCOL": self.request_version,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if "_" not in name:
                key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
                environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def _send(self, environ: dict[str, Any], app: Application) -> None:
        head: list[Any] = ["", []]

        def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            head[:] = [status, headers]

        answer = app(environ, start)
        try:
            parts = iter(answer)
            first = next(parts, b"")
            chunked = self._is_chunked(head[0], head[1])
            wrap = partial(_chunk, chunked)
            self.wfile.write(self._head(head[0], head[1], chunked) + wrap(first))
            for part in parts:
                self.wfile.write(wrap(part))
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            if hasattr(answer, "close"):
                answer.close()

    def _is_chunked(self, status: str, headers: list[tuple[str, str]]) -> bool:
        if any(name.lower() == "content-length" for name, _value in headers):
            return False
        if self.command == "HEAD" or status[:3] in ("204", "304"):
            return False
        if self.request_version == "HTTP/1.1":
            return True
        self.close_connection = True  # the end of the connection is the end of the answer
        return False

    def _head(self, status: str, headers: list[tuple[str, str]], chunked: bool) -> bytes:
        own = [] if any(name == "Date" for name, _value in headers) else [("Date", self.date_time_string())]
        lines = [
            f"HTTP/1.1 {_in_plain_case(status)}",
            *(f"{name}: {value}" for name, value in [*own, *headers]),
        ]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        if self.close_connection:
            lines.append("Connection: close")
        elif self.request_version != "HTTP/1.1":
            lines.append("Connection: keep-alive")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _cut(self, cut: ConnectionCut) -> None:
        self.close_connection = True
        if cut.abrupt:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.server.untrack(self.connection)
            self.connection.close()

    def _drain(self) -> None:
        """Read what the client still sends for a while, so that it reads the refusal before the connection closes."""
        self.close_connection = True
        left = _DRAIN_BYTES
        with suppress(OSError):
            self.connection.settimeout(_DRAIN_SECONDS)
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (part := self.rfile.read1(65536)):
                left -= len(part)


def _chunk(chunked: bool, part: bytes) -> bytes:
    if not chunked:
        return part
    return b"%x\r\n%b\r\n" % (len(part), part) if part else b""


def _in_plain_case(status: str) -> str:
    """Werkzeug writes "404 NOT FOUND"; Omneo and its clients know "404 Not Found"."""
    code = status[:3]
    return f"{code} {responses.get(int(code), status[4:])}"
