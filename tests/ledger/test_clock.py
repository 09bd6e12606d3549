"""The ledger's clock: the server's, whatever the clocks of the processes show."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.clock import ServerClock
from claimable_benefits.ledger.outbox import lease_due
from tests.ledger.rows import NOW, at_once, queue
from tests.support.postgres import Postgres
from tests.support.waiting import LIMIT

HOUR = timedelta(hours=1)


class Watch:
    """A monotonic clock to wind forward by hand."""

    def __init__(self) -> None:
        self.seconds = 5000.0

    def __call__(self) -> float:
        return self.seconds


class Server:
    """A server whose clock stands still until it is moved; ``seconds`` is how long an answer takes."""

    def __init__(self, watch: Watch) -> None:
        self.now = NOW
        self.asked = 0
        self.away = False
        self.seconds = 0.0
        self._watch = watch

    def __call__(self) -> datetime:
        self.asked += 1
        self._watch.seconds += self.seconds
        if self.away:
            raise LedgerUnavailable
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def server(watch: Watch) -> Server:
    return Server(watch)


@pytest.fixture
def clock(server: Server, watch: Watch) -> ServerClock:
    return ServerClock(server, monotonic=watch)


def test_the_server_is_asked_once_a_minute_and_its_time_carried_on(
    clock: ServerClock, server: Server, watch: Watch
) -> None:
    told = []
    for _ in range(4):
        told.append((clock() - NOW, server.asked))
        watch.seconds += 25

    carried = timedelta(seconds=25)
    assert told == [(0 * carried, 1), (carried, 1), (2 * carried, 1), (0 * carried, 2)]


def test_a_slow_answer_is_taken_for_the_time_in_its_middle(clock: ServerClock, server: Server) -> None:
    server.seconds = 2.0

    assert clock() == NOW + timedelta(seconds=1)


def test_a_server_in_another_zone_tells_utc(clock: ServerClock, server: Server) -> None:
    server.now = NOW.astimezone(ZoneInfo("Asia/Kathmandu"))

    assert (clock(), clock().tzinfo) == (NOW, UTC)


def test_a_server_that_is_away_is_no_reason_to_stop_the_clock(clock: ServerClock, server: Server, watch: Watch) -> None:
    clock()
    server.away = True
    watch.seconds += 90
    told = [clock(), clock()]
    asked_while_away = server.asked - 1
    server.away, server.now = False, NOW + timedelta(seconds=152)
    watch.seconds += 60
    told.append(clock())

    assert told == [NOW + timedelta(seconds=seconds) for seconds in (90, 90, 152)]
    assert asked_while_away == 1


def test_a_server_that_never_answered_has_no_time_to_tell(clock: ServerClock, server: Server) -> None:
    server.away = True

    with pytest.raises(LedgerUnavailable):
        clock()


def test_threads_that_ask_at_once_ask_the_server_once(clock: ServerClock, server: Server) -> None:
    told = at_once(16, lambda _: clock())

    assert (set(told), server.asked) == ({NOW}, 1)


# Processes whose clocks are wrong.


class Wrong:
    """The clocks of a process: wrong by ``hours``, and jumping back and forth by as much at every look."""

    def __init__(self, hours: float) -> None:
        self._by = timedelta(hours=hours)

    def __call__(self) -> datetime:
        self._by = -self._by
        return datetime.now(UTC) + self._by


@pytest.fixture
def shifted(postgres: Postgres) -> Iterator[list[Ledger]]:
    """One ledger, as three processes open it whose clocks differ by an hour."""
    url = postgres.empty_ledger()
    ledgers = [Ledger(url, wall=Wrong(hours)) for hours in (-1, 0, 1)]
    yield ledgers
    for ledger in ledgers:
        ledger.close()


def test_processes_with_wrong_clocks_tell_the_servers_time(shifted: list[Ledger]) -> None:
    with shifted[0].read() as connection:
        server: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()

    told = [ledger.clock() for ledger in shifted * 2]

    assert [moment for moment in told if abs(moment - server) > timedelta(seconds=10)] == []
    assert {moment.tzinfo for moment in told} == {UTC}


def test_a_lease_is_not_taken_from_its_holder_by_a_process_whose_clock_is_ahead(shifted: list[Ledger]) -> None:
    with shifted[1].write() as connection:
        queue(connection, "A1")

    leased = []
    for ledger in shifted:
        with ledger.write() as connection:
            leased.append([d.order_number for d in lease_due(connection, ledger.clock(), seconds=40, limit=5)])

    assert leased == [["A1"], [], []]


def tell_the_time(url: str, hours: float, told: Any) -> None:
    ledger = Ledger(url, wall=Wrong(hours))
    told.put((hours, ledger.clock()))
    ledger.close()


@pytest.mark.timing
def test_real_processes_agree_on_the_time(postgres: Postgres) -> None:
    spawn = multiprocessing.get_context("spawn")
    told: Any = spawn.Queue()
    processes = [spawn.Process(target=tell_the_time, args=(postgres.url("ledger"), by, told)) for by in (-1, 1)]

    for process in processes:
        process.start()
    moments = [told.get(timeout=LIMIT)[1] for _ in processes]
    for process in processes:
        process.join(LIMIT)
        process.close()
    told.close()
    told.join_thread()

    assert abs(moments[0] - moments[1]) < timedelta(minutes=1)


def test_sqlite_has_the_clock_of_the_machine(tmp_path: Path) -> None:
    told = [NOW, NOW + HOUR]
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}", wall=iter(told).__next__)

    assert told == [ledger.clock(), ledger.clock()]
    ledger.close()


def test_a_minute_later_a_real_server_is_asked_again(postgres: Postgres, watch: Watch) -> None:
    ledger = Ledger(postgres.empty_ledger(), monotonic=watch)
    first = ledger.clock()
    watch.seconds += 3600  # the server's clock shows that it was not an hour

    again = ledger.clock()

    ledger.close()
    assert again - first < timedelta(minutes=1)
