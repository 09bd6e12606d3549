"""A load generator of the standard library: connections that each ask again as soon as they are answered."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle

# Workers take connections as they come. Opened all at once and kept, most of them may end with one worker while the
# other is idle, which halves a server by chance. So they are opened one after the other, and again after a few answers
# each, not all at the same time: the idle worker takes those. What is not yet spread evenly is not counted.
_ANSWERS = 8  # on one connection
_PACE = 0.001  # seconds between two new connections at the start
_SETTLE = 0.3  # seconds of the same load before it is counted


@dataclass
class Load:
    """What one run showed; times are in seconds. ``latencies`` are of the answers 200, the rest are ``others``."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    others: int = 0

    @property
    def requests(self) -> int:
        """How many were answered with 200."""
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Return the good answers per second."""
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """Return the time within which this share of the requests was answered; no number where none was."""
        if not self.latencies:
            return float("nan")
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))]


class _Client:
    """One connection, opened anew where the server closes it after an answer."""

    def __init__(
        self,
        port: int,
        requests: Iterator[bytes],
        load: Load,
        selector: selectors.BaseSelector,
        *,
        answers: float,
        answered: int,
    ) -> None:
        self._most_answers = answers
        self._port = port
        self._requests = requests
        self._load = load
        self._selector = selector
        self._received = b""
        self._asked = 0.0
        self._open()
        self._answers = answered

    def _open(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._answers = 0

    def ask(self) -> None:
        """Send the next request."""
        self._received, self._asked = b"", time.perf_counter()
        self._socket.sendall(next(self._requests))

    def take(self) -> None:
        """Read what is there; once the answer is whole, note it and ask again."""
        try:
            part = self._socket.recv(262_144)
        except ConnectionError:
            part = b""
        self._received += part
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not part:  # an idle connection was closed under the request
            return self._again()
        told = head.lower()
        if not found or len(body) < int(told.split(b"content-length:")[1].split(b"\r\n")[0]):
            return None
        if b" 200 " in head.split(b"\r\n")[0]:
            self._load.latencies.append(time.perf_counter() - self._asked)
        else:
            self._load.others += 1
        self._answers += 1
        is_over = b"connection: close" in told or self._answers >= self._most_answers
        return self._again() if is_over else self.ask()

    def _again(self) -> None:
        self.close()
        self._open()
        self.ask()

    def close(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()


@dataclass(frozen=True)
class Kind:
    """Clients that all ask for the same path; ``headers`` are given to them in turn."""

    path: str
    connections: int
    headers: tuple[str, ...] = ()


def run(
    port: int,
    kinds: Iterable[Kind],
    seconds: float,
    *,
    answers: float = _ANSWERS,
    starting: Callable[[], object] = lambda: None,
) -> list[Load]:
    """Let all clients ask at the same time for some seconds; gives a load for each kind.

    A connection is opened anew after so many ``answers``. ``starting`` is called when the counting starts.
    """
    loads: list[Load] = []
    clients: list[_Client] = []
    with selectors.DefaultSelector() as selector:
        try:
            for kind in kinds:
                loads.append(Load())
                lines = cycle(_request(port, kind.path, header) for header in kind.headers or ("",))
                for number in range(kind.connections):
                    answered = number % _ANSWERS
                    clients.append(_Client(port, lines, loads[-1], selector, answers=answers, answered=answered))
                    time.sleep(_PACE)
            for client in clients:
                client.ask()
            _drive(selector, _SETTLE)
            for load in loads:
                load.latencies.clear()
                load.others = 0
            starting()
            took = _drive(selector, seconds)
            for load in loads:
                load.seconds = took
        finally:
            for client in clients:
                client.close()
    return loads


def get(port: int, path: str, token: str, *, connections: int, seconds: float) -> Load:
    """Ask for one path with a bearer token; anything but 200 is an error."""
    (load,) = run(port, [Kind(path, connections, (f"Authorization: Bearer {token}",))], seconds, answers=float("inf"))
    if load.others:
        raise RuntimeError(f"{path} was answered {load.others} times with something else than 200.")
    return load


def _drive(selector: selectors.BaseSelector, seconds: float) -> float:
    """Serve the clients that are answered; gives the seconds that it took."""
    started = time.perf_counter()
    while (now := time.perf_counter()) < started + seconds:
        for key, _events in selector.select(started + seconds - now):
            key.data.take()
    return now - started


def _request(port: int, path: str, header: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *([header] if header else [])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
