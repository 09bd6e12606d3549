"""The wallets of all shoppers, as far as we remember them: which Omneo is asked for, and when it is asked again.

What is remembered of a shopper is keyed by Omneo's profile id, which comes from the ledger and never from a request.
It carries the shopper's standing in the ledger, so that every process notices what the shopper did in another one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.redis_store import RedisStore
from claimable_benefits.cache.swr import CacheEntry, Codec, StaleWhileRevalidateCache, Ttl, Version
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.cache.wait_budget import WaitBudget
from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import NotApplied, Rejected
from claimable_benefits.ledger.customer_version import CustomerVersion, CustomerVersions, read_customer_version
from claimable_benefits.wallet import snapshot as snapshots
from claimable_benefits.wallet.profile_id import forget_profile_of, profile_of, remember_profile
from claimable_benefits.wallet.snapshot import Snapshot, interned

if TYPE_CHECKING:
    from claimable_benefits.service.context import Context

T = TypeVar("T")

_UNKNOWN = Ttl(fresh=15.0, stale=60.0, max_stale=300.0)  # somebody who has just joined shall not wait for long
_REDEMPTION = 500  # bytes


@dataclass(frozen=True, slots=True)
class WalletReading:
    """A snapshot. ``age`` is how old it is in seconds, and 0 while it is fresh.

    ``version`` names it, the shopper's rows in the ledger, and the history that is remembered besides: equal ones are
    of the same page. It is empty where nothing is remembered.
    """

    snapshot: Snapshot
    customer_version: CustomerVersion | None = None
    age: float = 0.0
    version: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is remembered, and how long anybody waits. See the settings of the same names."""

    fresh: float = 60.0
    max_stale: float = 3600.0
    weight: int = 16_000_000
    budget: float = 0.4
    slots: int = 4


@dataclass(frozen=True, slots=True)
class WalletCache:
    """Remembers nothing and waits for Omneo each time, until it is given keepers: see `remembering`.

    ``fragments`` is for the web: what was rendered of a wallet.
    """

    wallets: StaleWhileRevalidateCache[Snapshot] | None = None
    unknown_shoppers: StaleWhileRevalidateCache[str] | None = None
    histories: StaleWhileRevalidateCache[tuple[Redemption, ...]] | None = None
    wait_budget: WaitBudget | None = None
    thread_pool: ThreadPool | None = None
    redis_store: RedisStore | None = None
    customer_versions: CustomerVersions | None = None
    fragments: LruCache[Any] = field(default_factory=lambda: LruCache(entries=0, weight=0))

    def get(self, ctx: Context, shopper: Shopper) -> WalletReading:
        """What the shopper holds and may claim, for a page: remembered, or read within the budget.

        Raises `OmneoError` where nothing can be shown that does not contradict what the shopper has done.
        """
        if self.wallets is None or self.unknown_shoppers is None:
            return self.read(ctx, shopper)
        customer_version = self.customer_version(ctx, shopper)
        if customer_version is not None:
            try:
                return self._get(ctx, customer_version, self.wallets)
            except Rejected as error:
                if error.status != 404:  # else the profile was merged into another one (Omneo facts 2)
                    raise
            forget_profile_of(ctx, shopper)
            self.unknown_shoppers.invalidate(shopper.customer_id)
        return self._get_unknown(ctx, shopper, self.wallets, self.unknown_shoppers)

    def _get(
        self, ctx: Context, customer_version: CustomerVersion, wallets: StaleWhileRevalidateCache[Snapshot]
    ) -> WalletReading:
        load = partial(_both_lists, ctx, customer_version.profile_id)
        mark = _mark(customer_version)
        kept = wallets.recall(customer_version.profile_id, mark, load)
        past = self.histories.peek(customer_version.profile_id, mark) if self.histories else None
        version = (customer_version.profile_id, kept.since, customer_version.rows, past.since if past else None)
        return WalletReading(
            kept.value, customer_version, 0.0 if wallets.is_fresh(kept) else wallets.age(kept), version
        )

    def _get_unknown(
        self,
        ctx: Context,
        shopper: Shopper,
        wallets: StaleWhileRevalidateCache[Snapshot],
        strangers: StaleWhileRevalidateCache[str],
    ) -> WalletReading:
        kept = strangers.recall(shopper.customer_id, Version(), lambda: self._identify(ctx, shopper))
        if not kept.value:
            return WalletReading(Snapshot(None))
        strangers.invalidate(shopper.customer_id)  # from now on the ledger knows them
        customer_version = self.customer_version(ctx, shopper)
        if customer_version is None:
            raise NotApplied("The profile went away while it was read.")
        return self._get(ctx, customer_version, wallets)

    def read(self, ctx: Context, shopper: Shopper) -> WalletReading:
        """The same from Omneo itself, for verbs that change something there; raises `OmneoError`."""
        with self._slot() as has_place:
            if not has_place:
                raise NotApplied("Too many wait for Omneo already.")
            return self._read(ctx, shopper)

    def history(self, ctx: Context, customer_version: CustomerVersion, *, ask: bool) -> tuple[Redemption, ...] | None:
        """The profile's redemptions: remembered, or with ``ask`` read within the budget. None where they are not there.

        With ``ask`` it raises `OmneoError`.
        """
        load = partial(ctx.omneo.redemptions, customer_version.profile_id)
        if self.histories is None:
            return load()
        key, mark = customer_version.profile_id, _mark(customer_version)
        kept = self.histories.recall(key, mark, load) if ask else self.histories.peek(key, mark)
        return kept.value if kept else None

    def customer_version(self, ctx: Context, shopper: Shopper) -> CustomerVersion | None:
        if self.customer_versions is None:
            return read_customer_version(ctx.ledger, shopper.customer_id)
        return self.customer_versions.of(shopper.customer_id)

    def forget(self, profile_id: str) -> None:
        """Forget what is remembered of a profile, here and in the cache of the fleet. Never raises.

        Other processes notice by themselves what the ledger shows of the profile's claims and uses.
        """
        for cache in (self.wallets, self.histories):
            if cache is not None:
                cache.invalidate(profile_id)

    def close(self) -> None:
        """End the threads and the connections."""
        if self.thread_pool is not None:
            self.thread_pool.stop()
        if self.redis_store is not None:
            self.redis_store.close()
        if self.customer_versions is not None:
            self.customer_versions.close()

    def _slot(self) -> AbstractContextManager[bool]:
        return self.wait_budget.slot() if self.wait_budget is not None else nullcontext(True)

    def _read(self, ctx: Context, shopper: Shopper) -> WalletReading:
        seen = self._read_once(ctx, shopper)
        if seen is None:  # the profile was merged into another one (Omneo facts 2)
            forget_profile_of(ctx, shopper)
            seen = self._read_once(ctx, shopper)
        return seen or WalletReading(Snapshot(None))

    def _read_once(self, ctx: Context, shopper: Shopper) -> WalletReading | None:
        """None where the profile that we remember is not there any more."""
        profile_id = profile_of(ctx, shopper)
        customer_version = self.customer_version(ctx, shopper)
        if profile_id is None or customer_version is None:
            return WalletReading(Snapshot(None))
        load = partial(_both_lists, ctx, profile_id)
        try:
            if self.wallets is None:
                return WalletReading(load(), customer_version)
            return WalletReading(
                self.wallets.refresh(profile_id, _mark(customer_version), load).value, customer_version
            )
        except Rejected as error:
            if error.status == 404:
                return None
            raise

    def _identify(self, ctx: Context, shopper: Shopper) -> str:
        """The profile id of somebody who is not in the ledger yet, and their lists on the way; empty for nobody."""
        if self.wallets is None:
            return ""
        profile_id = ctx.omneo.profile_id(shopper.customer_id)
        if profile_id is None:
            return ""
        customer_version, load = self._note(ctx, shopper, profile_id)
        if customer_version is None:
            return ""
        self.wallets.load_shared(profile_id, _mark(customer_version), load or partial(_both_lists, ctx, profile_id))
        return profile_id

    def _note(
        self, ctx: Context, shopper: Shopper, profile_id: str
    ) -> tuple[CustomerVersion | None, Callable[[], Snapshot] | None]:
        """Write their profile to the ledger; gives where they stand, and their lists where those came meanwhile."""

        def note() -> CustomerVersion | None:
            remember_profile(ctx, shopper.customer_id, profile_id)
            return self.customer_version(ctx, shopper)

        if self.thread_pool is None or self.redis_store is not None:  # in a fleet, one process asks for all
            return note(), None
        both: list[Callable[[], object]] = [partial(_both_lists, ctx, profile_id), note]
        snapshot, customer_version = cast("tuple[Snapshot, CustomerVersion | None]", self.thread_pool.gather(both))
        # Where they stand must be known before the lists are read, lest it names what these do not show. Where nothing
        # of theirs has changed by now, there was nothing to name.
        return customer_version, (lambda: snapshot) if customer_version and customer_version.is_untouched else None


