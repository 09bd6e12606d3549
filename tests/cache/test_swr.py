"""Fresh, stale, too old: how long a value is shown, and who loads it again. With a clock to move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.swr import CacheEntry, StaleWhileRevalidateCache, Ttl, Upstream, Version
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.cache.wait_budget import WaitBudget
from tests.support.waiting import LIMIT, wait_until

HERE = Version("writes", "invalidations")


class LoadFailed(Exception):
    """An anticipated failure."""


class Late(LoadFailed):
    """Nothing can be shown yet."""


UPSTREAM = Upstream("The upstream", errors=LoadFailed, late=Late)


@dataclass
class Numbers:
    """Gives 1, 2, 3 …, fails while it is told to, and waits while its gate is closed."""

    loads: int = 0
    down: bool = False
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> int:
        self.gate.wait(LIMIT)
        self.loads += 1
        if self.down:
            raise LoadFailed("down")
        return self.loads


class ObservedPool(ThreadPool):
    """Knows when each of its jobs has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[threading.Event] = []

    def submit(self, job: Callable[[], object]) -> bool:
        ended = threading.Event()
        self.ended.append(ended)

        def run() -> None:
            try:
                job()
            finally:
                ended.set()

        return super().submit(run)


class Desk:
    """A cache with everything that it needs at hand."""

    def __init__(self, *, weight: int = 100, slots: int = 4) -> None:
        self.now = 1000.0
        self.thread_pool = ObservedPool()
        self.wait_budget = WaitBudget(slots)
        self.source = Numbers()
        self.source.gate.set()
        memory: LruCache[CacheEntry[int]] = LruCache(entries=10, weight=weight)
        self.cache: StaleWhileRevalidateCache[int] = StaleWhileRevalidateCache(
            memory=memory,
            thread_pool=self.thread_pool,
            wait_budget=self.wait_budget,
            size_of=lambda _: 10,
            upstream=UPSTREAM,
            ttl=Ttl(fresh=60, stale=300, max_stale=3600),
            clock=lambda: self.now,
        )

    def get(self, version: Version = HERE) -> int:
        return self.get_of("key", version)

    def get_of(self, key: str, version: Version = HERE) -> int:
        return self.cache.get(key, version, self.source, wait=0.2).value

    def finish_loads(self) -> None:
        """Wait until nothing is being loaded."""
        assert all(ended.wait(30) for ended in self.thread_pool.ended)


@pytest.fixture
def desk() -> Iterator[Desk]:
    opened = Desk()
    yield opened
    opened.source.gate.set()
    opened.thread_pool.stop()


def test_a_value_that_is_loaded_again_and_is_the_same_goes_back_to_when_it_first_was() -> None:
    now = 1000.0
    values = iter(["a", "a", "b", "a"])
    memory: LruCache[CacheEntry[str]] = LruCache(entries=10, weight=100)
    thread_pool = ThreadPool()
    cache = StaleWhileRevalidateCache(
        memory=memory,
        thread_pool=thread_pool,
        wait_budget=WaitBudget(4),
        size_of=len,
        upstream=UPSTREAM,
        clock=lambda: now,
    )
    found = []
    for _ in range(4):
        kept = cache.refresh("key", HERE, lambda: next(values))
        found.append((kept.value, kept.loaded_at - 1000, kept.since - 1000))
        now += 1
    thread_pool.stop()

    assert found == [("a", 0, 0), ("a", 1, 0), ("b", 2, 2), ("a", 3, 3)]


def test_a_fresh_value_is_not_loaded_again(desk: Desk) -> None:
    desk.get()
    desk.now += 59

    assert (desk.get(), desk.source.loads) == (1, 1)


def test_a_stale_value_is_shown_at_once_and_loaded_in_the_background(desk: Desk) -> None:
    desk.get()
    desk.now += 61
    desk.source.gate.clear()
    waits = desk.wait_budget.waits
    shown = desk.get()
    desk.source.gate.set()
    desk.finish_loads()

    assert (shown, desk.get()) == (1, 2)
    assert desk.wait_budget.waits == waits


def test_an_old_value_is_waited_for_and_shown_only_if_that_is_in_vain(desk: Desk) -> None:
    desk.get()
    desk.now += 301
    reloaded = desk.get()
    desk.now += 301
    desk.source.gate.clear()

    assert (reloaded, desk.get()) == (2, 2)


def test_a_value_that_is_too_old_is_not_shown_at_all(desk: Desk) -> None:
    desk.get()
    desk.now += 3600
    desk.source.down = True

    with pytest.raises(LoadFailed):
        desk.get()


