"""Lists in pages: all of it, each once, and never for ever."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.errors import InvalidResponse, NotApplied
from tests.omneo.doubles import answer, client_of, data, query
from tests.support.waiting import LIMIT

BENEFITS, REDEMPTIONS = "GET /profiles/p/benefits", "GET /profiles/p/redemptions"
NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)
Rows = Sequence[dict[str, Any]]
T = TypeVar("T")


def paged(rows: Callable[[], Rows], size: int, *, counts: bool = True) -> Callable[[httpx.Request], httpx.Response]:
    """A list that answers ``size`` rows at a time, whatever size is asked for."""

    def reply(request: httpx.Request) -> httpx.Response:
        number, found = int(query(request)["page[number]"]), rows()
        last = max(1, -(-len(found) // size))
        meta = {"current_page": number, "last_page": last, "total": len(found)}
        links = {"next": "…" if number < last else None}
        body = {"data": found[(number - 1) * size : number * size], "links": links}
        return answer({**body, "meta": meta} if counts else body)

    return reply


def ids_of(reply: Callable[[httpx.Request], httpx.Response]) -> list[str]:
    with client_of({BENEFITS: reply}) as (client, _):
        return [benefit.id for benefit in client.benefits("p")]


@given(count=st.integers(0, 40), size=st.integers(1, 15), counts=st.booleans())
def test_every_benefit_is_read_once_whatever_the_size_of_pages(count: int, size: int, counts: bool) -> None:
    rows = [{"id": number} for number in range(count)]

    assert [str(number) for number in range(count)] == ids_of(paged(lambda: rows, size, counts=counts))


def test_a_list_without_pages_is_the_whole_list() -> None:
    with client_of({BENEFITS: data([{"id": 1}, {"id": 2}, {"id": 1}])}) as (client, tenant):
        found = client.benefits("p")

    assert [benefit.id for benefit in found] == ["1", "2"]
    assert len(tenant.calls) == 1


def test_a_benefit_that_disappears_while_paging_hides_no_other() -> None:
    rows = [1, 2, 3, 4, 5, 6]

    def shrinking() -> Rows:
        current = list(rows)
        if current[0] == 1:
            rows.pop(0)
        return [{"id": number} for number in current]

    assert ids_of(paged(shrinking, 2)) == ["2", "3", "4", "5", "6"]


def test_a_benefit_that_appears_while_paging_doubles_no_other() -> None:
    rows = [1, 2, 3, 4, 5, 6]

    def growing() -> Rows:
        current = list(rows)
        if 0 not in rows:
            rows.insert(0, 0)
        return [{"id": number} for number in current]

    found = ids_of(paged(growing, 2))

    assert [str(number) for number in range(7)] == sorted(found)


def test_a_tenant_that_always_answers_the_first_page_is_an_invalid_response() -> None:
    rows = [{"id": number} for number in range(4)]

    def stuck(request: httpx.Request) -> httpx.Response:
        return answer({"data": rows[:2], "meta": {"last_page": 2, "total": 4}})

    with pytest.raises(InvalidResponse, match="repeats the same page"):
        ids_of(stuck)


def test_a_list_that_never_ends_is_an_invalid_response() -> None:
    def endless(request: httpx.Request) -> httpx.Response:
        return answer({"data": [{"id": query(request)["page[number]"]}], "links": {"next": "…"}})

    with pytest.raises(InvalidResponse, match="has no end"):
        ids_of(endless)


def test_a_list_that_never_adds_up_is_read_three_times_and_kept() -> None:
    def miscounted(request: httpx.Request) -> httpx.Response:
        return answer({"data": [{"id": query(request)["page[number]"]}], "meta": {"last_page": 2, "total": 99}})

    with client_of({BENEFITS: miscounted}) as (client, tenant):
        found = client.benefits("p")

    assert [benefit.id for benefit in found] == ["1", "2"]
    assert len(tenant.calls) == 6


def test_a_page_that_fails_fails_the_list() -> None:
    def failing(request: httpx.Request) -> httpx.Response:
        if query(request)["page[number]"] == "2":
            return answer({}, 503)
        return answer({"data": [{"id": 1}], "meta": {"last_page": 2}})

    with pytest.raises(NotApplied):
        ids_of(failing)


@pytest.mark.parametrize("body", [{"data": "x"}, {"data": [1]}, {"data": [{}]}, "x", 7])
def test_a_list_that_is_none_is_an_invalid_response(body: object) -> None:
    with client_of({BENEFITS: answer(body)}) as (client, _), pytest.raises(InvalidResponse):
        client.benefits("p")


def hourly(count: int) -> list[dict[str, Any]]:
    """Redemptions, newest first, one an hour."""
    return [{"id": age, "created_at": f"{NOW - timedelta(hours=age):%Y-%m-%d %H:%M:%S}"} for age in range(count)]


def test_redemptions_are_read_until_they_are_old_enough() -> None:
    with client_of({REDEMPTIONS: paged(lambda: hourly(50), 5)}) as (client, tenant):
        found = client.redemptions("p", until=NOW - timedelta(hours=7))

    assert [str(age) for age in range(8)] == [redemption.id for redemption in found]
    assert len(tenant.calls) == 2
    assert query(tenant.requests[0])["sort"] == "-created_at"


def test_redemptions_in_another_order_are_all_read() -> None:
    rows = hourly(50)[::-1]
    with client_of({REDEMPTIONS: paged(lambda: rows, 5)}) as (client, tenant):
        found = client.redemptions("p", until=NOW - timedelta(hours=7))

    assert {str(age) for age in range(8)} == {redemption.id for redemption in found}
    assert len(tenant.calls) == 10


@pytest.mark.parametrize("status", [400, 422])
def test_a_tenant_that_cannot_sort_is_read_to_the_end(status: int) -> None:
    listed = paged(lambda: hourly(50)[::-1], 10)

    def unsorted(request: httpx.Request) -> httpx.Response:
        return answer({"message": "Sort is not allowed."}, status) if "sort" in query(request) else listed(request)

    with client_of({REDEMPTIONS: unsorted}) as (client, tenant):
        client.redemptions("p", until=NOW - timedelta(hours=7))
        found = client.redemptions("p", until=NOW - timedelta(hours=7))

    assert len(found) == 8
    assert len(tenant.calls) == 1 + 5 + 5


def test_a_redemption_without_a_time_is_never_left_out() -> None:
    with client_of({REDEMPTIONS: data([{"id": "timeless"}, *hourly(20)])}) as (client, _):
        found = client.redemptions("p", until=NOW - timedelta(hours=7))

    assert len(found) == 9


def test_all_redemptions_are_read_where_no_time_is_given() -> None:
    with client_of({REDEMPTIONS: paged(lambda: hourly(23), 5)}) as (client, _):
        found = client.redemptions("p")

    assert len(found) == 23


@pytest.mark.timing
def test_further_pages_are_fetched_at_the_same_time() -> None:
    rows = [{"id": number} for number in range(35)]
    listed, thread_pool = paged(lambda: rows, 5), ThreadPool(threads=8)
    meeting = threading.Barrier(6, timeout=LIMIT)

    def together(request: httpx.Request) -> httpx.Response:
        if query(request)["page[number]"] != "1":
            meeting.wait()  # comes to its end only if all six are asked for at once
        return listed(request)

    with client_of({BENEFITS: together}, gather=thread_pool.gather) as (client, tenant):
        found = client.benefits("p")
    thread_pool.stop()

    assert [str(number) for number in range(35)] == [benefit.id for benefit in found]
    assert len(tenant.calls) == 7


@pytest.mark.parametrize("change", ["grown", "shrunk"])
def test_a_list_that_changes_while_its_pages_are_fetched_at_once_is_read_again(change: str) -> None:
    rows = [{"id": number} for number in range(40)]
    thread_pool, changed = ThreadPool(), threading.Event()

    def changing() -> Rows:
        before = list(rows)
        if not changed.is_set():
            changed.set()
            if change == "shrunk":
                rows.pop(0)
            else:
                rows.insert(0, {"id": 99})
        return before

    with client_of({BENEFITS: paged(changing, 5)}, gather=thread_pool.gather) as (client, _):
        found = {benefit.id for benefit in client.benefits("p")}
    thread_pool.stop()

    assert {str(row["id"]) for row in rows} <= found


def test_a_stuck_tenant_is_not_asked_for_all_the_pages_that_it_claims_to_have() -> None:
    def stuck(request: httpx.Request) -> httpx.Response:
        return answer({"data": [{"id": 1}, {"id": 2}], "meta": {"last_page": 400, "total": 800}})

    thread_pool = ThreadPool()
    with (
        client_of({BENEFITS: stuck}, gather=thread_pool.gather) as (client, tenant),
        pytest.raises(InvalidResponse, match="repeats the same page"),
    ):
        client.benefits("p")
    thread_pool.stop()

    assert len(tenant.calls) <= 3 * 9


@pytest.mark.timing
def test_both_lists_of_a_shelf_are_fetched_at_the_same_time() -> None:
    meeting, thread_pool = threading.Barrier(2, timeout=LIMIT), ThreadPool()

    def met(request: httpx.Request) -> httpx.Response:
        meeting.wait()
        return data([{"id": 1}])

    with client_of({BENEFITS: met, f"{BENEFITS}/claimable": met}, gather=thread_pool.gather) as (client, _):
        held, claimable = client.holdings("p")
    thread_pool.stop()

    assert [len(held), len(claimable)] == [1, 1]


class Batches:
    """Makes calls one by one, and notes how many were wanted at the same time."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        self.sizes.append(len(calls))
        return [call() for call in calls]


