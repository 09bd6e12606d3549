"""A stale-while-revalidate cache: a value is fresh, then shown while it is loaded again, once for all readers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.redis_store import RedisStore
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.cache.wait_budget import WaitBudget

T = TypeVar("T")

_LOCK_SECONDS = 5.0  # longer than a usual load: an expired lock costs a second load and nothing more
_PAUSE = 2.0  # seconds: what failed or was slow a moment ago still is, for this value


class Version(NamedTuple):
    """What must not have changed since a value was loaded.

    A value of other ``writes`` contradicts what the reader has done, so it is not shown at all. A value of other
    ``invalidations`` was reported to be out of date, so it is shown only where a new one cannot be had.
    """

    writes: str = ""
    invalidations: str = ""


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[T]):
    """A value, the version it was loaded for, and when it was loaded, in seconds of the cache's clock.

    ``since`` is when an equal value was first loaded: what was rendered of it then is still valid.
    """

    value: T
    version: Version
    loaded_at: float
    since: float


@dataclass(frozen=True, slots=True)
class Ttl:
    """Ages in seconds: up to ``fresh`` a value is shown as it is.

    Up to ``stale`` it is shown while it is loaded again, and up to ``max_stale`` only where loading fails.
    """

    fresh: float = 60.0
    stale: float = 300.0
    max_stale: float = 3600.0


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value travels to other processes.

    ``load`` takes the key and the payload, and raises `ValueError` for what it cannot read or what is not of that key:
    such an entry is dropped.
    """

    dump: Callable[[T], bytes]
    load: Callable[[str, bytes], T]


@dataclass(frozen=True, slots=True)
class Upstream:
    """What values are loaded from: its ``name`` in error sentences, and its errors.

    ``errors`` are the anticipated failures of a load, which are remembered for a moment. ``late`` makes, from a
    sentence, the error that is raised where nothing can be shown yet, and may be in a moment.
    """

    name: str
    errors: type[Exception]
    late: Callable[[str], Exception]