def make_wallet_cache(
    limits: Limits,
    thread_pool: ThreadPool,
    redis_store: RedisStore | None,
    customer_versions: CustomerVersions | None = None,
) -> WalletCache:
    """Wallets that remember. ``standings`` are those of the ledger that they are used with."""
    wait_budget = WaitBudget(limits.budget, limits.slots)
    last = max(limits.max_stale, limits.fresh) if limits.fresh else 0.0  # nothing is shown twice where nothing is fresh
    spans = Ttl(limits.fresh, max(last / 12, limits.fresh), last)

    def cache(share: float, weigh: Callable[[T], int], spans: Ttl, **more: Any) -> StaleWhileRevalidateCache[T]:
        bounded: LruCache[CacheEntry[T]] = LruCache(entries=10_000, weight=int(limits.weight * share))
        return StaleWhileRevalidateCache(
            bounded=bounded, thread_pool=thread_pool, wait_budget=wait_budget, weigh=weigh, spans=spans, **more
        )

    codec = Codec(snapshots.to_json, lambda key, payload: interned(snapshots.from_json(key, payload)))
    return WalletCache(
        wallets=cache(0.5, snapshots.size_of, spans, redis_store=redis_store, codec=codec),
        unknown_shoppers=cache(0.02, len, _UNKNOWN),
        histories=cache(0.18, lambda found: _REDEMPTION * (1 + len(found)), spans),
        wait_budget=wait_budget,
        thread_pool=thread_pool,
        redis_store=redis_store,
        customer_versions=customer_versions,
        fragments=LruCache(entries=10_000, weight=int(limits.weight * 0.3)),
    )


def _both_lists(ctx: Context, profile_id: str) -> Snapshot:
    benefits, claimable = ctx.omneo.holdings(profile_id)
    return interned(Snapshot(profile_id, benefits, claimable))


def _mark(customer_version: CustomerVersion) -> Version:
    return Version(customer_version.writes, customer_version.invalidations)
