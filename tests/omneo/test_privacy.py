"""Tokens, e-mail addresses and Omneo's pages stay out of logs, errors and reprs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import httpx
import pytest

from claimable_benefits.errors import OmneoError
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.omneo._http import Token
from tests.omneo.doubles import TOKEN, Tenant, answer, client_of, data, read_request, server

EMAIL = "mia@example.com"
NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)
SECRETS = (TOKEN, EMAIL, "mia%40example.com", "stack trace")


def secrets_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize(
    "reply",
    [
        answer({"message": "No."}, 422),
        httpx.Response(500, html="<pre>stack trace</pre>"),
        httpx.Response(422, html="<pre>stack trace</pre>"),
        httpx.ReadTimeout(f"timeout at https://omneo.test/?identifier={EMAIL}"),
        httpx.LocalProtocolError(f"Illegal header value Bearer {TOKEN}"),
        httpx.Response(302, headers={"Location": f"https://omneo.test/?identifier={EMAIL}"}),
    ],
)
def test_a_failed_call_leaves_one_line_and_no_secret(
    reply: httpx.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with client_of({"GET /identities/search": reply}) as (client, _), pytest.raises(OmneoError) as caught:
        client.profile_id(EMAIL)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("claimable_benefits.omneo", "WARNING")
    assert record.getMessage().startswith("GET /identities/search: ")
    assert secrets_in(caplog.text + repr(caught.value) + str(caught.value) + repr(vars(caught.value))) == []


def test_the_line_says_method_path_status_and_duration(caplog: pytest.LogCaptureFixture) -> None:
    with client_of({"GET /profiles/p/benefits": answer({}, 503)}) as (client, _), pytest.raises(OmneoError):
        client.benefits("p")

    assert caplog.messages[0].startswith("GET /profiles/p/benefits: 503 after ")
    assert caplog.messages[0].endswith(" ms, NotApplied")


def test_a_call_over_a_real_connection_leaves_no_trace_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = b'{"data": {"profile_id": "p"}}'

    def found(connection: object) -> None:
        read_request(connection)  # type: ignore[arg-type]
        head = f"HTTP/1.1 200 OK\r\nX-Echo: {EMAIL}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body)  # type: ignore[attr-defined]

    with server(found) as base_url, OmneoClient(base_url, TOKEN, timezone="UTC") as client:
        profile_id = client.profile_id(EMAIL)

    assert profile_id == "p"
    assert caplog.records == []


def test_what_the_shop_logs_about_its_own_calls_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "httpx")
    with client_of({}) as (client, tenant), httpx.Client(transport=tenant.transport) as shops_own:
        client.benefit("p", "7")
        shops_own.get("https://payments.test/")

    assert [record.name for record in caplog.records] == ["httpx"]
    assert "payments.test" in caplog.text


def test_a_404_raises_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with client_of({}) as (client, _):
        client.benefit("p", "7")

    assert caplog.records == []


def test_a_token_is_hidden_in_its_repr() -> None:
    client = OmneoClient("https://omneo.test", TOKEN, timezone="UTC", transport=Tenant({}).transport)
    client.close()

    assert "Token(***)" == repr(Token(TOKEN)) == str(Token(TOKEN))
    assert secrets_in(repr(client) + repr(vars(client))) == []


def test_the_token_travels_in_its_header_alone() -> None:
    with client_of({"POST /profiles/p/benefits/7/redemptions": data({"id": 1})}) as (client, tenant):
        client.redeem("p", "7", reference="r", at=NOW)

    (request,) = tenant.requests
    others = [value for name, value in request.headers.items() if name != "authorization"]
    assert f"Bearer {TOKEN}" == request.headers["authorization"]
    assert secrets_in(f"{request.url}{request.content!r}{others}") == []
