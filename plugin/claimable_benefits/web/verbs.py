"""The verbs that the pages call, as one bundle: tests hand in their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.service import (
    claim,
    claim_and_use,
    hear,
    history,
    hold,
    offers,
    records,
    redeem,
    release,
    shelf,
)
from claimable_benefits.service.context import Context

if TYPE_CHECKING:
    from claimable_benefits.ledger.uses import Use  # the value that `service.redeem` gives; no table is touched here


class HoldVerb(Protocol):
    """The shape of `service.hold.hold`."""

    def __call__(
        self, ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str, /, *, move: bool = False
    ) -> hold.Hold: ...


class HistoryVerb(Protocol):
    """The shape of `service.history.recall_history`."""

    def __call__(self, ctx: Context, shopper: Shopper, /, *, ask: bool = False) -> history.History: ...


@dataclass(frozen=True, slots=True)
class Verbs:
    """What can be asked and done; each field is named after its service function."""

    peek_shelf: Callable[[Context, Shopper], shelf.Peek] = shelf.peek_shelf
    recall_history: HistoryVerb = history.recall_history
    peek_offers: Callable[[Context, Shopper, Cart], offers.OffersPeek] = offers.peek_offers
    read_record: Callable[[Context, str], records.Record | None] = records.read_record
    claim: Callable[[Context, Shopper, str, str], claim.Claimed] = claim.claim
    claim_and_use: Callable[[Context, Shopper, str, str], redeem.Used] = claim_and_use.claim_and_use
    hold: HoldVerb = hold.hold
    release: Callable[[Context, Shopper, Cart, str], str | None] = release.release
    use_from_account: Callable[[Context, Shopper, str, str], redeem.Used] = redeem.use_from_account
    hear: Callable[[Context, str, bytes], int] = hear.hear
    find_use: Callable[[Context, Shopper, str], Use | None] = redeem.find_use
