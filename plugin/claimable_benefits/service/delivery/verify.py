"""Read back what was delivered: a request that was long under way may have landed after a newer one."""

from __future__ import annotations

import logging

from claimable_benefits.domain.benefits import RecordedTransaction
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import OmneoError
from claimable_benefits.ledger.outbox import Delivery, deliver_again, deliveries_to_verify, note_verified
from claimable_benefits.service.context import Context

DIFFERENT = "at Omneo "  # how the reason of a delivery that is mistrusted begins
_log = logging.getLogger("claimable_benefits")


def verify_delivered(ctx: Context) -> int:
    """Compare what Omneo has with what was delivered a while ago. Gives how many it has otherwise.

    Those are delivered once more; what Omneo keeps otherwise even then waits for a person.
    """
    with ctx.ledger.read() as connection:
        due = deliveries_to_verify(connection, ctx.clock())
    return sum(_verify(ctx, delivery) for delivery in ctx.until_stopping(due))


def _verify(ctx: Context, delivery: Delivery) -> bool:
    try:
        recorded = ctx.omneo.transaction_by_order(delivery.order_number)
    except OmneoError:
        with ctx.ledger.write() as connection:
            note_verified(connection, delivery, again_at=ctx.clock() + ctx.timing.verify_after)
        return False
    difference = differs(delivery, recorded)
    if difference is None:
        with ctx.ledger.write() as connection:
            note_verified(connection, delivery, again_at=None)
        return False
    audit = ctx.audit("worker", DIFFERENT + difference)
    is_kept_wrong = delivery.note == audit.reason
    if is_kept_wrong:
        _log.error("The transaction of order %s waits for a person: %s.", delivery.order_number, audit.reason)
    to = DeliveryState.STOPPED if is_kept_wrong else DeliveryState.DUE
    with ctx.ledger.write() as connection:
        return deliver_again(connection, delivery, to, audit)


def differs(delivery: Delivery, recorded: RecordedTransaction | None) -> str | None:
    """In words, what Omneo has otherwise than it was delivered; None where it is the same."""
    sent = delivery.transaction
    if recorded is None:
        return "it is not there any more"
    if recorded.total is not None and recorded.total != sent.total:
        return f"its total is {recorded.total} instead of {sent.total}"
    if delivery.redemption_id is not None and recorded.redemption_id != delivery.redemption_id:
        return f"its redemption is {recorded.redemption_id} instead of {delivery.redemption_id}"
    if recorded.is_void != sent.is_void:
        return "it is void" if recorded.is_void else "it is not void"
    return None
