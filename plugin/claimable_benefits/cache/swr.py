"""Values that are slow to load: kept for a while, then shown stale while they are loaded anew, once for all who ask."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.redis_store import RedisStore
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.cache.wait_budget import WaitBudget
from claimable_benefits.errors import NotApplied, OmneoError

T = TypeVar("T")

_log = logging.getLogger("claimable_benefits")
_LOCK_SECONDS = 5.0  # longer than a load: an expired lock costs a second load and nothing more
_LOOK_AGAIN = 0.02


class Version(NamedTuple):
    """What must not have changed since a value was loaded.

    With another ``own`` the value contradicts what the reader has done, so it is not shown at all; with another
    ``hint`` somebody says that it is out of date, so it is shown only where a new one cannot be had.
    """

    writes: str = ""
    invalidations: str = ""


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[T]):
    """A value, what it was loaded under, and when, in seconds of the keeper's clock.

    ``since`` is when it was first loaded as it is: what was made of it then is still good.
    """

    value: T
    version: Version
    loaded_at: float
    since: float


@dataclass(frozen=True, slots=True)
class Ttl:
    """In seconds: a value is ``fresh``, then shown while it is loaded anew (``stale``), then in need (``last``)."""

    fresh: float = 60.0
    stale: float = 300.0
    max_stale: float = 3600.0


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value travels to other processes.

    ``read`` takes the key and the payload, and raises `ValueError` for what it cannot read or what is not of that key.
    """

    dump: Callable[[T], bytes]
    load: Callable[[str, bytes], T]


