"""A double of Omneo's API in a process of its own: it answers each call after a set delay, and counts the calls.

The customer ``c-H-C-name`` has the profile ``p-H-C-name`` with H held benefits and C claimable ones; every other
customer has the usual dozen. Lists have pages of fifteen, whatever page size the client asks for. The process reads
commands as lines of JSON from its standard input and answers each with the number of calls so far.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from urllib.parse import parse_qs, urlsplit

from benchmarks.apps.page import CLAIMABLE, HELD, ISSUED, claimable_of, held_of

ROUND_TRIP = 0.030  # seconds
_PAGE = 15
_API = "/api/v3"
_numbers = count(1)  # ids of redemptions and transactions: none is given twice


def profile_of(customer: str) -> str:
    """Return the profile id of a customer."""
    return "p" + (customer if customer.startswith("c-") else f"c-{HELD}-{CLAIMABLE}-{customer}")[1:]


@lru_cache(maxsize=1024)
def listed(profile_id: str, claimable: bool, number: int) -> bytes:
    """Return one page of one of a profile's lists, as a whole HTTP answer."""
    total = int(profile_id.split("-")[2 if claimable else 1])
    items = [claimable_of(n) if claimable else held_of(n, profile_id) for n in range(total)]
    last = max(1, -(-total // _PAGE))
    shown = items[(number - 1) * _PAGE : number * _PAGE]
    meta = {"current_page": number, "last_page": last, "per_page": _PAGE, "total": total}
    return answer({"data": shown, "links": {}, "meta": meta})


def answer(body: object, status: str = "200 OK") -> bytes:
    """Return a whole HTTP answer."""
    text = json.dumps(body).encode()
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status.encode(),
        len(text),
        text,
    )


def answer_to(method: str, target: str, body: bytes, used: dict[str, dict[str, object]], filters: bool) -> bytes:
    """Answer one call; ``used`` holds the redemptions by our reference, ``filters`` says whether lists filter by it."""
    url = urlsplit(target)
    path, query = url.path.removeprefix(_API), parse_qs(url.query)
    if path == "/identities/search":
        return answer({"data": {"profile_id": profile_of(query["identifier"][0])}})
    if method == "POST" and path.endswith("/redemptions"):
        reference = str(json.loads(body).get("external_id"))
        stamps = {"redeem_at": ISSUED, "created_at": ISSUED}
        used[reference] = {"id": next(_numbers), "type": "redeem", "external_id": reference, **stamps}
        return answer({"data": used[reference]}, "201 Created")
    if method == "POST" and path == "/transactions/update-create":
        number = json.loads(body).get("external_id")
        return answer({"data": {"id": next(_numbers), "external_id": number}})
    if method == "GET" and path == "/redemptions":
        wanted = query.get("filter[external_id]") if filters else None
        found = [used[one] for one in wanted if one in used] if wanted else list(used.values())[:_PAGE]
        return answer({"data": found})
    if method == "GET" and path.startswith("/profiles/"):
        profile_id, _, rest = path.removeprefix("/profiles/").partition("/")
        if rest in ("benefits", "benefits/claimable"):
            return listed(profile_id, rest != "benefits", int(query.get("page[number]", ["1"])[0]))
        if rest.startswith("benefits/") and rest.removeprefix("benefits/").isdigit():
            return answer({"data": held_of(int(rest.removeprefix("benefits/")) - 1, profile_id)})
    return answer({"message": "Not found."}, "404 Not Found")


class _Double:
    """The delay, the count of calls, and the open connections."""

    def __init__(self) -> None:
        self.delay = ROUND_TRIP
        self.filters = True
        self.calls = 0
        self.used: dict[str, dict[str, object]] = {}
        self.port = 0
        self.open: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        """Refuse connections, and drop those that are open."""
        if self._server:
            self._server.close()
        for transport in list(self.open):
            transport.abort()

    async def apply(self, command: dict[str, object]) -> None:
        if "delay" in command:
            self.delay = float(str(command["delay"]))
        if "filters" in command:
            self.filters = bool(command["filters"])
        if command.get("down") is True:
            await self.stop_listening()
        if command.get("down") is False:
            await self.listen()
        if command.get("reset"):
            self.calls = 0
        print(json.dumps(self.calls), flush=True)


class _Connection(asyncio.Protocol):
    def __init__(self, double: _Double) -> None:
        self._double = double
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a server's protocol is given
        self._transport = transport
        self._double.open.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._double.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if not found or len(body) < int(length or 0):
            return
        self._received = b""
        self._double.calls += 1
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        content = answer_to(method, target, body, self._double.used, self._double.filters)
        asyncio.get_running_loop().call_later(self._double.delay, self._send, content)

    def _send(self, content: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(content)


async def _serve() -> None:
    double, loop, end = _Double(), asyncio.get_running_loop(), asyncio.Event()
    await double.listen()
    print(double.port, flush=True)

    def listen() -> None:
        for line in sys.stdin:
            asyncio.run_coroutine_threadsafe(double.apply(json.loads(line)), loop).result()
        loop.call_soon_threadsafe(end.set)

    threading.Thread(target=listen, daemon=True).start()
    await end.wait()


class Omneo:
    """The running double, seen from the measuring process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())
        self.base_url = f"http://127.0.0.1:{self.port}{_API}"

    @property
    def calls(self) -> int:
        """Return the number of calls since `reset_calls`."""
        return self._command()

    def reset_calls(self) -> None:
        """Count calls from zero."""
        self._command(reset=True)

    def configure(self, *, delay: float = ROUND_TRIP, filters: bool = True) -> None:
        """Answer after ``delay`` seconds, and filter redemptions by our reference or not."""
        self._command(delay=delay, filters=filters)

    def down(self, is_down: bool) -> None:
        """Refuse connections, or accept them again."""
        self._command(down=is_down)

    def _command(self, **command: object) -> int:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        return self._process.stdout.readline()


@contextmanager
def running() -> Iterator[Omneo]:
    """Run the double until the block ends; it also ends with the process that started it."""
    command = [sys.executable, "-m", "benchmarks.servers.omneo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        try:
            yield Omneo(process)
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve())
