"""Read what a shopper holds and may claim."""

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
    """A benefit that can be used; ``pending`` where a use of it is under way and not yet known to have worked."""

    benefit: Benefit
    policy: Policy
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Wallet:
    """A shopper's benefits. ``known`` is False where Omneo does not know the shopper; then everything is empty.

    ``ready`` may be claimed, ``yours`` used (what ends first stands first), ``past`` is expired or used up.
    ``claiming`` are the names of claims that are being confirmed.
    """

    known: bool
    profile_id: str | None = None
    claimable: tuple[Definition, ...] = ()
    usable: tuple[Held, ...] = ()
    past: tuple[Benefit, ...] = ()
    pending_claims: tuple[str, ...] = ()

    @property
    def ends(self) -> list[datetime | None]:
        """The moments at which something here stops being true."""
        return [kind.claim_until for kind in self.claimable] + [held.benefit.expires_at for held in self.usable]

    def benefit(self, benefit_id: str) -> Held | None:
        """The shopper's own usable benefit of that id, None for any other."""
        return next((held for held in self.usable if held.benefit.id == benefit_id), None)

    def definition(self, handle: str) -> Definition | None:
        """The claimable definition of that handle, None for any other."""
        return next((definition for definition in self.claimable if definition.handle == handle), None)

    def holds(self, handle: str) -> Benefit | None:
        """A benefit of that kind which the shopper has, usable or past."""
        held = [item.benefit for item in self.usable] + list(self.past)
        return next((benefit for benefit in held if benefit.handle == handle), None)


@dataclass(frozen=True, slots=True)
class WalletPreview:
    """A wallet that is not put together yet: with the same ``version`` it would be the one that was seen before.

    ``age`` is how old Omneo's part is, in seconds; an empty version names nothing.
    """

    load: Callable[[], Wallet]
    version: object = ()
    age: float = 0.0


def read_wallet(ctx: Context, shopper: Shopper) -> Wallet:
    """Both of Omneo's lists, read now, and what our ledger knows besides. For verbs; raises `OmneoError`."""
    return _wallet(ctx, ctx.wallets.read(ctx, shopper).snapshot)


def remembered_wallet(ctx: Context, shopper: Shopper) -> Wallet:
    """The same as remembered, or read within the budget of a page. Raises `OmneoError` where there is nothing."""
    return _wallet(ctx, ctx.wallets.get(ctx, shopper).snapshot)


def preview_wallet(ctx: Context, shopper: Shopper) -> WalletPreview:
    """As `remembered_wallet`, for pages that may have rendered this very wallet before."""
    seen = ctx.wallets.get(ctx, shopper)
    return WalletPreview(partial(_wallet, ctx, seen.snapshot), seen.version, seen.age)


def _wallet(ctx: Context, snapshot: Snapshot) -> Wallet:
    if snapshot.profile_id is None:
        return Wallet(known=False)
    with ctx.ledger.read() as connection:
        live = live_uses_of(connection, snapshot.profile_id)
        claiming = {claim.definition_handle: claim.name for claim in live_claims_of(connection, snapshot.profile_id)}
    claiming |= {use.definition_handle: use.name for use in live if use.channel == "claim" and is_pending(use)}
    now = ctx.clock()
    pending = {use.benefit_id for use in live if is_pending(use)}
    yours = [Held(benefit, ctx.policy(benefit.handle), benefit.id in pending) for benefit in usable(snapshot, now)]
    # What was claimable when it was read may have closed since.
    open_still = [d for d in snapshot.claimable if d.claim_until is None or d.claim_until >= now]
    return Wallet(
        known=True,
        profile_id=snapshot.profile_id,
        claimable=tuple(
            d for d in sorted(open_still, key=lambda d: _soonest(d.claim_until, d.name)) if d.handle not in claiming
        ),
        usable=tuple(yours),
        past=tuple(benefit for benefit in snapshot.benefits if not benefit.is_usable(now)),
        pending_claims=tuple(claiming.values()),
    )


def usable(snapshot: Snapshot, now: datetime) -> list[Benefit]:
    """The benefits that can be used at ``now``; what ends first stands first."""
    found = [benefit for benefit in snapshot.benefits if benefit.is_usable(now)]
    return sorted(found, key=lambda benefit: _soonest(benefit.expires_at, benefit.name))


def is_pending(use: Use) -> bool:
    """Whether the use was sent to Omneo and is not settled yet."""
    return use.state in (UseState.REDEEMING, UseState.IN_DOUBT)


def _soonest(at: datetime | None, name: str) -> tuple[bool, float, str]:
    """What ends first comes first, what never ends comes last."""
    return (at is None, at.timestamp() if at else 0.0, name)
