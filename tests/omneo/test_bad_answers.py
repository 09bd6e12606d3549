"""Answers with odd ids, dates, texts and shapes, and transports that fail in ways of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from claimable_benefits.errors import ConnectionFailed, InvalidResponse, OutcomeUnknown
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.omneo.clock_offset import ClockOffset
from claimable_benefits.omneo.outcomes import retry_after
from claimable_benefits.omneo.session import ApiCall
from tests.omneo.doubles import BASE_URL, TOKEN, answer, client_of, data

NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)
REDEEM = "POST /profiles/p/benefits/7/redemptions"
UNSTORABLE = ["x" * 256, "r\x00", "r\n1", "r\x1b[2J", "\ud800", "", None]


@pytest.mark.parametrize("odd", UNSTORABLE)
def test_a_redeem_whose_id_cannot_be_stored_is_in_doubt(odd: str | None) -> None:
    with client_of({REDEEM: data({"id": odd})}) as (client, _), pytest.raises(OutcomeUnknown):
        client.redeem("p", "7", reference="r", at=NOW)


@pytest.mark.parametrize("odd", UNSTORABLE)
def test_a_profile_whose_id_cannot_be_stored_is_an_invalid_response(odd: str | None) -> None:
    found = data({"profile_id": odd, "identifier": "C-1"})
    table = {"GET /identities/search": found, "POST /profiles/search-id": found}
    with client_of(table) as (client, _), pytest.raises(InvalidResponse):
        client.profile_id("C-1")


@pytest.mark.parametrize("odd", UNSTORABLE)
def test_a_benefit_whose_id_cannot_be_stored_hides_no_other(odd: str | None) -> None:
    listed = data([{"id": odd, "name": "odd"}, {"id": 7, "definition": {"name": "Ours"}}])
    with client_of({"GET /profiles/p/benefits": listed, "GET /profiles/p/benefits/claimable": listed}) as (client, _):
        held, claimable = client.holdings("p")

        assert [[one.id for one in held], [one.id for one in claimable]] == [["7"], ["7"]]


def test_a_lookup_that_decides_needs_every_record() -> None:
    listed = data([{"id": "x" * 256}, {"id": 7}])
    with client_of({"GET /profiles/p/benefits": listed, "GET /profiles/p/redemptions": listed}) as (client, _):
        with pytest.raises(InvalidResponse):
            client.benefits("p", every=True)
        with pytest.raises(InvalidResponse):
            client.redemptions("p")


@pytest.mark.parametrize("handle", ["x" * 256, "vip\x00", "\ud800", "vip\x1b"])
def test_a_handle_is_never_repaired_because_it_goes_back_to_omneo(handle: str) -> None:
    with client_of({"GET /profiles/p/benefits/claimable": data([{"id": 7, "handle": handle}])}) as (client, _):
        [definition] = client.claimable("p")

    assert (definition.id, definition.handle, definition.name) == ("7", "", "")


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Fri, 31 Dec 9999 23:59:59 -0000",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +1200",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sun, 15 Jun 2025 99:99:99 GMT",
        "1 1 1",
        "\udcff",
        "",
        None,
    ],
)
def test_a_date_far_from_our_own_clock_is_ignored(date: str | None) -> None:
    offset = ClockOffset()
    at = offset.note(date)

    assert at.tzinfo is not None
    assert offset.ahead_of(NOW) == timedelta(0)
    assert (retry_after(date, at) or 0.0) <= 86_400


@pytest.mark.parametrize("hours", [-23, -1, 1, 23])
def test_a_clock_that_is_hours_away_is_believed(hours: int) -> None:
    offset = ClockOffset()
    offset.note(f"{NOW + timedelta(hours=hours):%a, %d %b %Y %H:%M:%S} GMT")

    assert abs(offset.ahead_of(NOW) - timedelta(hours=hours)) < timedelta(minutes=1)


def test_a_redeem_and_its_lookups_take_any_date() -> None:
    with client_of({REDEEM: answer({"data": {"id": 1}}, Date="Fri, 31 Dec 9999 23:59:59 GMT")}) as (client, _):
        assert client.redeem("p", "7", reference="r", at=NOW).id == "1"
        assert NOW + client.clock_ahead_of(NOW) == NOW


class Surprise(Exception):
    """An error that httpx does not know."""


class Timeout(BaseException):
    """As gevent's time-out is: no `Exception`."""


