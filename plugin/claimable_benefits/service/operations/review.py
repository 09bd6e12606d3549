"""Manual review: what only a person can decide, what is known about it, and the decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.outbox import Delivery, deliveries_in_state
from claimable_benefits.ledger.uses import Use, find_use, move_use, uses_in_state
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.first_look import FOREIGN
from claimable_benefits.service.redemption.rollback import finish_rollbacks

ROLL_BACK = "roll-back"
VERDICTS = {
    ROLL_BACK: UseState.ROLLING_BACK,
    "rolled-back": UseState.ROLLED_BACK,
    "consumed": UseState.CONSUMED,
    "released": UseState.RELEASED,
}


@dataclass(frozen=True, slots=True)
class Review:
    """One use or order that waits: what it is, why it waits, and the commands that move it."""

    subject: str
    known: str
    remedies: tuple[str, ...]


def read_reviews(ctx: Context) -> tuple[Review, ...]:
    """Read everything that waits for manual review, oldest first; from the ledger alone."""
    with ctx.ledger.read() as connection:
        uses = uses_in_state(connection, UseState.MANUAL_REVIEW)
        stopped = deliveries_in_state(connection, DeliveryState.STOPPED)
    return (*map(_use, uses), *map(_delivery, stopped))


def decide(ctx: Context, use_id: str, verdict: str, *, actor: str, reason: str) -> Use:
    """Move a use that waits for manual review as ``verdict`` says, with the person's reason; return the moved use.

    ``roll-back`` asks Omneo once more. Raises `Declined` where there is no such use, where it does not wait, or where
    there is nothing to roll back, and `ConflictError` where another request or worker moved it.
    """
    with ctx.ledger.write() as connection:
        use = find_use(connection, use_id)
        if use is None:
            raise Declined("unknown_use", f"The ledger has no use {use_id}.")
        if use.state is not UseState.MANUAL_REVIEW:
            state = use.state.replace("_", " ")
            raise Declined("not_waiting", f"Use {use_id} does not wait for manual review: it is {state}.")
        if verdict == ROLL_BACK and use.redemption_id is None:
            raise Declined(
                "nothing_to_roll_back", f"No redemption of use {use_id} is known, so there is nothing to roll back."
            )
        changes: dict[str, object] = {"attempts": 0, "note": reason}
        if verdict == ROLL_BACK:
            changes["rollback_sent_at"] = None  # the person knows what became of the earlier request
        moved = move_use(connection, use, VERDICTS[verdict], ctx.audit(actor, reason), **changes)
    if verdict != ROLL_BACK:
        return moved
    finish_rollbacks(ctx)
    with ctx.ledger.read() as connection:
        return find_use(connection, use_id) or moved


def _use(use: Use) -> Review:
    of_order = f", order {use.order_number}" if use.order_number else ""
    redemption = f"redemption {use.redemption_id}" if use.redemption_id else "no redemption is known"
    known = (
        f"{use.name} of customer {use.customer_id} (profile {use.profile_id}){of_order}; {redemption}. {use.note or ''}"
    )
    return Review(f"use {use.use_id}", known.strip(), tuple(_remedies(use)))


def _remedies(use: Use) -> Iterator[str]:
    command = f"flask benefits decide {use.use_id} --as"
    if use.redemption_id:
        yield f'{command} roll-back --reason "…"     to ask Omneo once more to roll it back'
        yield f'{command} rolled-back --reason "…"   where Omneo shows that it is rolled back'
    else:
        yield f'{command} released --reason "…"      where Omneo shows no redemption of ours'
    yield f'{command} consumed --reason "…"      where the shopper has used it'


def _delivery(delivery: Delivery) -> Review:
    command = f"flask benefits resume {delivery.order_number}"
    if not delivery.is_looked_for and (delivery.note or "").startswith(FOREIGN):
        known = f"its transaction was not delivered, nothing was overwritten: {delivery.note}"
        again = f"{command}    to look again, once BENEFITS_ORDER_PREFIX is set"
        ours = f"{command} --replace    where Omneo's transaction is an earlier state of this order"
        return Review(f"order {delivery.order_number}", known, (again, ours))
    remedies = [f"{command}    once the cause is fixed"]
    if delivery.redemption_id:
        remedies.append(f"{command} --without-redemption    to record the sale without {delivery.redemption_id}")
    known = f"Omneo did not take its transaction: {delivery.note or 'it gave no reason'}"
    return Review(f"order {delivery.order_number}", known, tuple(remedies))
