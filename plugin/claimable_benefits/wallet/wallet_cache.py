"""The cached wallets of all shoppers: what Omneo is asked for, and when it is asked again.

An entry is keyed by Omneo's profile id, which comes from the ledger and never from a request. It carries the
customer's version in the ledger, so that every process notices what the shopper did in another one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.redis_store import RedisStore
from claimable_benefits.cache.swr import CacheEntry, Codec, StaleWhileRevalidateCache, Ttl, Upstream, Version
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.cache.wait_budget import WaitBudget
from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import NotApplied, OmneoError, Rejected, StillLoading
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.customer_version import CustomerVersion, read_customer_version
from claimable_benefits.wallet import snapshot as snapshots
from claimable_benefits.wallet.profile_id import forget_profile_of_customer, profile_of_customer, remember_profile
from claimable_benefits.wallet.snapshot import Snapshot, interned
from claimable_benefits.wallet.source import WalletSource

T = TypeVar("T")

_UNKNOWN = Ttl(fresh=15.0, stale=60.0, max_stale=300.0)  # a shopper who has just joined must not wait for long
_REDEMPTION = 500  # bytes
_OMNEO = Upstream("Omneo", errors=OmneoError, late=StillLoading)
FIRST_VISIT_SECONDS = 1.5  # a person waits that long for a page, and two calls of half a second fit in


@dataclass(frozen=True, slots=True)
class WalletReading:
    """A snapshot. ``age`` is its age in seconds, and 0 while it is fresh.

    ``version`` identifies the snapshot, the shopper's rows in the ledger, and the cached history: two equal versions
    make the same page. It is empty where nothing is cached.
    """

    snapshot: Snapshot
    customer_version: CustomerVersion | None = None
    age: float = 0.0
    version: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the cache: ``weight`` in bytes, times in seconds, ``slots`` for requests that wait.

    A page waits ``budget`` seconds for a known shopper's wallet. A first visit, whose profile has to be found before,
    waits ``first_visit`` seconds, or ``budget`` where that is longer.
    """

    fresh: float = 60.0
    max_stale: float = 3600.0
    weight: int = 16_000_000
    budget: float = 0.4
    first_visit: float = FIRST_VISIT_SECONDS
    slots: int = 4


