"""What waits for a person, what is known of it, and what that person can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.ledger.outbox import Delivery, deliveries_standing_in
from claimable_benefits.ledger.uses import Use, uses_standing_in
from claimable_benefits.service.context import Context


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: what it is, why it stands still, and the commands that move it."""

    subject: str
    known: str
    remedies: tuple[str, ...]


def read_attention(ctx: Context) -> tuple[Waiting, ...]:
    """Everything that waits for a person, oldest first; from the ledger alone."""
    with ctx.ledger.read() as connection:
        uses = uses_standing_in(connection, UseState.NEEDS_A_PERSON)
        stopped = deliveries_standing_in(connection, DeliveryState.STOPPED)
    return (*map(_use, uses), *map(_delivery, stopped))


def _use(use: Use) -> Waiting:
    of_order = f", order {use.order_number}" if use.order_number else ""
    redemption = f"redemption {use.redemption_id}" if use.redemption_id else "no redemption is known"
    known = (
        f"{use.name} of customer {use.customer_id} (profile {use.profile_id}){of_order}; {redemption}. {use.note or ''}"
    )
    return Waiting(f"use {use.use_id}", known.strip(), tuple(_remedies(use)))


def _remedies(use: Use) -> Iterator[str]:
    command = f"flask benefits resolve {use.use_id} --as"
    if use.redemption_id:
        yield f'{command} undo --because "…"       to ask Omneo once more to take it back'
        yield f'{command} undone --because "…"     where Omneo shows that it is back'
    else:
        yield f'{command} released --because "…"   where Omneo shows no redemption of ours'
    yield f'{command} consumed --because "…"   where the shopper has had its worth'


def _delivery(delivery: Delivery) -> Waiting:
    command = f"flask benefits resume {delivery.order_number}"
    remedies = [f"{command}    once it is mended"]
    if delivery.redemption_id:
        remedies.append(f"{command} --without-redemption    to record the sale without {delivery.redemption_id}")
    known = f"Omneo did not take its transaction: {delivery.note or 'it gave no reason'}"
    return Waiting(f"order {delivery.order_number}", known, tuple(remedies))
