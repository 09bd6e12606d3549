"""Look, before an order's first delivery, whether Omneo has another shop's transaction under its name.

Two shops on one tenant may have the same order numbers, and so may a shop with a new database. Omneo replaces
a transaction of the same external id, so the second sale would erase the first.
"""

from __future__ import annotations

from datetime import timedelta

from claimable_benefits.domain.benefits import RecordedTransaction
from claimable_benefits.errors import NotApplied, Rejected
from claimable_benefits.ledger.outbox import Delivery
from claimable_benefits.service.context import Context

FOREIGN = "another shop's transaction "  # the note of a delivery that this look has stopped begins with this
# One sale has one time. Omneo's may be off by a zone where a tenant stores times as they came.
_SAME_SALE = timedelta(days=1)
_SAME_MOMENT = timedelta(seconds=1)
_REMEDY = "Set BENEFITS_ORDER_PREFIX if another shop has the same order numbers"


def find_foreign(ctx: Context, delivery: Delivery, profile_id: str | None) -> str | None:
    """Say in words why Omneo's transaction of this name is another shop's; None where it is ours, or there is none.

    ``profile_id`` is the one that the delivery names. An order that is delivered again after its database was restored
    finds its own transaction: the same profile, about the same time. Raises `OmneoError`.
    """
    try:
        recorded = ctx.omneo.transaction_by_order(delivery.external_id)
    except Rejected as refusal:  # of a read: it says nothing about the delivery, which waits
        raise NotApplied(refusal.words, request=refusal.request, status=refusal.status) from refusal
    if recorded is None:
        return None
    about = f"{FOREIGN}has the number {delivery.external_id} at Omneo ({recorded.id}"
    ours = delivery.transaction.transacted_at
    apart = abs(recorded.transacted_at - ours) if recorded.transacted_at else None
    if apart is not None and apart > _SAME_SALE:
        return f"{about}, of {recorded.transacted_at:%Y-%m-%d} instead of {ours:%Y-%m-%d}). {_REMEDY}."
    was_a_guests = recorded.profile_id is None and apart is not None and apart <= _SAME_MOMENT
    if was_a_guests or _is_same_profile(ctx, delivery, recorded, profile_id):
        return None
    theirs = f"profile {recorded.profile_id}" if recorded.profile_id else "a guest"
    return f"{about}, of {theirs} instead of {f'profile {profile_id}' if profile_id else 'a guest'}). {_REMEDY}."


def _is_same_profile(ctx: Context, delivery: Delivery, recorded: RecordedTransaction, profile_id: str | None) -> bool:
    """Whether both sales are one person's; profiles that were merged are one (Omneo facts 2)."""
    if recorded.profile_id == profile_id:
        return True
    if recorded.profile_id is None or profile_id is None or delivery.customer_id is None:
        return False
    now = ctx.omneo.profile_id(delivery.customer_id) or profile_id
    return recorded.profile_id == now or recorded.profile_id in ctx.omneo.merged_profiles(now)
