"""The verbs that the pages call, as one bundle: tests hand in their own.

What is shown is imported with the pages; what somebody does is imported when it is first done, as the extension has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.service.account import history, wallet_view
from claimable_benefits.service.context import Context
from claimable_benefits.service.holds import offers

if TYPE_CHECKING:
    from claimable_benefits.ledger.uses import Use  # the value that `service.redeem` gives; no table is touched here
    from claimable_benefits.service.claims.claim import Claimed
    from claimable_benefits.service.holds.hold import Hold
    from claimable_benefits.service.orders.record import OrderRecord
    from claimable_benefits.service.redemption.redeem import Used


class HoldVerb(Protocol):
    """The shape of `service.hold.hold`."""

    def __call__(
        self, ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str, /, *, move: bool = False
    ) -> Hold: ...


class HistoryVerb(Protocol):
    """The shape of `service.history.remembered_history`."""

    def __call__(self, ctx: Context, shopper: Shopper, /, *, ask: bool = False) -> history.History: ...


def _read_record(ctx: Context, order_number: str) -> OrderRecord | None:
    from claimable_benefits.service.orders import record

    return record.read_record(ctx, order_number)


def _claim(ctx: Context, shopper: Shopper, handle: str, claim_id: str) -> Claimed:
    from claimable_benefits.service.claims import claim

    return claim.claim(ctx, shopper, handle, claim_id)


def _claim_and_redeem(ctx: Context, shopper: Shopper, handle: str, use_id: str) -> Used:
    from claimable_benefits.service.claims import claim_and_redeem

    return claim_and_redeem.claim_and_redeem(ctx, shopper, handle, use_id)


def _hold(ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str, /, *, move: bool = False) -> Hold:
    from claimable_benefits.service.holds import hold

    return hold.hold(ctx, shopper, cart, benefit_id, move=move)


def _release(ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str) -> str | None:
    from claimable_benefits.service.holds import release

    return release.release(ctx, shopper, cart, benefit_id)


def _use_from_account(ctx: Context, shopper: Shopper, benefit_id: str, use_id: str) -> Used:
    from claimable_benefits.service.redemption import redeem

    return redeem.use_from_account(ctx, shopper, benefit_id, use_id)


def _find_use(ctx: Context, shopper: Shopper, use_id: str) -> Use | None:
    from claimable_benefits.service.redemption import redeem

    return redeem.find_use(ctx, shopper, use_id)


def _handle_webhook(ctx: Context, topic: str, body: bytes) -> int:
    from claimable_benefits.service.account import invalidation

    return invalidation.handle_webhook(ctx, topic, body)


@dataclass(frozen=True, slots=True)
class Services:
    """What can be asked and done; each field is named after its service function."""

    preview_wallet: Callable[[Context, Shopper], wallet_view.WalletPreview] = wallet_view.preview_wallet
    remembered_history: HistoryVerb = history.remembered_history
    preview_offers: Callable[[Context, Shopper, Cart], offers.OffersPreview] = offers.preview_offers
    read_record: Callable[[Context, str], OrderRecord | None] = _read_record
    claim: Callable[[Context, Shopper, str, str], Claimed] = _claim
    claim_and_redeem: Callable[[Context, Shopper, str, str], Used] = _claim_and_redeem
    hold: HoldVerb = _hold
    release: Callable[[Context, Shopper, Cart, str], str | None] = _release
    use_from_account: Callable[[Context, Shopper, str, str], Used] = _use_from_account
    handle_webhook: Callable[[Context, str, bytes], int] = _handle_webhook
    find_use: Callable[[Context, Shopper, str], Use | None] = _find_use
