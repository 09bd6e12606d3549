"""A load generator of the standard library: keep-alive connections, each asking again as soon as it is answered."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What one run showed; times are in seconds."""

    requests: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Return the requests per second."""
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """Return the time within which this share of the requests was answered."""
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))]


class _Client:
    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._received = b""
        self._asked = 0.0

    def ask(self) -> None:
        """Send the request."""
        self._received, self._asked = b"", time.perf_counter()
        self.socket.sendall(self._request)

    def take(self) -> float | None:
        """Read what is there; return the time the answer took once it is whole."""
        part = self.socket.recv(262_144)
        self._received += part
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not part or (found and b" 200 " not in head.split(b"\r\n")[0]):
            raise RuntimeError(f"The sandbox answered {head[:200]!r}")
        if not found or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return None
        return time.perf_counter() - self._asked


def get(port: int, path: str, token: str, *, connections: int, seconds: float) -> Load:
    """Ask for one path over some connections for some seconds; anything but 200 stops the run."""
    lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}")
    clients = [_Client(port, ("\r\n".join(lines) + "\r\n\r\n").encode()) for _ in range(connections)]
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        started = time.perf_counter()
        while (now := time.perf_counter()) < started + seconds:
            for key, _events in selector.select(1):
                took = key.data.take()
                if took is not None:
                    latencies.append(took)
                    key.data.ask()
    for client in clients:
        client.socket.close()
    return Load(len(latencies), now - started, latencies)
