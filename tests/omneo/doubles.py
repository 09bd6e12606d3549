"""Stand-ins for Omneo: a table of canned answers, and servers that misbehave over real sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx

from claimable_benefits.omneo import OmneoClient
from tests.support.waiting import LIMIT

BASE_URL = "https://omneo.test/api/v3"
TOKEN = "a-token-that-nobody-may-see"

Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Tenant:
    """Answers from a table of ``"METHOD /path"``; what is not in it is a 404. ``calls`` is what was asked, in order."""

    def __init__(self, table: Mapping[str, Reply]) -> None:
        self.table = table
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)

    @property
    def calls(self) -> list[str]:
        return [self.name(request) for request in self.requests]

    def sent(self, number: int = -1) -> Any:
        """The JSON body of one request."""
        return json.loads(self.requests[number].content)

    @staticmethod
    def name(request: httpx.Request) -> str:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/api/v3")
        return f"{request.method} {path}"

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.table.get(self.name(request))
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply(request)
        return reply or answer({"message": "Not found."}, 404)


def answer(body: object, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer of Omneo."""
    content = json.dumps(body).encode()  # httpx's own way refuses half a surrogate pair
    return httpx.Response(status, content=content, headers={"Content-Type": "application/json"} | headers)


def data(value: object, status: int = 200) -> httpx.Response:
    """A JSON answer in Omneo's envelope."""
    return answer({"data": value}, status)


def query(request: httpx.Request) -> dict[str, str]:
    return {unquote(key): value for key, value in request.url.params.items()}


@contextmanager
def client_of(table: Mapping[str, Reply], **options: Any) -> Iterator[tuple[OmneoClient, Tenant]]:
    """A client of a tenant with these answers; the guide's dialect where nothing else is said."""
    tenant = Tenant(table)
    settings = {"timezone": "Australia/Melbourne", "dialect": "guide", "transport": tenant.transport, **options}
    with OmneoClient(BASE_URL, TOKEN, **settings) as client:
        yield client, tenant


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on a free local port that does ``behave`` with every connection; yields its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    thread = threading.Thread(target=_serve, args=(listener, behave), daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/api/v3"
    finally:
        with socket.create_connection(("127.0.0.1", port)) as last:
            last.sendall(b"stop")
        thread.join(LIMIT)
        listener.close()


def _serve(listener: socket.socket, behave: Callable[[socket.socket], None]) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            if connection.recv(4, socket.MSG_PEEK) == b"stop":
                return
            behave(connection)


def read_request(connection: socket.socket) -> bytes:
    """Everything that a client sends with one request."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
