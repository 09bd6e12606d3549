"""The shelves of all shoppers, as far as we remember them: which Omneo is asked for, and when it is asked again.

What is remembered of a shopper is keyed by Omneo's profile id, which comes from the ledger and never from a request.
It carries the shopper's standing in the ledger, so that every process notices what the shopper did in another one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from claimable_benefits.cache.lru import Bounded
from claimable_benefits.cache.redis_store import Fleet
from claimable_benefits.cache.swr import Codec, Keeper, Kept, Mark, Spans
from claimable_benefits.cache.thread_pool import Crew
from claimable_benefits.cache.wait_budget import Patience
from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import Rejected, Unreachable
from claimable_benefits.ledger.customer_version import Standing, Standings, standing_of
from claimable_benefits.wallet import snapshot as snapshots
from claimable_benefits.wallet.profile_id import forget_profile_of, profile_of, remember_profile
from claimable_benefits.wallet.snapshot import Snapshot, interned

if TYPE_CHECKING:
    from claimable_benefits.service.context import Context

T = TypeVar("T")

_UNKNOWN = Spans(fresh=15.0, stale=60.0, last=300.0)  # somebody who has just joined shall not wait for long
_REDEMPTION = 500  # bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """A snapshot. ``age`` is how old it is in seconds, and 0 while it is fresh.

    ``version`` names it, the shopper's rows in the ledger, and the history that is remembered besides: equal ones are
    of the same page. It is empty where nothing is remembered.
    """

    snapshot: Snapshot
    standing: Standing | None = None
    age: float = 0.0
    version: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is remembered, and how long anybody waits. See the settings of the same names."""

    fresh: float = 60.0
    last: float = 3600.0
    weight: int = 16_000_000
    budget: float = 0.4
    places: int = 4


