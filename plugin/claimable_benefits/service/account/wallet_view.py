"""Read a shopper's wallet for pages and verbs: Omneo's lists, and the uses and claims of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.claims import live_claims_of
from claimable_benefits.ledger.uses import Use, live_uses_of
from claimable_benefits.service.context import Context
from claimable_benefits.wallet.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Held:
    """A benefit that can be used; ``pending`` while a use of it is sent and not confirmed."""

    benefit: Benefit
    policy: Policy
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Wallet:
    """A shopper's benefits. ``known`` is False where Omneo does not know the shopper; then everything is empty.

    ``claimable`` may be claimed and ``usable`` used, those that end first come first; ``past`` is expired or used up.
    ``pending_claims`` are the names of claims that are being confirmed.
    """

    known: bool
    profile_id: str | None = None
    claimable: tuple[Definition, ...] = ()
    usable: tuple[Held, ...] = ()
    past: tuple[Benefit, ...] = ()
    pending_claims: tuple[str, ...] = ()

    @property
    def ends(self) -> list[datetime | None]:
        """The times at which a claim period or a benefit ends."""
        return [kind.claim_until for kind in self.claimable] + [held.benefit.expires_at for held in self.usable]

    def benefit(self, benefit_id: str) -> Held | None:
        """Find the shopper's usable benefit with that id; None for any other id."""
        return next((held for held in self.usable if held.benefit.id == benefit_id), None)

    def definition(self, handle: str) -> Definition | None:
        """Find the claimable definition with that handle; None for any other handle."""
        return next((definition for definition in self.claimable if definition.handle == handle), None)

    def holds(self, handle: str) -> Benefit | None:
        """Find a benefit of that kind that the shopper has, usable or past."""
        held = [item.benefit for item in self.usable] + list(self.past)
        return next((benefit for benefit in held if benefit.handle == handle), None)


@dataclass(frozen=True, slots=True)
class WalletPreview:
    """A wallet that is not built yet: two previews with the same ``version`` load equal wallets.

    ``age`` is the age of Omneo's part in seconds. An empty version equals no other.
    """

    load: Callable[[], Wallet]
    version: object = ()
    age: float = 0.0


def read_wallet(ctx: Context, shopper: Shopper) -> Wallet:
    """Read the wallet from Omneo now, for verbs. Raises `OmneoError`."""
    return _wallet(ctx, ctx.wallets.read(ctx.wallet_source, shopper).snapshot)


def remembered_wallet(ctx: Context, shopper: Shopper) -> Wallet:
    """Read the wallet from the cache, or from Omneo within the wait budget of a page. Raises `OmneoError`."""
    return _wallet(ctx, ctx.wallets.get(ctx.wallet_source, shopper).snapshot)


def cached_wallet(ctx: Context, shopper: Shopper) -> Wallet | None:
    """Return the wallet where the cache has it fresh, else None. Omneo is not called."""
    snapshot = ctx.wallets.peek(ctx.wallet_source, shopper)
    return _wallet(ctx, snapshot) if snapshot else None


def preview_wallet(ctx: Context, shopper: Shopper, *, wait: bool = True) -> WalletPreview:
    """As `remembered_wallet`, for pages that may have rendered an equal wallet before.

    Without ``wait`` it returns at once. Raises `StillLoading` where there is nothing to show yet.
    """
    seen = ctx.wallets.get(ctx.wallet_source, shopper, wait=wait)
    return WalletPreview(partial(_wallet, ctx, seen.snapshot), seen.version, seen.age)


def _wallet(ctx: Context, snapshot: Snapshot) -> Wallet:
    if snapshot.profile_id is None:
        return Wallet(known=False)
    with ctx.ledger.read() as connection:
        live = live_uses_of(connection, snapshot.profile_id)
        pending_claims = {
            claim.definition_handle: claim.name for claim in live_claims_of(connection, snapshot.profile_id)
        }
    pending_claims |= {use.definition_handle: use.name for use in live if use.channel == "claim" and is_pending(use)}
    now = ctx.clock()
    pending = {use.benefit_id for use in live if is_pending(use)}
    held = [Held(benefit, ctx.policy(benefit.handle), benefit.id in pending) for benefit in usable(snapshot, now)]
    # A claim period may have ended since the list was read.
    still_open = [d for d in snapshot.claimable if d.claim_until is None or d.claim_until >= now]
    return Wallet(
        known=True,
        profile_id=snapshot.profile_id,
        claimable=tuple(
            d
            for d in sorted(still_open, key=lambda d: _soonest(d.claim_until, d.name))
            if d.handle not in pending_claims
        ),
        usable=tuple(held),
        past=tuple(benefit for benefit in snapshot.benefits if not benefit.is_usable(now)),
        pending_claims=tuple(pending_claims.values()),
    )


def usable(snapshot: Snapshot, now: datetime) -> list[Benefit]:
    """Return the benefits that can be used at ``now``; those that end first come first."""
    found = [benefit for benefit in snapshot.benefits if benefit.is_usable(now)]
    return sorted(found, key=lambda benefit: _soonest(benefit.expires_at, benefit.name))


def is_pending(use: Use) -> bool:
    """Whether the use was sent to Omneo and is not resolved yet."""
    return use.state in (UseState.REDEEMING, UseState.IN_DOUBT)


def _soonest(at: datetime | None, name: str) -> tuple[bool, float, str]:
    """Sort what ends first to the front, and what never ends to the back."""
    return (at is None, at.timestamp() if at else 0.0, name)