def test_a_list_that_was_long_is_asked_for_in_one_go() -> None:
    rows, batches = [{"id": number} for number in range(14)], Batches()
    with client_of({BENEFITS: paged(lambda: rows, 5)}, gather=batches) as (client, _):
        first = client.benefits("p")
        rows += [{"id": number} for number in range(14, 21)]  # grown by two pages since
        second = client.benefits("p")

    assert [len(first), len(second)] == [14, 21]
    assert batches.sizes == [1, 2, 3, 2]


def test_a_list_that_was_long_may_be_short_by_now() -> None:
    rows, batches = [{"id": number} for number in range(14)], Batches()
    with client_of({BENEFITS: paged(lambda: rows, 5)}, gather=batches) as (client, _):
        client.benefits("p")
        del rows[2:]
        found = [len(client.benefits("p")) for _ in range(2)]

    assert found == [2, 2]
    assert batches.sizes == [1, 2, 3, 1]


def test_a_page_too_far_that_is_refused_does_no_harm() -> None:
    rows = [{"id": number} for number in range(14)]
    reply = paged(lambda: rows, 5)

    def strict(request: httpx.Request) -> httpx.Response:
        is_there = (int(query(request)["page[number]"]) - 1) * 5 < max(1, len(rows))
        return reply(request) if is_there else answer({"message": "No such page."}, 404)

    with client_of({BENEFITS: strict}) as (client, _):
        client.benefits("p")
        del rows[2:]
        found = client.benefits("p")

    assert [benefit.id for benefit in found] == ["0", "1"]


