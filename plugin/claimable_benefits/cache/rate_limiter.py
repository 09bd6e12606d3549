"""How often something may happen: counted in memory, or in the Valkey or Redis that all processes share."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from claimable_benefits.cache.circuit_breaker import CircuitBreaker

_TIMEOUT = 0.2  # seconds for each command; a slower server is of no use
_LONGEST_WAIT = 60


class RateLimiter:
    """Counts what happens by name and key, over the last minute.

    Without ``url`` (of a Valkey or Redis) each process counts for itself, and so it does while that server does not
    answer. ``scope`` keeps apart what several shops count on one server. ``clock`` counts seconds for the circuit
    breaker.

    The library is imported with the first call: the start of a shop would wait for it.
    """

    def __init__(self, url: str = "", scope: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._scope = scope
        self._breaker = CircuitBreaker(failures=1, clock=clock)
        self._lock = threading.Lock()
        self._counters: list[Any] = []
        self._pool: Any = None
        self._errors: tuple[type[Exception], ...] = (OSError,)

    def take(self, name: str, key: str, per_minute: int) -> int:
        """Count one of ``name`` for ``key``. Give 0 where it may happen, else the whole seconds to wait before it may.

        What may not happen is not counted. Never raises.
        """
        from limits import RateLimitItemPerMinute

        item = RateLimitItemPerMinute(per_minute)
        digest = sha256("\0".join((self._scope, name, key)).encode()).hexdigest()[:32]
        *shared, own = self._open()
        if shared and self._breaker.allow_request():
            try:
                wait = _take(shared[0], item, digest)
            except self._errors:
                self._breaker.record_failure()
            else:
                self._breaker.record_success()
                return wait
        return _take(own, item, digest)

    def reset(self) -> None:
        """Forget what was counted, here and on the shared server: for tests that click more than a shopper can."""
        for counter in self._open():
            counter.storage.reset()

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.disconnect()

    def _open(self) -> list[Any]:
        """Return the counters: the shared one first where there is one, then that of this process."""
        with self._lock:
            if not self._counters:
                from limits.storage import MemoryStorage
                from limits.strategies import MovingWindowRateLimiter

                shared = [self._shared_storage()] if self._url else []
                self._counters = [MovingWindowRateLimiter(storage) for storage in (*shared, MemoryStorage())]
            return self._counters

    def _shared_storage(self) -> Any:
        import redis  # only for those who share a cache
        from limits.storage import RedisStorage
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._errors = (redis.RedisError, OSError)
        self._pool = redis.ConnectionPool.from_url(
            self._url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0)
        )
        return RedisStorage("redis://", connection_pool=self._pool, key_prefix="claimable-benefits:rate")


def _take(counter: Any, item: Any, digest: str) -> int:
    if counter.hit(item, digest):
        return 0
    wait: float = counter.get_window_stats(item, digest).reset_time - time.time()
    return min(max(math.ceil(wait), 1), _LONGEST_WAIT)
