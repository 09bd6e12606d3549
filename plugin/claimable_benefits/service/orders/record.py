"""Read an order's loyalty record from the ledger alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.ledger.uses import Use, find_use, uses_of_order
from claimable_benefits.service.context import Context

_SHOWN = (UseState.CONSUMED, UseState.REDEEMED, UseState.ROLLING_BACK, UseState.ROLLED_BACK, UseState.MANUAL_REVIEW)


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order's loyalty record. ``redemption_id`` and ``transaction_id`` are Omneo's, ``use_id`` is ours.

    ``delivered_at`` is aware, in UTC. ``is_void``: the whole sale was cancelled. ``instructions`` is untrusted HTML.
    ``problem`` is Omneo's reason for refusing the transaction.
    """

    order_number: str
    benefit_name: str | None = None
    use_id: str | None = None
    use_state: UseState | None = None
    redemption_id: str | None = None
    code: str | None = None
    instructions: str = ""
    delivery_state: DeliveryState | None = None
    delivered_at: datetime | None = None
    transaction_id: str | None = None
    is_void: bool = False
    problem: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether Omneo has the transaction."""
        return self.delivery_state is DeliveryState.DELIVERED


def read_record(ctx: Context, order_number: str) -> OrderRecord | None:
    """Read the record of an order; None where the ledger has neither a use nor a transaction of it."""
    with ctx.ledger.read() as connection:
        delivery = find_delivery(connection, order_number)
        attempts = uses_of_order(connection, order_number)
        use = find_use(connection, delivery.use_id) if delivery and delivery.use_id else None
    use = use or next((attempt for attempt in reversed(attempts) if attempt.state in _SHOWN), None)
    return _record(order_number, use, delivery) if use or delivery else None


def _record(order_number: str, use: Use | None, delivery: Delivery | None) -> OrderRecord:
    return OrderRecord(
        order_number=order_number,
        benefit_name=use.name if use else None,
        use_id=use.use_id if use else None,
        use_state=use.state if use else None,
        redemption_id=use.redemption_id if use else None,
        code=use.code if use else None,
        instructions=use.instructions if use else "",
        delivery_state=delivery.state if delivery else None,
        delivered_at=delivery.delivered_at if delivery else None,
        transaction_id=delivery.transaction_id if delivery else None,
        is_void=delivery.transaction.is_void if delivery else False,
        problem=delivery.note if delivery and delivery.state is DeliveryState.STOPPED else None,
    )
