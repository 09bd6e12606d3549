"""Every row of the table of verdicts: what is known after each kind of answer, and after none."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from claimable_benefits.errors import (
    AuthenticationError,
    ConnectionFailed,
    InvalidResponse,
    NotApplied,
    OmneoError,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
)
from claimable_benefits.omneo.outcomes import retry_after
from tests.omneo.doubles import Reply, answer, client_of

NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)
REDEEM = "POST /profiles/p/benefits/7/redemptions"
READ = "GET /profiles/p/benefits/7"
HTML = httpx.Response(200, html="<html><h1>Hello</h1></html>")
TORN = httpx.Response(200, content=b'{"data": {"id": 1', headers={"content-type": "application/json"})


def error_of_write(reply: Reply) -> OmneoError:
    with client_of({REDEEM: reply}) as (client, tenant), pytest.raises(OmneoError) as caught:
        client.redeem("p", "7", reference="r", at=NOW)

    assert tenant.calls == [REDEEM]  # whatever came back, it was sent once
    return caught.value


def error_of_read(reply: Reply) -> OmneoError:
    with client_of({READ: reply}) as (client, _), pytest.raises(OmneoError) as caught:
        client.benefit("p", "7")
    return caught.value


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("full"),
        httpx.ProxyError("no tunnel"),
        httpx.UnsupportedProtocol("gopher"),
    ],
)
def test_a_write_that_never_left_is_not_applied(failure: Exception) -> None:
    assert ConnectionFailed is type(error_of_write(failure))


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.CloseError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.LocalProtocolError("odd"),
        httpx.DecodingError("odd"),
    ],
)
def test_a_write_that_may_have_left_is_in_doubt(failure: Exception) -> None:
    assert OutcomeUnknown is type(error_of_write(failure))


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
def test_a_write_that_fails_over_there_is_in_doubt(status: int) -> None:
    error = error_of_write(answer({"message": "Server Error"}, status))

    assert (OutcomeUnknown, status) == (type(error), error.status)


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDenied)])
def test_a_write_without_permission_is_not_applied(status: int, kind: type[OmneoError]) -> None:
    assert kind is type(error_of_write(answer({"message": "Unauthenticated."}, status)))


def test_a_write_that_is_asked_to_wait_is_not_applied() -> None:
    error = error_of_write(answer({}, 429, **{"Retry-After": "17"}))

    assert isinstance(error, RateLimited)
    assert error.retry_after == 17.0


@pytest.mark.parametrize("status", [400, 409, 410, 422])
def test_a_refused_write_brings_the_words_of_omneo(status: int) -> None:
    body = {"message": "The given data was invalid.", "errors": {"benefit": ["Used up.", "Expired."], "odd": "One."}}

    error = error_of_write(answer(body, status))

    assert isinstance(error, Rejected)
    assert status == error.status
    assert error.message == "The given data was invalid."
    assert error.fields == {"benefit": ("Used up.", "Expired."), "odd": ("One.",)}


def test_the_words_of_omneo_come_as_short_plain_text() -> None:
    body = {"message": "<b>No\x00</b>\n&lt;script&gt;alert(1)&lt;/script&gt; " + "x" * 1000}

    error = error_of_write(answer(body, 422))

    assert error.message.startswith("No alert(1) xxx")
    assert len(error.message) == 300


def test_a_refusal_in_html_is_a_definite_no_in_our_own_words() -> None:
    error = error_of_write(httpx.Response(422, html="<html><title>Secret stack trace</title></html>"))

    assert isinstance(error, Rejected)
    assert error.message == "Omneo refused this with status 422."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_write_that_is_sent_elsewhere_is_refused_and_not_followed(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    error = error_of_write(httpx.Response(status, headers={"Location": "https://evil.test/"}))

    assert (Rejected, status) == (type(error), error.status)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        TORN,
        httpx.Response(200),
        httpx.Response(204),
        answer({"data": {}}),
        answer({"data": None}),
        answer([]),
        answer("done"),
        answer({"data": {"id": None}}),
        answer({"data": {"id": {"nested": 1}}}),
        httpx.Response(200, content=b"\xff\xfe\x00", headers={"content-type": "application/json"}),
        httpx.Response(200, content=b"[" * 100_000, headers={"content-type": "application/json"}),
        httpx.Response(200, content=b'{"data": {"id": NaN}}', headers={"content-type": "application/json"}),
    ],
)
def test_a_success_without_the_id_we_need_is_in_doubt(reply: httpx.Response) -> None:
    assert OutcomeUnknown is type(error_of_write(reply))


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError("refused"), httpx.PoolTimeout("full"), httpx.ReadTimeout("slow"), httpx.ReadError("reset")],
)
def test_a_read_without_an_answer_may_be_repeated(failure: Exception) -> None:
    assert ConnectionFailed is type(error_of_read(failure))


@pytest.mark.parametrize("status", [408, 500, 503])
def test_a_read_that_fails_over_there_may_be_repeated(status: int) -> None:
    assert NotApplied is type(error_of_read(answer({}, status)))


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDenied), (429, RateLimited)])
def test_a_read_is_turned_away_like_a_write(status: int, kind: type[OmneoError]) -> None:
    assert kind is type(error_of_read(answer({}, status)))


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        TORN,
        httpx.Response(200, json={"data": {"id": None}}),
        httpx.Response(302, headers={"Location": "/login"}),
        httpx.Response(404, html="<html>This is a shop for shoes</html>"),
    ],
)
def test_a_read_that_makes_no_sense_is_an_invalid_response(reply: httpx.Response) -> None:
    assert InvalidResponse is type(error_of_read(reply))


def test_a_refused_read_is_rejected() -> None:
    error = error_of_read(answer({"message": "No."}, 422))

    assert (Rejected, "No.") == (type(error), error.message)


def test_a_read_of_what_is_not_there_brings_none() -> None:
    with client_of({}) as (client, tenant):
        found = client.benefit("p", "7")

    assert found is None
    assert tenant.calls == [READ]


def test_an_error_names_the_call_and_nothing_private() -> None:
    error = error_of_read(answer({}, 500))

    assert str(error) == "Omneo could not answer. (GET /profiles/p/benefits/7 500)"


def test_an_error_carries_no_exception_of_the_http_library_with_it() -> None:
    error = error_of_write(httpx.ReadTimeout("slow"))

    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        (" 0 ", 0.0),
        ("999999999999999999", 900.0),
        ("86400", 900.0),
        ("899", 899.0),
        ("Mon, 16 Jun 2025 04:30:00 GMT", 900.0),
        ("Sun, 15 Jun 2025 04:31:30 GMT", 90.0),
        ("Sun, 15 Jun 2025 04:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("", None),
        ("Sun, 15 Jun 2025 04:31:30", None),
        ("Sun, 99 Jun 2025 04:31:30 GMT", None),
    ],
)
def test_a_pause_is_read_in_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert seconds == retry_after(value, NOW)


def test_a_pause_until_a_date_is_measured_on_the_clock_of_the_server() -> None:
    headers = {"Date": "Sun, 15 Jun 2003 04:30:00 GMT", "Retry-After": "Sun, 15 Jun 2003 04:30:40 GMT"}

    error = error_of_write(answer({}, 429, **headers))

    assert isinstance(error, RateLimited)
    assert error.retry_after == 40.0
