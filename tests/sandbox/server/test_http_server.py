"""HTTP as clients speak it: connections that stay open, chunks, and requests that are none."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from claimable_benefits.sandbox import RunningSandbox, serve_sandbox
from tests.sandbox.client import TOKEN, SandboxClient

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
HEAD = f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\n"


@pytest.fixture(scope="module")
def running(shared_api: SandboxClient) -> Iterator[RunningSandbox]:
    with serve_sandbox(shared_api.app) as served:
        yield served


@pytest.fixture
def connection(running: RunningSandbox, api: SandboxClient) -> Iterator[HTTPConnection]:
    made = HTTPConnection("127.0.0.1", port_of(running), timeout=60)
    yield made
    made.close()


def port_of(running: RunningSandbox) -> int:
    return int(running.url.rsplit(":", 1)[1])


def say(running: RunningSandbox, text: str) -> tuple[int, bytes]:
    """Send a request as it is written and return status and body of all that came back."""
    with socket.create_connection(("127.0.0.1", port_of(running)), timeout=60) as plain:
        plain.sendall(text.encode("latin-1"))
        plain.shutdown(socket.SHUT_WR)
        with plain.makefile("rb") as source:
            whole = source.read()
    head, _, body = whole.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_a_connection_stays_open_over_all_kinds_of_answers(connection: HTTPConnection) -> None:
    seen = []
    kept = None
    for method, path, body in [
        ("GET", "/api/v3/profiles", None),
        ("POST", "/api/v3/profiles", b'{"first_name":"Mia"}'),
        ("POST", "/api/v3/profiles", b"{"),
        ("HEAD", "/api/v3/profiles", None),
        ("GET", "/nowhere", None),
        ("DELETE", "/_sandbox/calls", None),
        ("PATCH", "/api/v3/benefits", b"{}"),
        ("GET", "/_sandbox/health", None),
    ]:
        connection.request(method, path, body, HEADERS)
        with connection.getresponse() as answer:
            answer.read()
            seen.append(answer.status)
        kept = kept or connection.sock
        assert connection.sock is kept

    assert seen == [200, 201, 400, 200, 404, 204, 405, 200]


def test_a_body_in_chunks_is_read_whole(connection: HTTPConnection) -> None:
    parts = iter([b'{"first_', b'name":', b'"Mia"}'])
    connection.request("POST", "/api/v3/profiles", parts, HEADERS, encode_chunked=True)
    with connection.getresponse() as answer:
        made = json.loads(answer.read())["data"]

    assert made["first_name"] == "Mia"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1_048_576, 8_388_608])
def test_a_body_over_one_mebibyte_is_413(connection: HTTPConnection, size: int, chunked: bool) -> None:
    body = b'{"x":"' + b"x" * size + b'"}'
    parts = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    connection.request("POST", "/api/v3/profiles", parts if chunked else body, HEADERS, encode_chunked=chunked)
    with connection.getresponse() as answer:
        refused = answer.status, list(json.loads(answer.read()))

    assert refused == (413, ["message"])


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 505),
        (f"GET /{'x' * 8_000_000} HTTP/1.1\r\n\r\n", 414),
        (f"GET / HTTP/1.1\r\n{'A: b' * 20_000}\r\n\r\n", 431),
        (f"POST /api/v3/profiles HTTP/1.1\r\n{HEAD}Content-Length: -1\r\n\r\n", 400),
        (f"POST /api/v3/profiles HTTP/1.1\r\n{HEAD}Content-Length: {'9' * 30}\r\n\r\n", 400),
        (f"POST /api/v3/profiles HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (f"POST /api/v3/profiles HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}x\r\n0\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_refused_in_json(running: RunningSandbox, text: str, status: int) -> None:
    answered, body = say(running, text)

    assert (answered, list(json.loads(body))) == (status, ["message"])


@pytest.mark.parametrize(
    "target", ["/%ff%fe", "/api/v3/profiles/%00", "/\xe9", "http://x", "http://x/api/v3/profiles", "*", "//a//b", "/?%"]
)
def test_no_target_of_a_request_makes_it_fail(running: RunningSandbox, target: str) -> None:
    status, _body = say(running, f"GET {target} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n")

    assert status < 500


def test_an_older_client_is_told_when_the_connection_stays(running: RunningSandbox) -> None:
    status, body = say(running, f"GET /api/v3/profiles HTTP/1.0\r\n{HEAD}\r\n")

    assert (status, list(json.loads(body))) == (200, ["data", "links", "meta"])


def test_closing_ends_connections_that_only_wait(api: SandboxClient) -> None:
    with serve_sandbox(api.app) as running:
        waiting = HTTPConnection("127.0.0.1", port_of(running), timeout=60)
        waiting.request("GET", "/_sandbox/health")
        with waiting.getresponse() as answer:
            answer.read()

    assert waiting.sock is not None
    assert waiting.sock.recv(1) == b""
    waiting.close()


def test_the_status_line_is_written_as_clients_compare_it(connection: HTTPConnection) -> None:
    connection.request("GET", "/api/v3/benefits/999999", headers=HEADERS)
    with connection.getresponse() as answer:
        line = (answer.status, answer.reason)

    assert line == (404, "Not Found")