def fails(error: BaseException) -> Callable[[httpx.Request], httpx.Response]:
    def handle(request: httpx.Request) -> httpx.Response:
        sent = b"".join(
            b"%s: %s\r\n" % header for header in request.headers.raw
        )  # as the libraries below httpx have it
        assert TOKEN.encode() in sent
        raise error

    return handle


def test_an_error_that_httpx_does_not_know_leaves_a_write_in_doubt(caplog: pytest.LogCaptureFixture) -> None:
    with client_of({REDEEM: fails(Surprise(TOKEN)), "GET /profiles/p/benefits/7": fails(Surprise(TOKEN))}) as (
        client,
        _,
    ):
        with pytest.raises(OutcomeUnknown) as in_doubt:
            client.redeem("p", "7", reference="r", at=NOW)
        with pytest.raises(ConnectionFailed):
            client.benefit("p", "7")

    assert TOKEN not in caplog.text + str(in_doubt.value)


def test_no_frame_of_a_traceback_holds_the_token() -> None:
    with client_of({REDEEM: fails(Timeout())}) as (client, _), pytest.raises(Timeout) as caught:
        client.redeem("p", "7", reference="r", at=NOW)

    frames = list(ours(caught.value))
    assert len(frames) > 3
    assert [name for name in frames if TOKEN in frames_text(name)] == []


def test_no_frame_that_sends_a_request_holds_the_token() -> None:
    """While the request is under way, as a profiler or a debugger sees it."""
    import sys

    seen: list[str] = []

    def handle(_: httpx.Request) -> httpx.Response:
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            if "claimable_benefits" in frame.f_code.co_filename:
                seen.append(values_text(frame.f_locals))
        return data({"id": 1})

    with client_of({REDEEM: handle}) as (client, _):
        client.redeem("p", "7", reference="r", at=NOW)

    assert len(seen) > 3
    assert [text for text in seen if TOKEN in text] == []


def ours(error: BaseException) -> Iterator[Any]:
    """Every frame of the error and of the errors behind it, but that of the test."""
    behind: BaseException | None = error
    while behind is not None:
        trace = behind.__traceback__
        while trace is not None:
            if not trace.tb_frame.f_code.co_name.startswith("test_"):
                yield trace.tb_frame
            trace = trace.tb_next
        behind = behind.__context__


def frames_text(frame: Any) -> str:
    return values_text(frame.f_locals)


def values_text(values: dict[str, Any]) -> str:
    """What an error tracker shows of local variables: their repr, and that of their attributes."""
    shown = []
    for value in values.values():
        slots = {name: getattr(value, name, None) for name in getattr(type(value), "__slots__", ())}
        shown += [repr(value), repr(getattr(value, "__dict__", {})), repr(slots)]
    return " ".join(shown)


@pytest.mark.parametrize("problem", [KeyError("x"), TypeError("x"), AttributeError("x"), OverflowError("x")])
def test_a_parser_that_fails_makes_an_invalid_response(problem: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    def parse(_: object) -> object:
        raise problem

    with client_of({"GET /x": answer({}), "POST /x": answer({})}) as (client, _):
        session = client._session
        with pytest.raises(InvalidResponse):
            session.read(ApiCall("GET", "/x"), parse)
        with pytest.raises(OutcomeUnknown):
            session.write(ApiCall("POST", "/x"), parse)

    assert len(caplog.records) == 2


def test_the_token_is_read_once_for_a_request() -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append("token")
        return TOKEN

    transport = httpx.MockTransport(lambda _: data([]))
    with OmneoClient(BASE_URL, token, timezone="UTC", transport=transport, dialect="guide") as client:
        client.benefits("p")

    assert asked == ["token"]