def test_a_value_from_before_the_readers_own_write_is_not_shown(desk: Desk) -> None:
    desk.get()
    desk.source.down = True

    with pytest.raises(LoadFailed):
        desk.get(Version("other writes", "invalidations"))


def test_an_invalidated_value_is_loaded_again_and_shown_only_where_that_fails(desk: Desk) -> None:
    desk.get()
    reloaded = desk.get(Version("writes", "invalidated"))
    desk.source.down = True

    assert (reloaded, desk.get(Version("writes", "invalidated again"))) == (2, 2)


def test_a_failure_is_remembered_for_two_seconds(desk: Desk) -> None:
    desk.source.down = True
    for _ in range(5):
        with pytest.raises(LoadFailed):
            desk.get()
    tried = desk.source.loads
    desk.now += 2
    desk.source.down = False

    assert (tried, desk.get()) == (1, 2)


def test_after_a_wait_in_vain_no_reader_waits_for_that_load_for_a_while(desk: Desk) -> None:
    desk.source.gate.clear()
    for _ in range(5):
        with pytest.raises(Late, match="The upstream takes longer than a page can wait"):
            desk.get()
    at_once = desk.wait_budget.waits
    desk.now += 2
    with pytest.raises(Late):
        desk.get()

    assert (at_once, desk.wait_budget.waits, desk.wait_budget.in_vain) == (1, 2, 2)


def test_one_slow_load_never_turns_other_readers_away(desk: Desk) -> None:
    desk.source.gate.clear()
    with pytest.raises(Late):
        desk.get()
    waits = desk.wait_budget.waits
    threading.Timer(0.05, desk.source.gate.set).start()

    assert desk.cache.get("another", HERE, desk.source, wait=LIMIT).value
    assert desk.wait_budget.waits == waits + 1


def test_a_reader_that_does_not_wait_begins_the_load(desk: Desk) -> None:
    desk.source.gate.clear()
    with pytest.raises(Late):
        desk.cache.get("key", HERE, desk.source, wait=0)
    desk.source.gate.set()
    desk.finish_loads()

    assert desk.cache.get("key", HERE, desk.source, wait=0).value == 1
    assert (desk.source.loads, desk.wait_budget.waits) == (1, 0)


def test_readers_join_a_prefetch_and_a_prefetch_joins_a_load(desk: Desk) -> None:
    desk.source.gate.clear()
    ahead = threading.Thread(target=lambda: desk.cache.prefetch("key", HERE, desk.source))
    ahead.start()
    wait_until(lambda: ("key", HERE) in desk.cache._in_flight)
    with pytest.raises(Late):
        desk.get()
    desk.cache.prefetch("key", HERE, desk.source)  # it does not wait for the one under way
    desk.source.gate.set()
    ahead.join(LIMIT)
    desk.cache.prefetch("key", HERE, desk.source)  # fresh

    assert (desk.get(), desk.source.loads) == (1, 1)


def test_a_failed_prefetch_is_remembered_and_not_raised(desk: Desk) -> None:
    desk.source.down = True
    for _ in range(3):
        desk.cache.prefetch("key", HERE, desk.source)

    assert desk.source.loads == 1
    with pytest.raises(LoadFailed):
        desk.get()


def test_what_came_too_late_is_there_for_the_next(desk: Desk) -> None:
    desk.source.gate.clear()
    with pytest.raises(LoadFailed):
        desk.get()
    desk.source.gate.set()
    desk.finish_loads()

    assert (desk.get(), desk.source.loads) == (1, 1)


def test_a_reader_that_finds_no_slot_does_not_wait() -> None:
    desk = Desk(slots=1)
    desk.source.gate.clear()
    with desk.wait_budget.slot(), pytest.raises(LoadFailed):
        desk.get()

    assert desk.wait_budget.waits == 1
    assert desk.wait_budget.in_vain == 0
    desk.source.gate.set()
    desk.thread_pool.stop()


def test_a_value_that_is_heavier_than_the_store_is_loaded_each_time() -> None:
    desk = Desk(weight=5)

    assert [desk.get() for _ in range(3)] == [1, 2, 3]
    desk.thread_pool.stop()


def test_an_error_that_is_not_anticipated_reaches_the_reader_and_the_next_one_tries_again(desk: Desk) -> None:
    def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.cache.get("key", HERE, broken, wait=0.2)

    assert desk.get() == 1


def test_a_load_for_which_the_thread_pool_has_no_room_is_refused_at_once(desk: Desk) -> None:
    desk.thread_pool.stop()

    with pytest.raises(Late, match="Too much is being loaded"):
        desk.get()

    assert (desk.source.loads, desk.wait_budget.waits) == (0, 0)