def test_what_was_long_for_one_profile_is_not_so_for_another() -> None:
    rows, batches = [{"id": number} for number in range(14)], Batches()
    table = {BENEFITS: paged(lambda: rows, 5), "GET /profiles/q/benefits": paged(lambda: rows[:3], 5)}
    with client_of(table, gather=batches) as (client, tenant):
        client.benefits("p")
        found = client.benefits("q")

    assert len(found) == 3
    assert (batches.sizes, len(tenant.calls)) == ([1, 2, 1], 4)


# Absence needs a list.

NO_LIST: list[Any] = [{}, None, {"data": None}, {"data": {}}, {"data": "none"}, {"data": [], "meta": {"total": 3}}]
A_LIST: list[Any] = [[], {"data": []}, {"data": [], "meta": {"total": 0}}]
GLOBAL = "GET /redemptions"


def raw(body: Any) -> httpx.Response:
    """An answer with this JSON, a bare null as well."""
    return httpx.Response(200, content=json.dumps(body), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("body", NO_LIST, ids=json.dumps)
def test_absence_needs_a_list(body: Any) -> None:
    with client_of({BENEFITS: raw(body), REDEMPTIONS: raw(body), GLOBAL: raw(body)}) as (client, _):
        for look_up in (
            lambda: client.redemptions("p"),
            lambda: client.redemptions("p", until=NOW),
            lambda: client.benefits("p"),
            lambda: client.redemptions_by_reference("shop-1"),
            client.filters_by_reference,
        ):
            with pytest.raises(InvalidResponse):
                look_up()


@pytest.mark.parametrize("body", A_LIST, ids=json.dumps)
def test_an_empty_list_is_absence(body: Any) -> None:
    with client_of({BENEFITS: raw(body), REDEMPTIONS: raw(body), GLOBAL: raw(body)}) as (client, _):
        found = client.redemptions("p"), client.benefits("p"), client.redemptions_by_reference("shop-1")

    assert found == ((), (), ())


@pytest.mark.parametrize("body", [*NO_LIST[:4], *A_LIST], ids=json.dumps)
def test_a_page_shows_no_benefits_where_an_answer_holds_no_list(body: Any) -> None:
    claimable = "GET /profiles/p/benefits/claimable"
    with client_of({BENEFITS: raw(body), REDEMPTIONS: raw(body), claimable: raw(body)}) as (client, _):
        found = client.holdings("p"), client.redemptions("p", for_display=True)

    assert found == (((), ()), ())


def test_a_list_that_php_wrote_with_gaps_is_a_list() -> None:
    with client_of({REDEMPTIONS: data({"0": {"id": 1}, "2": {"id": 3}})}) as (client, _):
        found = client.redemptions("p")

    assert [one.id for one in found] == ["1", "3"]


def test_an_answer_without_a_list_does_not_settle_whether_the_tenant_filters() -> None:
    with client_of({GLOBAL: answer({})}) as (client, tenant):
        with pytest.raises(InvalidResponse):
            client.filters_by_reference()
        tenant.table = {GLOBAL: lambda request: data([] if "nobody" in str(request.url) else [{"id": 1}])}
        found = client.filters_by_reference()

    assert found is True