@dataclass(frozen=True, slots=True)
class WalletCache:
    """The wallets of all shoppers. Without caches (the default) it reads Omneo each time: see `make_wallet_cache`.

    Loads run in the background with a worker's timeouts: they take as long as they need, and succeed while a page has
    stopped waiting. ``fragments`` is for the web: HTML that was rendered from a wallet.
    """

    wallets: StaleWhileRevalidateCache[Snapshot] | None = None
    unknown_shoppers: StaleWhileRevalidateCache[str] | None = None
    histories: StaleWhileRevalidateCache[tuple[Redemption, ...]] | None = None
    wait_budget: WaitBudget | None = None
    thread_pool: ThreadPool | None = None
    redis_store: RedisStore | None = None
    limits: Limits = field(default_factory=Limits)
    fragments: LruCache[Any] = field(default_factory=lambda: LruCache(entries=0, weight=0))

    def get(self, source: WalletSource, shopper: Shopper, *, wait: bool = True) -> WalletReading:
        """Return what the shopper holds and may claim, for a page: from the cache, or read within the wait budget.

        Without ``wait`` it returns at once; a read that has begun goes on. Raises `StillLoading` where there is nothing
        to show yet, and another `OmneoError` where the cache has nothing that agrees with what the shopper has done.
        """
        if self.wallets is None or self.unknown_shoppers is None:
            return self.read(source, shopper)
        wait = wait or not self.limits.fresh  # what is never cached is not there for a later request
        customer_version = self.customer_version(source.ledger, shopper)
        # The first visit notes the profile while it reads the lists: a second read of them would only come later.
        if customer_version is not None and not self.unknown_shoppers.is_loading(shopper.customer_id, Version()):
            try:
                return self._get(source, customer_version, self.wallets, wait=self.limits.budget if wait else 0.0)
            except Rejected as error:
                if error.status != 404:  # 404: the profile was merged into another one (Omneo facts 2)
                    raise
            forget_profile_of_customer(source, shopper.customer_id)
            self.unknown_shoppers.invalidate(shopper.customer_id)
        seconds = max(self.limits.first_visit, self.limits.budget) if wait else 0.0
        return self._get_unknown(source, shopper, self.wallets, self.unknown_shoppers, wait=seconds)

    def prefetch(self, source: WalletSource, shopper: Shopper) -> None:
        """Read the shopper's wallet now, in this thread, unless it is fresh or being read, or nothing is cached at all.

        A failure of Omneo's is remembered for the next page and not raised. Raises `LedgerUnavailable`.
        """
        if self.wallets is None or self.unknown_shoppers is None or not self.limits.fresh:
            return
        customer_version = self.customer_version(source.ledger, shopper)
        if customer_version is None:
            identify = partial(self._identify, source, shopper)
            self.unknown_shoppers.prefetch(shopper.customer_id, Version(), identify)
        else:
            load = partial(_both_lists, source, customer_version.profile_id)
            self.wallets.prefetch(customer_version.profile_id, _version(customer_version), load)

    def _get(
        self,
        source: WalletSource,
        customer_version: CustomerVersion,
        wallets: StaleWhileRevalidateCache[Snapshot],
        *,
        wait: float,
    ) -> WalletReading:
        load = partial(_both_lists, source, customer_version.profile_id)
        version = _version(customer_version)
        entry = wallets.get(customer_version.profile_id, version, load, wait=wait)
        past = self.histories.peek(customer_version.profile_id, version) if self.histories else None
        page = (customer_version.profile_id, entry.since, customer_version.rows, past.since if past else None)
        age = 0.0 if wallets.is_fresh(entry) else wallets.age(entry)
        return WalletReading(entry.value, customer_version, age, page)

    def _get_unknown(
        self,
        source: WalletSource,
        shopper: Shopper,
        wallets: StaleWhileRevalidateCache[Snapshot],
        unknown_shoppers: StaleWhileRevalidateCache[str],
        *,
        wait: float,
    ) -> WalletReading:
        identify = partial(self._identify, source, shopper)
        for _ in range(2):
            entry = unknown_shoppers.get(shopper.customer_id, Version(), identify, wait=wait)
            if not entry.value:
                return WalletReading(Snapshot(None))
            unknown_shoppers.invalidate(shopper.customer_id)  # from now on the ledger knows them
            if customer_version := self.customer_version(source.ledger, shopper):
                return self._get(source, customer_version, wallets, wait=min(wait, self.limits.budget))
            # The profile was read ahead, and deleted since.
        raise NotApplied("The profile was deleted while it was read.")

    def peek(self, source: WalletSource, shopper: Shopper) -> Snapshot | None:
        """Return what the cache has, where it is fresh and agrees with what the shopper has done; else None."""
        if self.wallets is None:
            return None
        customer_version = self.customer_version(source.ledger, shopper)
        if customer_version is None:
            return None
        version = _version(customer_version)
        entry = self.wallets.peek(customer_version.profile_id, version)
        return entry.value if entry and entry.version == version and self.wallets.is_fresh(entry) else None

    def read(self, source: WalletSource, shopper: Shopper) -> WalletReading:
        """Read it from Omneo now, for verbs that change something there. Raises `OmneoError`."""
        with self._slot() as has_slot:
            if not has_slot:
                raise NotApplied("Too many requests wait for Omneo already.")
            return self._read(source, shopper)

    def history(
        self, source: WalletSource, customer_version: CustomerVersion, *, ask: bool
    ) -> tuple[Redemption, ...] | None:
        """Return the profile's redemptions: from the cache, or with ``ask`` read within the wait budget.

        Without ``ask`` it gives None where the cache has none; with ``ask`` it raises `OmneoError`.
        """
        key, version = customer_version.profile_id, _version(customer_version)
        if self.histories is None:
            return source.omneo.redemptions(key, for_display=True)
        if not ask:
            entry = self.histories.peek(key, version)
        else:
            load = partial(_redemptions, source, key)
            entry = self.histories.get(key, version, load, wait=self.limits.budget)
        return entry.value if entry else None

    def customer_version(self, ledger: Ledger, shopper: Shopper) -> CustomerVersion | None:
        """Return the version of the customer's rows in ``ledger``; None while their profile is unknown."""
        return read_customer_version(ledger, shopper.customer_id)

    def forget(self, profile_id: str) -> None:
        """Drop the profile's cached wallet and history, here and in the shared cache. Never raises.

        Other processes notice by themselves what the ledger shows of the profile's claims and uses.
        """
        for cache in (self.wallets, self.histories):
            if cache is not None:
                cache.invalidate(profile_id)

    def close(self) -> None:
        """Stop the threads and close the connections."""
        if self.thread_pool is not None:
            self.thread_pool.stop()
        if self.redis_store is not None:
            self.redis_store.close()

    def _slot(self) -> AbstractContextManager[bool]:
        return self.wait_budget.slot() if self.wait_budget is not None else nullcontext(True)

    def _read(self, source: WalletSource, shopper: Shopper) -> WalletReading:
        seen = self._read_once(source, shopper)
        if seen is None:  # the profile was merged into another one (Omneo facts 2)
            forget_profile_of_customer(source, shopper.customer_id)
            seen = self._read_once(source, shopper)
        return seen or WalletReading(Snapshot(None))

    def _read_once(self, source: WalletSource, shopper: Shopper) -> WalletReading | None:
        """None where Omneo no longer has the profile that the ledger names."""
        profile_id = profile_of_customer(source, shopper.customer_id)
        customer_version = self.customer_version(source.ledger, shopper)
        if profile_id is None or customer_version is None:
            return WalletReading(Snapshot(None))
        load = partial(_both_lists, source, profile_id, for_click=True)
        try:
            if self.wallets is None:
                return WalletReading(load(), customer_version)
            entry = self.wallets.refresh(profile_id, _version(customer_version), load)
            return WalletReading(entry.value, customer_version)
        except Rejected as error:
            if error.status == 404:
                return None
            raise

    def _identify(self, source: WalletSource, shopper: Shopper) -> str:
        """Return the profile id of a shopper who is not in the ledger yet, and load their wallet; empty if unknown."""
        if self.wallets is None:
            return ""
        profile_id = source.omneo.for_workers().profile_id(shopper.customer_id)
        if profile_id is None:
            return ""
        customer_version, load = self._record_profile(source, shopper, profile_id)
        if customer_version is None:
            return ""
        version = _version(customer_version)
        self.wallets.load_shared(profile_id, version, load or partial(_both_lists, source, profile_id))
        return profile_id

    def _record_profile(
        self, source: WalletSource, shopper: Shopper, profile_id: str
    ) -> tuple[CustomerVersion | None, Callable[[], Snapshot] | None]:
        """Write their profile to the ledger; return their version, and their lists where those arrived meanwhile."""

        def record() -> CustomerVersion | None:
            remember_profile(source, shopper.customer_id, profile_id)
            return self.customer_version(source.ledger, shopper)

        if self.thread_pool is None or self.redis_store is not None:  # one process loads for all of them
            return record(), None
        both: list[Callable[[], object]] = [partial(_both_lists, source, profile_id), record]
        snapshot, customer_version = cast("tuple[Snapshot, CustomerVersion | None]", self.thread_pool.gather(both))
        # An entry must not carry a version that is newer than its lists, and here both were read at the same time. The
        # lists are used only where nothing of the customer's has ever changed: then the version was the same before.
        return customer_version, (lambda: snapshot) if customer_version and customer_version.is_untouched else None


