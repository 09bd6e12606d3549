"""The cache that all processes of a shop share: Valkey or Redis. It may be down, slow, full or full of garbage."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

from itsdangerous import BadSignature, Signer

from claimable_benefits.cache.circuit_breaker import CircuitBreaker

T = TypeVar("T")

_log = logging.getLogger("claimable_benefits")
_TIMEOUT = 0.2  # seconds for each command; a slower cache is of no use
_POLL = 0.02  # seconds between two attempts to take a lock


class RedisStore:
    """Payloads under keys for a while, and locks that expire.

    Every payload is signed with a key that is derived from ``secret`` and its name: what others write there, or move
    to another name, is not there. Its methods never raise: while the server does not answer, nothing is there, and the
    log says so once until it answers again. ``clock`` counts seconds for the circuit breaker. Raises `ImportError`
    without the package ``redis``, and `ValueError` for an address that it cannot read.
    """

    def __init__(
        self, url: str, prefix: str, secret: str | bytes, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        import redis  # only for those who share a cache
        from redis.backoff import NoBackoff
        from redis.exceptions import LockNotOwnedError
        from redis.retry import Retry

        self._errors = (redis.RedisError, OSError)
        self._lock_has_expired = LockNotOwnedError
        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._prefix = prefix
        self._secret = secret
        self._breaker = CircuitBreaker(failures=1, clock=clock)
        self._is_reported = False
        self._has_reported_others = False

    def get(self, key: str) -> tuple[bytes, float] | None:
        """Return the payload, and for how many seconds more it is kept; None where there is none."""
        found = self._call(lambda: self._get(self._prefix + key))
        if not found or not isinstance(found[0], bytes) or not isinstance(found[1], int) or found[1] <= 0:
            return None  # what never expires was not put there by us
        try:
            payload = self._signer(key).unsign(found[0])
        except BadSignature:
            self.drop_unreadable(key)
            return None
        return payload, found[1] / 1000

    def put(self, key: str, payload: bytes, seconds: float) -> None:
        """Keep the payload for so many seconds."""
        signed = self._signer(key).sign(payload)
        self._call(lambda: self._client.set(self._prefix + key, signed, px=max(1, int(seconds * 1000))))

    def delete(self, key: str) -> None:
        """Remove the payload."""
        self._call(lambda: self._client.delete(self._prefix + key))

    def drop_unreadable(self, key: str) -> None:
        """Remove an entry that cannot be read, and log it once."""
        self.delete(key)
        if not self._has_reported_others:
            self._has_reported_others = True
            _log.warning("The extension drops an entry of the shared cache that it did not write, or cannot read.")

    @contextmanager
    def lock(self, key: str, seconds: float, *, wait: float) -> Iterator[bool]:
        """Hold the lock of a key for the length of a block, for at most ``seconds``.

        Yields False where another process has it for ``wait`` seconds, or where the server does not answer.
        """
        lock = self._client.lock(f"{self._prefix}{key}:lock", timeout=seconds, sleep=_POLL, thread_local=False)
        is_ours = self._call(lambda: lock.acquire(blocking_timeout=wait)) is True
        try:
            yield is_ours
        finally:
            if is_ours:
                self._call(lambda: self._release(lock))

    def close(self) -> None:
        """Close the connections."""
        self._call(self._client.close)

    def _signer(self, key: str) -> Signer:
        salt = f"claimable-benefits shared cache {self._prefix}{key}"
        return Signer(self._secret, salt, key_derivation="hmac", digest_method=hashlib.sha256)

    def _release(self, lock: Any) -> None:
        with suppress(self._lock_has_expired):
            lock.release()

    def _get(self, name: str) -> tuple[Any, Any]:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.get(name)
        pipeline.pttl(name)
        payload, left = pipeline.execute()
        return payload, left

    def _call(self, command: Callable[[], T]) -> T | None:
        if not self._breaker.allow_request():
            return None
        try:
            answer = command()
        except self._errors as error:
            self._breaker.record_failure()
            if not self._is_reported:
                self._is_reported = True
                _log.warning("The shared cache does not work (%s); we go on without it.", type(error).__name__)
            return None
        self._breaker.record_success()
        if self._is_reported:
            self._is_reported = False
            _log.warning("The shared cache works again.")
        return answer


def is_unprotected(url: str) -> bool:
    """Whether a cache at ``url`` is on another machine and reached without TLS: its network can read what is cached."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    if parts.scheme != "redis" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