@dataclass(frozen=True, slots=True)
class Shelves:
    """Remembers nothing and waits for Omneo each time, until it is given keepers: see `remembering`.

    ``fragments`` is for the web: what was rendered of a shelf.
    """

    shelves: Keeper[Snapshot] | None = None
    strangers: Keeper[str] | None = None
    histories: Keeper[tuple[Redemption, ...]] | None = None
    patience: Patience | None = None
    crew: Crew | None = None
    fleet: Fleet | None = None
    standings: Standings | None = None
    fragments: Bounded[Any] = field(default_factory=lambda: Bounded(entries=0, weight=0))

    def recall(self, ctx: Context, shopper: Shopper) -> Seen:
        """What the shopper holds and may claim, for a page: remembered, or read within the budget.

        Raises `OmneoError` where nothing can be shown that does not contradict what the shopper has done.
        """
        if self.shelves is None or self.strangers is None:
            return self.read(ctx, shopper)
        standing = self.standing(ctx, shopper)
        if standing is not None:
            try:
                return self._recall(ctx, standing, self.shelves)
            except Rejected as error:
                if error.status != 404:  # else the profile was merged into another one (Omneo facts 2)
                    raise
            forget_profile_of(ctx, shopper)
            self.strangers.drop(shopper.customer_id)
        return self._recall_stranger(ctx, shopper, self.shelves, self.strangers)

    def _recall(self, ctx: Context, standing: Standing, shelves: Keeper[Snapshot]) -> Seen:
        load = partial(_both_lists, ctx, standing.profile_id)
        mark = _mark(standing)
        kept = shelves.recall(standing.profile_id, mark, load)
        past = self.histories.kept(standing.profile_id, mark) if self.histories else None
        version = (standing.profile_id, kept.since, standing.rows, past.since if past else None)
        return Seen(kept.value, standing, 0.0 if shelves.is_fresh(kept) else shelves.age(kept), version)

    def _recall_stranger(
        self, ctx: Context, shopper: Shopper, shelves: Keeper[Snapshot], strangers: Keeper[str]
    ) -> Seen:
        kept = strangers.recall(shopper.customer_id, Mark(), lambda: self._meet(ctx, shopper))
        if not kept.value:
            return Seen(Snapshot(None))
        strangers.drop(shopper.customer_id)  # from now on the ledger knows them
        standing = self.standing(ctx, shopper)
        if standing is None:
            raise Unreachable("The profile went away while it was read.")
        return self._recall(ctx, standing, shelves)

    def read(self, ctx: Context, shopper: Shopper) -> Seen:
        """The same from Omneo itself, for verbs that change something there; raises `OmneoError`."""
        with self._place() as has_place:
            if not has_place:
                raise Unreachable("Too many wait for Omneo already.")
            return self._read(ctx, shopper)

    def history(self, ctx: Context, standing: Standing, *, ask: bool) -> tuple[Redemption, ...] | None:
        """The profile's redemptions: remembered, or with ``ask`` read within the budget. None where they are not there.

        With ``ask`` it raises `OmneoError`.
        """
        load = partial(ctx.omneo.redemptions, standing.profile_id)
        if self.histories is None:
            return load()
        key, mark = standing.profile_id, _mark(standing)
        kept = self.histories.recall(key, mark, load) if ask else self.histories.kept(key, mark)
        return kept.value if kept else None

    def standing(self, ctx: Context, shopper: Shopper) -> Standing | None:
        if self.standings is None:
            return standing_of(ctx.ledger, shopper.customer_id)
        return self.standings.of(shopper.customer_id)

    def forget(self, profile_id: str) -> None:
        """Forget what is remembered of a profile, here and in the cache of the fleet. Never raises.

        Other processes notice by themselves what the ledger shows of the profile's claims and uses.
        """
        for keeper in (self.shelves, self.histories):
            if keeper is not None:
                keeper.drop(profile_id)

    def close(self) -> None:
        """End the threads and the connections."""
        if self.crew is not None:
            self.crew.stop()
        if self.fleet is not None:
            self.fleet.close()
        if self.standings is not None:
            self.standings.close()

    def _place(self) -> AbstractContextManager[bool]:
        return self.patience.place() if self.patience is not None else nullcontext(True)

    def _read(self, ctx: Context, shopper: Shopper) -> Seen:
        seen = self._read_once(ctx, shopper)
        if seen is None:  # the profile was merged into another one (Omneo facts 2)
            forget_profile_of(ctx, shopper)
            seen = self._read_once(ctx, shopper)
        return seen or Seen(Snapshot(None))

    def _read_once(self, ctx: Context, shopper: Shopper) -> Seen | None:
        """None where the profile that we remember is not there any more."""
        profile_id = profile_of(ctx, shopper)
        standing = self.standing(ctx, shopper)
        if profile_id is None or standing is None:
            return Seen(Snapshot(None))
        load = partial(_both_lists, ctx, profile_id)
        try:
            if self.shelves is None:
                return Seen(load(), standing)
            return Seen(self.shelves.renew(profile_id, _mark(standing), load).value, standing)
        except Rejected as error:
            if error.status == 404:
                return None
            raise

    def _meet(self, ctx: Context, shopper: Shopper) -> str:
        """The profile id of somebody who is not in the ledger yet, and their lists on the way; empty for nobody."""
        if self.shelves is None:
            return ""
        profile_id = ctx.omneo.profile_id(shopper.customer_id)
        if profile_id is None:
            return ""
        standing, load = self._note(ctx, shopper, profile_id)
        if standing is None:
            return ""
        self.shelves.fill(profile_id, _mark(standing), load or partial(_both_lists, ctx, profile_id))
        return profile_id

    def _note(
        self, ctx: Context, shopper: Shopper, profile_id: str
    ) -> tuple[Standing | None, Callable[[], Snapshot] | None]:
        """Write their profile to the ledger; gives where they stand, and their lists where those came meanwhile."""

        def note() -> Standing | None:
            remember_profile(ctx, shopper.customer_id, profile_id)
            return self.standing(ctx, shopper)

        if self.crew is None or self.fleet is not None:  # in a fleet, one process asks for all
            return note(), None
        both: list[Callable[[], object]] = [partial(_both_lists, ctx, profile_id), note]
        snapshot, standing = cast("tuple[Snapshot, Standing | None]", self.crew.together(both))
        # Where they stand must be known before the lists are read, lest it names what these do not show. Where nothing
        # of theirs has changed by now, there was nothing to name.
        return standing, (lambda: snapshot) if standing and standing.is_untouched else None


def remembering(limits: Limits, crew: Crew, fleet: Fleet | None, standings: Standings | None = None) -> Shelves:
    """Shelves that remember. ``standings`` are those of the ledger that they are used with."""
    patience = Patience(limits.budget, limits.places)
    last = max(limits.last, limits.fresh) if limits.fresh else 0.0  # nothing is shown twice where nothing is fresh
    spans = Spans(limits.fresh, max(last / 12, limits.fresh), last)

    def keeper(share: float, weigh: Callable[[T], int], spans: Spans, **more: Any) -> Keeper[T]:
        bounded: Bounded[Kept[T]] = Bounded(entries=10_000, weight=int(limits.weight * share))
        return Keeper(bounded=bounded, crew=crew, patience=patience, weigh=weigh, spans=spans, **more)

    codec = Codec(snapshots.write, lambda key, payload: interned(snapshots.read(key, payload)))
    return Shelves(
        shelves=keeper(0.5, snapshots.weigh, spans, fleet=fleet, codec=codec),
        strangers=keeper(0.02, len, _UNKNOWN),
        histories=keeper(0.18, lambda found: _REDEMPTION * (1 + len(found)), spans),
        patience=patience,
        crew=crew,
        fleet=fleet,
        standings=standings,
        fragments=Bounded(entries=10_000, weight=int(limits.weight * 0.3)),
    )


def _both_lists(ctx: Context, profile_id: str) -> Snapshot:
    benefits, claimable = ctx.omneo.shelf(profile_id)
    return interned(Snapshot(profile_id, benefits, claimable))


def _mark(standing: Standing) -> Mark:
    return Mark(standing.own, standing.hint)