class StaleWhileRevalidateCache(Generic[T]):
    """Keeps in ``memory`` what ``load`` returns, and shares it through ``redis_store`` where there is one.

    Safe between threads. ``size_of`` estimates the bytes of a value. ``clock`` counts seconds and never goes back, so
    no step of the wall clock lets a value live for ever.
    """

    def __init__(
        self,
        *,
        memory: LruCache[CacheEntry[T]],
        thread_pool: ThreadPool,
        wait_budget: WaitBudget,
        size_of: Callable[[T], int],
        upstream: Upstream,
        ttl: Ttl = Ttl(),
        redis_store: RedisStore | None = None,
        codec: Codec[T] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory = memory
        self._thread_pool = thread_pool
        self._wait_budget = wait_budget
        self._size_of = size_of
        self._upstream = upstream
        self._ttl = ttl
        self._shared = _SharedLevel(redis_store, codec, ttl, clock) if redis_store and codec else None
        self._clock = clock
        self._in_flight: dict[tuple[str, Version], _InFlight[T]] = {}
        self._recent_errors: LruCache[tuple[Exception, float]] = LruCache(entries=1000, weight=1000)
        self._lock = threading.Lock()

    def get(self, key: str, version: Version, load: Callable[[], T], *, wait: float) -> CacheEntry[T]:
        """Return the value, as fresh as it can be had within ``wait`` seconds and the wait budget.

        A load goes on after that, for the next reader. Raises what ``load`` raises, and the upstream's ``late`` where
        nothing can be shown yet.
        """
        entry = self.peek(key, version)
        if entry and entry.version == version and self.is_fresh(entry):
            return entry
        if error := self._recent_error(key):
            return self._or_raise(entry, error)
        flight = self._load_once(key, version, load)
        if entry and entry.version == version and self.age(entry) < self._ttl.stale:
            return entry
        if self._wait(flight, wait):
            return flight.entry or self._or_raise(self.peek(key, version), flight.error)
        # Meanwhile the load may have found another process's stale value.
        return self._or_raise(self.peek(key, version), None)

    def prefetch(self, key: str, version: Version, load: Callable[[], T]) -> None:
        """Load it now, in this thread, unless it is fresh, is being loaded or has just failed.

        Readers that come meanwhile wait for this load as for their own. An anticipated failure is remembered and not
        raised.
        """
        entry = self.peek(key, version)
        if (entry and entry.version == version and self.is_fresh(entry)) or self._recent_error(key):
            return
        flight, is_ours = self._join(key, version)
        if is_ours:
            self._finish_load(flight, key, version, load)

    def peek(self, key: str, version: Version) -> CacheEntry[T] | None:
        """Return what may be shown where loading fails; load nothing."""
        entry = self._memory.get(key)
        if entry and entry.version.writes == version.writes and self.age(entry) < self._ttl.max_stale:
            return entry
        return None

    def is_loading(self, key: str, version: Version) -> bool:
        """Whether a load of it is under way in this process."""
        return (key, version) in self._in_flight

    def is_fresh(self, entry: CacheEntry[T]) -> bool:
        """Whether it is so young that a page shows it without its age."""
        return self.age(entry) < self._ttl.fresh

    def age(self, entry: CacheEntry[T]) -> float:
        """How many seconds ago it was loaded."""
        return self._clock() - entry.loaded_at

    def load_shared(self, key: str, version: Version, load: Callable[[], T]) -> CacheEntry[T]:
        """Load it now, in this thread, once for all processes. Raises what ``load`` raises."""
        if self._shared is None:
            return self.refresh(key, version, load)
        shared = self._shared
        if stale := shared.find(key, version):
            stale = self._put(key, stale)
            if shared.is_fresh(stale, version):
                return stale
        with shared.lock(key):
            if (theirs := shared.find(key, version)) and shared.is_fresh(theirs, version):
                return self._put(key, theirs)
            return self.refresh(key, version, load)

    def refresh(self, key: str, version: Version, load: Callable[[], T]) -> CacheEntry[T]:
        """Load it now, in this thread, whatever is cached. Raises what ``load`` raises."""
        at = self._clock()
        entry = self._put(key, CacheEntry(load(), version, at, at))
        if self._shared:
            self._shared.put(key, entry)
        return entry

    def invalidate(self, key: str) -> None:
        """Forget it, here and in the shared cache."""
        self._memory.drop(key)
        self._recent_errors.drop(key)
        if self._shared:
            self._shared.drop(key)

    def _put(self, key: str, entry: CacheEntry[T]) -> CacheEntry[T]:
        before = self._memory.get(key)
        if before and before.value == entry.value:
            entry = replace(entry, since=before.since)
        self._memory.put(key, entry, self._size_of(entry.value))
        return entry

    def _load_once(self, key: str, version: Version, load: Callable[[], T]) -> _InFlight[T]:
        """Return the load that is under way, else begin one; it has failed where the thread pool has no room for it."""
        flight, is_ours = self._join(key, version)
        if is_ours and not self._thread_pool.submit(lambda: self._finish_load(flight, key, version, load)):
            with self._lock:
                del self._in_flight[key, version]
            flight.error = self._upstream.late("Too much is being loaded at the moment.")
            flight.done.set()
        return flight

    def _join(self, key: str, version: Version) -> tuple[_InFlight[T], bool]:
        """Return the load that is under way, else enter one that the caller begins; and whether it is the caller's."""
        with self._lock:
            if flight := self._in_flight.get((key, version)):
                return flight, False
            flight = self._in_flight[key, version] = _InFlight[T]()
            return flight, True

    def _wait(self, flight: _InFlight[T], seconds: float) -> bool:
        """Wait for a load, unless a reader has just waited too long for the same one; return whether it has ended."""
        if flight.done.is_set():
            return True
        if seconds <= 0 or self._clock() < flight.not_before:
            return False
        came = self._wait_budget.wait(flight.done, seconds)
        if came is False:
            flight.not_before = self._clock() + _PAUSE
        return came is True

    def _finish_load(self, flight: _InFlight[T], key: str, version: Version, load: Callable[[], T]) -> None:
        try:
            # A load that ended between the reader's look and its own start has brought it already.
            entry = self.peek(key, version)
            is_here = entry is not None and entry.version == version and self.is_fresh(entry)
            flight.entry = entry if is_here else self.load_shared(key, version, load)
        except self._upstream.errors as error:
            flight.error = error
            self._recent_errors.put(key, (error, self._clock() + _PAUSE), 1)
        except BaseException as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                del self._in_flight[key, version]
            flight.done.set()

    def _recent_error(self, key: str) -> Exception | None:
        """What failed a moment ago: another load at once would fail as well, and cost a wait."""
        found = self._recent_errors.get(key)
        return found[0] if found and self._clock() < found[1] else None

    def _or_raise(self, entry: CacheEntry[T] | None, error: BaseException | None) -> CacheEntry[T]:
        if entry is not None:
            return entry
        raise error or self._upstream.late(f"{self._upstream.name} takes longer than a page can wait.")


class _InFlight(Generic[T]):
    """One load, and every reader that waits for it; none does before ``not_before``, by the cache's clock."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.not_before = float("-inf")
        self.entry: CacheEntry[T] | None = None
        self.error: BaseException | None = None


class _SharedLevel(Generic[T]):
    """The second level: what other processes have loaded, and a lock for the one that loads."""

    def __init__(self, redis_store: RedisStore, codec: Codec[T], ttl: Ttl, clock: Callable[[], float]) -> None:
        self._redis_store = redis_store
        self._codec = codec
        self._ttl = ttl
        self._clock = clock

    def find(self, key: str, version: Version) -> CacheEntry[T] | None:
        """Return what may be shown where loading fails."""
        found = self._redis_store.get(key)
        if found is None:
            return None
        payload, left = found
        age = self._ttl.max_stale - left  # by the server's own clock, whatever those of the shop's machines say
        try:
            head, _, body = payload.partition(b"\n")
            writes, _, invalidations = head.decode().partition("|")
            value = self._codec.load(key, body)
        except Exception:  # noqa: BLE001 - another version of this package may have written it, and a page must not fail
            self._redis_store.drop_unreadable(key)
            return None
        at = self._clock() - max(age, 0.0)
        entry = CacheEntry(value, Version(writes, invalidations), at, at)
        return entry if writes == version.writes and age >= -1 else None

    def is_fresh(self, entry: CacheEntry[T], version: Version) -> bool:
        return entry.version == version and self._clock() - entry.loaded_at < self._ttl.fresh

    def put(self, key: str, entry: CacheEntry[T]) -> None:
        head = f"{entry.version.writes}|{entry.version.invalidations}\n".encode()
        left = self._ttl.max_stale - (self._clock() - entry.loaded_at)
        self._redis_store.put(key, head + self._codec.dump(entry.value), left)

    def drop(self, key: str) -> None:
        self._redis_store.delete(key)

    def lock(self, key: str) -> AbstractContextManager[bool]:
        """Let one process load at a time; each waits for as long as a load takes, and then loads all the same."""
        return self._redis_store.lock(key, _LOCK_SECONDS, wait=_LOCK_SECONDS)
