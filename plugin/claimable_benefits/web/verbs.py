"""The verbs that the pages call, as one bundle: tests hand in their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.service import claim, history, hold, offers, records, redeem, release, shelf
from claimable_benefits.service.context import Context

if TYPE_CHECKING:
    from claimable_benefits.ledger.uses import Use  # the value that `service.redeem` gives; no table is touched here


class HoldVerb(Protocol):
    """The shape of `service.hold.hold`."""

    def __call__(
        self, ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str, /, *, move: bool = False
    ) -> hold.Hold: ...


@dataclass(frozen=True, slots=True)
class Verbs:
    """What can be asked and done; each field is named after its service function."""

    read_shelf: Callable[[Context, Shopper], shelf.Shelf] = shelf.read_shelf
    read_history: Callable[[Context, Shopper], tuple[history.Entry, ...]] = history.read_history
    read_offers: Callable[[Context, Shopper, Cart], offers.Offers] = offers.read_offers
    read_record: Callable[[Context, str], records.Record | None] = records.read_record
    claim: Callable[[Context, Shopper, str, str], claim.Claimed] = claim.claim
    hold: HoldVerb = hold.hold
    release: Callable[[Context, Shopper, Cart, str], str | None] = release.release
    use_from_account: Callable[[Context, Shopper, str, str], redeem.Used] = redeem.use_from_account
    find_use: Callable[[Context, Shopper, str], Use | None] = redeem.find_use