def make_wallet_cache(
    limits: Limits,
    thread_pool: ThreadPool,
    redis_store: RedisStore | None,
) -> WalletCache:
    """Make wallets that are cached."""
    wait_budget = WaitBudget(limits.slots)
    max_stale = max(limits.max_stale, limits.fresh) if limits.fresh else 0.0  # fresh 0: nothing is shown twice
    ttl = Ttl(limits.fresh, max(max_stale / 12, limits.fresh), max_stale)

    def cache(share: float, size_of: Callable[[T], int], ttl: Ttl, **more: Any) -> StaleWhileRevalidateCache[T]:
        memory: LruCache[CacheEntry[T]] = LruCache(entries=10_000, weight=int(limits.weight * share))
        return StaleWhileRevalidateCache(
            memory=memory,
            thread_pool=thread_pool,
            wait_budget=wait_budget,
            size_of=size_of,
            upstream=_OMNEO,
            ttl=ttl,
            **more,
        )

    codec = Codec(snapshots.to_json, lambda key, payload: interned(snapshots.from_json(key, payload)))
    return WalletCache(
        wallets=cache(0.5, snapshots.size_of, ttl, redis_store=redis_store, codec=codec),
        unknown_shoppers=cache(0.02, len, _UNKNOWN),
        histories=cache(0.18, lambda found: _REDEMPTION * (1 + len(found)), ttl),
        wait_budget=wait_budget,
        thread_pool=thread_pool,
        redis_store=redis_store,
        limits=limits,
        fragments=LruCache(entries=10_000, weight=int(limits.weight * 0.3)),
    )


def _both_lists(source: WalletSource, profile_id: str, *, for_click: bool = False) -> Snapshot:
    """Read both lists. A click waits for them, so its calls keep the shorter timeouts."""
    omneo = source.omneo if for_click else source.omneo.for_workers()
    benefits, claimable = omneo.holdings(profile_id)
    return interned(Snapshot(profile_id, benefits, claimable))


def _redemptions(source: WalletSource, profile_id: str) -> tuple[Redemption, ...]:
    return source.omneo.for_workers().redemptions(profile_id, for_display=True)


def _version(customer_version: CustomerVersion) -> Version:
    return Version(customer_version.writes, customer_version.invalidations)
