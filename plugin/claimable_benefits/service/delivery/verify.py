"""Read delivered transactions back: a delayed request may have overwritten a newer one."""

from __future__ import annotations

import logging

from claimable_benefits.domain.benefits import RecordedTransaction
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import InvalidResponse, OmneoError
from claimable_benefits.ledger.outbox import Delivery, deliver_again, deliveries_to_verify, note_verified
from claimable_benefits.service.context import Context
from claimable_benefits.service.isolation import each_row, set_verified_aside

DIFFERENT = "at Omneo "  # the note of a delivery that verifying found different begins with this
_log = logging.getLogger("claimable_benefits")


def verify_delivered(ctx: Context) -> int:
    """Compare what Omneo has with what was delivered; return how many transactions differ.

    The worker delivers those once more. A transaction that differs in the same way after that is stopped, and waits
    for manual review.
    """
    with ctx.ledger.read() as connection:
        due = deliveries_to_verify(connection, ctx.clock())
    return each_row(ctx, due, _verify, set_verified_aside)


def _verify(ctx: Context, delivery: Delivery) -> bool:
    try:
        recorded = ctx.omneo.transaction_by_order(delivery.external_id)
    except InvalidResponse as error:
        set_verified_aside(ctx, delivery, str(error))
        return False
    except OmneoError:
        with ctx.ledger.write() as connection:
            note_verified(connection, delivery, again_at=ctx.clock() + ctx.timing.verify_after)
        return False
    difference = differs(delivery, recorded)
    if difference is None:
        with ctx.ledger.write() as connection:
            note_verified(connection, delivery, again_at=None, failures=0)
        return False
    audit = ctx.audit("worker", DIFFERENT + difference)
    differs_again = delivery.note == audit.reason
    if differs_again:
        _log.error("The transaction of order %s waits for manual review: %s.", delivery.order_number, audit.reason)
    to = DeliveryState.STOPPED if differs_again else DeliveryState.DUE
    with ctx.ledger.write() as connection:
        return deliver_again(connection, delivery, to, audit)


def differs(delivery: Delivery, recorded: RecordedTransaction | None) -> str | None:
    """Say in words how Omneo's transaction differs from the delivered one; None where it does not."""
    sent = delivery.transaction
    if recorded is None:
        return "it is no longer there"
    if recorded.total is not None and recorded.total != sent.total:
        return f"its total is {recorded.total} instead of {sent.total}"
    if delivery.redemption_id is not None and recorded.redemption_id != delivery.redemption_id:
        return f"its redemption is {recorded.redemption_id} instead of {delivery.redemption_id}"
    if recorded.is_void != sent.is_void:
        return "it is void" if recorded.is_void else "it is not void"
    return None