class StaleWhileRevalidateCache(Generic[T]):
    """Keeps what ``load`` brings. Safe between threads; ``weigh`` estimates the bytes of a value.

    Times are those of ``clock``, which never goes back: so no step of the wall clock lets anything live for ever.
    """

    def __init__(
        self,
        *,
        bounded: LruCache[CacheEntry[T]],
        thread_pool: ThreadPool,
        wait_budget: WaitBudget,
        weigh: Callable[[T], int],
        spans: Ttl = Ttl(),
        redis_store: RedisStore | None = None,
        codec: Codec[T] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bounded = bounded
        self._crew = thread_pool
        self._patience = wait_budget
        self._weigh = weigh
        self._spans = spans
        self._shared = _Shared(redis_store, codec, spans, clock) if redis_store and codec else None
        self._clock = clock
        self._flights: dict[tuple[str, Version], _InFlight[T]] = {}
        self._faults: LruCache[tuple[OmneoError, float]] = LruCache(entries=1000, weight=1000)
        self._lock = threading.Lock()

    def recall(self, key: str, mark: Version, load: Callable[[], T]) -> CacheEntry[T]:
        """The value, as fresh as it can be had without waiting for long.

        Raises what ``load`` raised, and `Unreachable` where nothing can be shown in time.
        """
        kept = self.peek(key, mark)
        if kept and kept.version == mark and self.is_fresh(kept):
            return kept
        if fault := self._recent_error(key):
            return _or_raise(kept, fault)
        flight = self._load_once(key, mark, load)
        if kept and kept.version == mark and self.age(kept) < self._spans.stale:
            return kept
        if flight and self._patience.wait(flight.done):
            return flight.kept or _or_raise(self.peek(key, mark), flight.error)
        # Meanwhile another process may have given its stale one.
        return _or_raise(self.peek(key, mark), None)

    def peek(self, key: str, mark: Version) -> CacheEntry[T] | None:
        """What is kept and may be shown in need; loads nothing."""
        kept = self._bounded.get(key)
        return kept if kept and kept.version.writes == mark.writes and self.age(kept) < self._spans.max_stale else None

    def is_fresh(self, kept: CacheEntry[T]) -> bool:
        """Whether it is so young that nobody has to be told."""
        return self.age(kept) < self._spans.fresh

    def age(self, kept: CacheEntry[T]) -> float:
        """How many seconds ago it was loaded."""
        return self._clock() - kept.loaded_at

    def load_shared(self, key: str, mark: Version, load: Callable[[], T]) -> CacheEntry[T]:
        """Load it now, in this thread, once for all processes. Raises what ``load`` raises."""
        if self._shared is None:
            return self.refresh(key, mark, load)
        shared = self._shared
        if stale := shared.find(key, mark):
            stale = self._put(key, stale)
            if shared.is_fresh(stale, mark):
                return stale
        return shared.once(key, mark, lambda: self.refresh(key, mark, load), lambda found: self._put(key, found))

    def refresh(self, key: str, mark: Version, load: Callable[[], T]) -> CacheEntry[T]:
        """Load it now, in this thread, whatever is kept. Raises what ``load`` raises."""
        at = self._clock()
        kept = self._put(key, CacheEntry(load(), mark, at, at))
        if self._shared:
            self._shared.put(key, kept)
        return kept

    def invalidate(self, key: str) -> None:
        """Forget it, here and in the cache of the fleet."""
        self._bounded.drop(key)
        self._faults.drop(key)
        if self._shared:
            self._shared.drop(key)

    def _put(self, key: str, kept: CacheEntry[T]) -> CacheEntry[T]:
        before = self._bounded.get(key)
        if before and before.value == kept.value:
            kept = replace(kept, since=before.since)
        self._bounded.put(key, kept, self._weigh(kept.value))
        return kept

    def _load_once(self, key: str, mark: Version, load: Callable[[], T]) -> _InFlight[T] | None:
        """The flight that loads it: the one under way, else a new one; None where the crew has no room for it."""
        with self._lock:
            if flight := self._flights.get((key, mark)):
                return flight
            flight = self._flights[key, mark] = _InFlight[T]()
        if self._crew.submit(lambda: self._finish_load(flight, key, mark, load)):
            return flight
        with self._lock:
            del self._flights[key, mark]
        flight.error = NotApplied("Too much is being loaded at the moment.")
        flight.done.set()
        return None

    def _finish_load(self, flight: _InFlight[T], key: str, mark: Version, load: Callable[[], T]) -> None:
        try:
            # A flight that landed between the reader's look and its own start has brought it already.
            kept = self.peek(key, mark)
            is_here = kept is not None and kept.version == mark and self.is_fresh(kept)
            flight.kept = kept if is_here else self.load_shared(key, mark, load)
        except OmneoError as error:
            flight.error = error
            self._faults.put(key, (error, self._clock() + self._patience.pause), 1)
        except BaseException as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                del self._flights[key, mark]
            flight.done.set()

    def _recent_error(self, key: str) -> OmneoError | None:
        """What went wrong a moment ago: asking again at once would bring the same, and cost a wait."""
        found = self._faults.get(key)
        return found[0] if found and self._clock() < found[1] else None


class _InFlight(Generic[T]):
    """One load, and everybody who waits for it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.kept: CacheEntry[T] | None = None
        self.error: BaseException | None = None


def _or_raise(kept: CacheEntry[T] | None, error: BaseException | None) -> CacheEntry[T]:
    if kept is not None:
        return kept
    if error is not None:
        raise error
    raise NotApplied("Omneo takes longer than a page can wait.")


class _Shared(Generic[T]):
    """The second level: what other processes have loaded, and whose turn it is to load."""

    def __init__(self, redis_store: RedisStore, codec: Codec[T], spans: Ttl, clock: Callable[[], float]) -> None:
        self._fleet = redis_store
        self._codec = codec
        self._spans = spans
        self._clock = clock
        self._said = False

    def find(self, key: str, mark: Version) -> CacheEntry[T] | None:
        """What may be shown in need."""
        found = self._fleet.get(key)
        if found is None:
            return None
        payload, left = found
        age = self._spans.max_stale - left  # by the server's own clock, whatever those of the shop's machines say
        try:
            head, _, body = payload.partition(b"\n")
            own, _, hint = head.decode().partition("|")
            value = self._codec.load(key, body)
        except ValueError:
            self._say()
            return None
        at = self._clock() - max(age, 0.0)
        kept = CacheEntry(value, Version(own, hint), at, at)
        return kept if own == mark.writes and age >= -1 else None

    def is_fresh(self, kept: CacheEntry[T], mark: Version) -> bool:
        return kept.version == mark and self._clock() - kept.loaded_at < self._spans.fresh

    def put(self, key: str, kept: CacheEntry[T]) -> None:
        head = f"{kept.version.writes}|{kept.version.invalidations}\n".encode()
        left = self._spans.max_stale - (self._clock() - kept.loaded_at)
        self._fleet.put(key, head + self._codec.dump(kept.value), left)

    def drop(self, key: str) -> None:
        self._fleet.delete(key)

    def once(
        self, key: str, mark: Version, load: Callable[[], CacheEntry[T]], keep: Callable[[CacheEntry[T]], CacheEntry[T]]
    ) -> CacheEntry[T]:
        """Load it, unless another process does so right now: then take what it brings."""
        until = self._clock() + _LOCK_SECONDS
        while self._fleet.is_available and self._clock() < until:
            token = self._fleet.lock(key, _LOCK_SECONDS)
            try:
                if (theirs := self.find(key, mark)) and self.is_fresh(theirs, mark):
                    return keep(theirs)
                if token:
                    return load()
            finally:
                if token:
                    self._fleet.unlock(key, token)
            time.sleep(_LOOK_AGAIN)
        return load()

    def _say(self) -> None:
        if not self._said:
            self._said = True
            _log.warning("The shared cache holds something that is not ours; we go on without it.")
