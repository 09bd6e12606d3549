"""Read what a shopper holds and may claim."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Rejected
from claimable_benefits.ledger.claims import live_claims_of
from claimable_benefits.ledger.uses import Use, live_uses_of
from claimable_benefits.service.context import Context
from claimable_benefits.service.profile import forget_profile_of, profile_of


@dataclass(frozen=True, slots=True)
class Held:
    """A benefit that can be used; ``pending`` where a use of it is under way and not yet known to have worked."""

    benefit: Benefit
    policy: Policy
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Shelf:
    """A shopper's benefits. ``known`` is False where Omneo does not know the shopper; then everything is empty.

    ``ready`` may be claimed, ``yours`` used (what ends first stands first), ``past`` is expired or used up.
    ``claiming`` are the names of claims that are being confirmed.
    """

    known: bool
    profile_id: str | None = None
    ready: tuple[Definition, ...] = ()
    yours: tuple[Held, ...] = ()
    past: tuple[Benefit, ...] = ()
    claiming: tuple[str, ...] = ()

    def benefit(self, benefit_id: str) -> Held | None:
        """The shopper's own usable benefit of that id, None for any other."""
        return next((held for held in self.yours if held.benefit.id == benefit_id), None)

    def definition(self, handle: str) -> Definition | None:
        """The claimable definition of that handle, None for any other."""
        return next((definition for definition in self.ready if definition.handle == handle), None)

    def holds(self, handle: str) -> Benefit | None:
        """A benefit of that kind which the shopper has, usable or past."""
        held = [item.benefit for item in self.yours] + list(self.past)
        return next((benefit for benefit in held if benefit.handle == handle), None)


def read_shelf(ctx: Context, shopper: Shopper) -> Shelf:
    """Read both of Omneo's lists and what our ledger knows besides. Raises `OmneoError`."""
    profile_id = profile_of(ctx, shopper)
    if profile_id is None:
        return Shelf(known=False)
    try:
        return _read(ctx, profile_id)
    except Rejected as error:
        if error.status != 404:
            raise
    forget_profile_of(ctx, shopper)
    profile_id = profile_of(ctx, shopper)
    return _read(ctx, profile_id) if profile_id else Shelf(known=False)


def _read(ctx: Context, profile_id: str) -> Shelf:
    benefits = ctx.omneo.benefits(profile_id)
    definitions = ctx.omneo.claimable(profile_id)
    with ctx.ledger.read() as connection:
        live = live_uses_of(connection, profile_id)
        claiming = {claim.definition_handle: claim.name for claim in live_claims_of(connection, profile_id)}
    now = ctx.clock()
    pending = {use.benefit_id for use in live if is_pending(use)}
    usable = [benefit for benefit in benefits if benefit.is_usable(now)]
    yours = [Held(benefit, ctx.policy(benefit.handle), benefit.id in pending) for benefit in usable]
    return Shelf(
        known=True,
        profile_id=profile_id,
        ready=tuple(
            d for d in sorted(definitions, key=lambda d: _soonest(d.claim_until, d.name)) if d.handle not in claiming
        ),
        yours=tuple(sorted(yours, key=lambda held: _soonest(held.benefit.expires_at, held.benefit.name))),
        past=tuple(benefit for benefit in benefits if not benefit.is_usable(now)),
        claiming=tuple(claiming.values()),
    )


def is_pending(use: Use) -> bool:
    """Whether the use was sent to Omneo and is not settled yet."""
    return use.state in (UseState.REDEEMING, UseState.IN_DOUBT)


def _soonest(at: datetime | None, name: str) -> tuple[bool, float, str]:
    """What ends first comes first, what never ends comes last."""
    return (at is None, at.timestamp() if at else 0.0, name)
