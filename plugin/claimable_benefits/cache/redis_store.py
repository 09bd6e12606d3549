"""The cache that all processes of a shop share: Valkey or Redis. It may be down, slow, full or full of garbage."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any, TypeVar

from claimable_benefits.cache.circuit_breaker import CircuitBreaker

T = TypeVar("T")

_log = logging.getLogger("claimable_benefits")
# A lock is dropped only by who took it; it may have expired and be somebody else's by now.
_UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_PATIENCE = 0.2  # seconds; it is a cache: what takes longer than Omneo itself is of no use


class RedisStore:
    """Payloads under keys for a while, and locks that expire.

    Never raises once it is made: without an answer it is as if nothing were there, and that is said once until it
    answers again. Raises `ImportError` without the package ``redis``, and `ValueError` for an address it cannot read.
    """

    def __init__(self, url: str, prefix: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        import redis  # only for those who share a cache
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._errors = (redis.RedisError, OSError)
        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        self._prefix = prefix
        self._breaker = CircuitBreaker(failures=1, clock=clock)
        self._said = False

    @property
    def is_available(self) -> bool:
        """Whether it answered when it was asked last."""
        return not self._breaker.is_open

    def get(self, key: str) -> tuple[bytes, float] | None:
        """The payload, and for how many seconds more it is kept; None where there is none."""
        found = self._call(lambda: self._get(self._prefix + key))
        if not found or not isinstance(found[0], bytes) or not isinstance(found[1], int) or found[1] <= 0:
            return None  # what has no end was not put there by us
        return found[0], found[1] / 1000

    def put(self, key: str, payload: bytes, seconds: float) -> None:
        self._call(lambda: self._client.set(self._prefix + key, payload, px=max(1, int(seconds * 1000))))

    def delete(self, key: str) -> None:
        self._call(lambda: self._client.delete(self._prefix + key))

    def lock(self, key: str, seconds: float) -> str | None:
        """Take the lock of a key; None where somebody else has it, or nobody answers."""
        token = token_hex(8)
        name = f"{self._prefix}{key}:lock"
        taken = self._call(lambda: self._client.set(name, token, nx=True, px=int(seconds * 1000)))
        return token if taken else None

    def unlock(self, key: str, token: str) -> None:
        self._call(lambda: self._client.eval(_UNLOCK, 1, f"{self._prefix}{key}:lock", token))

    def close(self) -> None:
        self._call(self._client.close)

    def _get(self, name: str) -> tuple[Any, Any]:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.get(name)
        pipeline.pttl(name)
        payload, left = pipeline.execute()
        return payload, left

    def _call(self, question: Callable[[], T]) -> T | None:
        if not self._breaker.allow_request():
            return None
        try:
            answer = question()
        except self._errors as error:
            self._breaker.record_failure()
            if not self._said:
                self._said = True
                _log.warning("The shared cache does not work (%s); we go on without it.", type(error).__name__)
            return None
        self._breaker.record_success()
        if self._said:
            self._said = False
            _log.warning("The shared cache works again.")
        return answer
