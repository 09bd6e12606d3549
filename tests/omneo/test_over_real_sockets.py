"""The rows of the table of verdicts that only a real connection can show."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from claimable_benefits.errors import ConnectionFailed, InvalidResponse, OmneoError, OutcomeUnknown, Rejected
from claimable_benefits.omneo import OmneoClient, Timeouts
from tests.omneo.doubles import TOKEN, read_request, server

NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)
HASTY = Timeouts(connect=0.5, read=0.2, pool=0.2, total=0.4)


def client_at(base_url: str) -> OmneoClient:
    return OmneoClient(base_url, TOKEN, timezone="UTC", dialect="guide", timeouts=HASTY)


def kinds_of_errors(base_url: str) -> tuple[type[OmneoError], type[OmneoError]]:
    """What a read and a write raise."""
    with client_at(base_url) as client:
        with pytest.raises(OmneoError) as read:
            client.benefit("p", "7")
        with pytest.raises(OmneoError) as write:
            client.redeem("p", "7", reference="r", at=NOW)
    return read.type, write.type


def sends(head: str, body: bytes = b"") -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(f"{head}\nConnection: close\n\n".replace("\n", "\r\n").encode() + body)

    return behave


def hears(connection: socket.socket) -> None:
    read_request(connection)


def hangs(connection: socket.socket) -> None:
    read_request(connection)
    connection.recv(1)  # until the client gives up


def trickles(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    still_there = True
    while still_there:
        try:
            connection.sendall(b" ")
            connection.settimeout(0.05)
            still_there = connection.recv(1) != b""
        except TimeoutError:
            continue
        except OSError:
            still_there = False


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def test_a_refused_connection_is_not_applied() -> None:
    with socket.create_server(("127.0.0.1", 0)) as vacant:
        port = vacant.getsockname()[1]

    assert (ConnectionFailed, ConnectionFailed) == kinds_of_errors(f"http://127.0.0.1:{port}/api/v3")


def test_a_handshake_that_fails_is_not_applied() -> None:
    with server(lambda connection: connection.sendall(b"this is no TLS\r\n")) as base_url:
        assert (ConnectionFailed, ConnectionFailed) == kinds_of_errors(base_url.replace("http:", "https:"))


def test_a_connection_closed_after_the_request_is_in_doubt() -> None:
    with server(hears) as base_url:
        assert (ConnectionFailed, OutcomeUnknown) == kinds_of_errors(base_url)


def test_a_connection_reset_is_in_doubt() -> None:
    with server(resets) as base_url:
        assert (ConnectionFailed, OutcomeUnknown) == kinds_of_errors(base_url)


def test_a_silent_server_is_in_doubt() -> None:
    with server(hangs) as base_url:
        assert (ConnectionFailed, OutcomeUnknown) == kinds_of_errors(base_url)


@pytest.mark.timing
def test_an_answer_that_trickles_in_is_given_up_and_in_doubt() -> None:
    with server(trickles) as base_url:
        assert (ConnectionFailed, OutcomeUnknown) == kinds_of_errors(base_url)


@pytest.mark.timing
def test_an_answer_whose_last_piece_is_late_is_an_answer() -> None:
    def drips(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n")
        for piece in (b'{"data"', b': {"id"', b": 7}}"):
            time.sleep(0.15)
            connection.sendall(piece)

    with server(drips) as base_url, client_at(base_url) as client:
        benefit = client.benefit("p", "7")

    assert benefit is not None


def test_a_torn_body_is_in_doubt() -> None:
    head = "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 100"
    with server(sends(head, b'{"data": {"id": 1}}')) as base_url:
        assert (InvalidResponse, OutcomeUnknown) == kinds_of_errors(base_url)


def test_a_torn_refusal_is_still_a_refusal() -> None:
    head = "HTTP/1.1 422 Unprocessable Content\nContent-Type: application/json\nContent-Length: 100"
    with server(sends(head, b'{"message": ')) as base_url:
        assert (Rejected, Rejected) == kinds_of_errors(base_url)


def test_a_wrongly_packed_body_is_in_doubt() -> None:
    head = "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 8"
    with server(sends(head, b"not gzip")) as base_url:
        assert (InvalidResponse, OutcomeUnknown) == kinds_of_errors(base_url)


def test_a_body_that_unpacks_to_more_than_five_mebibytes_is_not_swallowed() -> None:
    bomb = gzip.compress(b'{"data": {"id": 1, "x": "' + b" " * 6_000_000 + b'"}}')
    head = f"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: {len(bomb)}"
    with server(sends(head, bomb)) as base_url:
        assert (InvalidResponse, OutcomeUnknown) == kinds_of_errors(base_url)


def test_what_is_no_http_is_in_doubt() -> None:
    with server(sends("SSH-2.0-OpenSSH_9.2")) as base_url:
        assert (ConnectionFailed, OutcomeUnknown) == kinds_of_errors(base_url)


def test_a_page_in_html_is_in_doubt() -> None:
    page = b"<html>hello</html>"
    head = f"HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: {len(page)}"
    with server(sends(head, page)) as base_url:
        assert (InvalidResponse, OutcomeUnknown) == kinds_of_errors(base_url)


def test_a_redirect_is_never_followed() -> None:
    visited = threading.Event()
    with server(lambda _: visited.set()) as elsewhere:
        head = f"HTTP/1.1 302 Found\nLocation: {elsewhere}/trap\nContent-Length: 0"
        with server(sends(head)) as base_url:
            kinds = kinds_of_errors(base_url)

    assert (InvalidResponse, Rejected) == kinds
    assert not visited.is_set()


def test_cookies_are_not_carried_from_call_to_call() -> None:
    received: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        received.append(read_request(connection))
        connection.sendall(
            b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nSet-Cookie: session=of-mia\r\nContent-Length: 0\r\n\r\n"
        )

    with server(behave) as base_url, client_at(base_url) as client:
        answers = client.benefit("p", "7"), client.benefit("p", "8")

    assert answers == (None, None)
    assert len(received) == 2
    assert not any(b"of-mia" in request for request in received)


def test_a_closed_client_sends_nothing() -> None:
    client = client_at("http://127.0.0.1:9/api/v3")
    client.close()
    with pytest.raises(ConnectionFailed) as caught:
        client.redeem("p", "7", reference="r", at=NOW)

    assert caught.value.message == "Nothing was sent to Omneo: the client is closed."
