"""The service functions that the pages call, as one value: a test hands in others where it needs a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.ledger.uses import Use  # the value that `find_use` returns; the pages touch no table
from claimable_benefits.service.account.history import History, remembered_history
from claimable_benefits.service.account.invalidation import handle_webhook
from claimable_benefits.service.account.wallet_view import WalletPreview, preview_wallet
from claimable_benefits.service.claims.claim import Claimed, claim
from claimable_benefits.service.claims.claim_and_redeem import claim_and_redeem
from claimable_benefits.service.context import Context
from claimable_benefits.service.holds.hold import Hold, hold
from claimable_benefits.service.holds.offers import OffersPreview, preview_offers
from claimable_benefits.service.holds.release import release
from claimable_benefits.service.orders.record import OrderRecord, read_record
from claimable_benefits.service.redemption.redeem import Used, find_use, use_from_account


class HoldFunction(Protocol):
    """The signature of `service.holds.hold.hold`."""

    def __call__(
        self, ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str, /, *, move: bool = False
    ) -> Hold: ...


class PreviewFunction(Protocol):
    """The signature of `service.account.wallet_view.preview_wallet`."""

    def __call__(self, ctx: Context, shopper: Shopper, /, *, wait: bool = True) -> WalletPreview: ...


class OffersFunction(Protocol):
    """The signature of `service.holds.offers.preview_offers`."""

    def __call__(self, ctx: Context, shopper: Shopper, cart: Cart, /, *, wait: bool = True) -> OffersPreview: ...


class HistoryFunction(Protocol):
    """The signature of `service.account.history.remembered_history`."""

    def __call__(self, ctx: Context, shopper: Shopper, /, *, ask: bool = False) -> History: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the pages read and do; each field is named after its service function."""

    preview_wallet: PreviewFunction = preview_wallet
    remembered_history: HistoryFunction = remembered_history
    preview_offers: OffersFunction = preview_offers
    read_record: Callable[[Context, str], OrderRecord | None] = read_record
    claim: Callable[[Context, Shopper, str, str], Claimed] = claim
    claim_and_redeem: Callable[[Context, Shopper, str, str], Used] = claim_and_redeem
    hold: HoldFunction = hold
    release: Callable[[Context, Shopper, Cart, str], str | None] = release
    use_from_account: Callable[[Context, Shopper, str, str], Used] = use_from_account
    handle_webhook: Callable[[Context, str, bytes], int] = handle_webhook
    find_use: Callable[[Context, Shopper, str], Use | None] = find_use
