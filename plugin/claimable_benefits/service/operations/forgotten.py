"""Take a redemption back into the ledger that the ledger has forgotten, as the shop's order loader says.

Only a redemption whose whole reference was made for an order of this shop gets here: a till's, and another shop's with
the same prefix, have no such reference. A paid order gets its use back, and its transaction goes out with the
redemption; for a cancelled order it is rolled back. Anything else is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import Connection

from claimable_benefits.domain.policy import Refundable
from claimable_benefits.domain.reconcile import ForgottenRedemption
from claimable_benefits.domain.shop import OrderState, Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import find_delivery, put_delivery
from claimable_benefits.ledger.retention.tombstones import pruned_ids, pruned_references
from claimable_benefits.ledger.uses import (
    Use,
    add_use,
    known_references,
    owned_redemptions,
    uses_of_order,
    uses_of_profile,
)
from claimable_benefits.service.context import Context
from claimable_benefits.service.orders.unplaced import order_of
from claimable_benefits.wallet.profile_id import profile_of_customer

# The order has, or may have, another redemption: which of the two it was charged with, only a person can say.
_TAKEN = (UseState.REDEEMING, UseState.IN_DOUBT, UseState.REDEEMED, UseState.CONSUMED, UseState.MANUAL_REVIEW)


def recover_forgotten(ctx: Context, forgotten: ForgottenRedemption, *, actor: str) -> str | None:
    """Attach the redemption to its paid order, or roll it back for a cancelled one.

    Says what was done, None where the order decides nothing or the ledger knows the redemption by now. Raises
    `OmneoError` and `ConflictError`.
    """
    order = order_of(ctx, forgotten.order_number)
    if order is None or order.number != forgotten.order_number:
        return None
    if order.state is OrderState.PAID and order.transaction is not None:
        return _attach(ctx, forgotten, order.transaction, actor)
    if order.state is OrderState.CANCELLED:
        customer_id = order.transaction.customer_id if order.transaction else None
        return _begin_rollback(ctx, forgotten, customer_id, actor)
    return None


def _attach(ctx: Context, forgotten: ForgottenRedemption, transaction: Transaction, actor: str) -> str | None:
    redemption, number = forgotten.redemption, forgotten.order_number
    customer_id = transaction.customer_id
    if customer_id is None or profile_of_customer(ctx.wallet_source, customer_id) != redemption.profile_id:
        return None
    audit = ctx.audit(actor, f"reconciled: the ledger had forgotten redemption {redemption.id} of order {number}")
    with ctx.ledger.write() as connection:
        known = find_delivery(connection, number)
        has_another = known is not None and (known.transaction.is_void or known.redemption_id is not None)
        attempts = uses_of_order(connection, number)
        if has_another or any(use.state in _TAKEN for use in attempts) or _is_known(connection, forgotten):
            return None
        use = _add(ctx, connection, forgotten, customer_id, audit, UseState.CONSUMED)
        put_delivery(connection, transaction, audit, use_id=use.use_id, redemption_id=redemption.id)
    return f"Redemption {redemption.id} of {use.name} is attached to order {number}, which is paid."


def _begin_rollback(ctx: Context, forgotten: ForgottenRedemption, customer_id: str | None, actor: str) -> str | None:
    redemption, number = forgotten.redemption, forgotten.order_number
    if _keeps_its_use(ctx, forgotten):
        return None
    audit = ctx.audit(actor, f"reconciled: redemption {redemption.id} belongs to order {number}, which is cancelled")
    with ctx.ledger.write() as connection:
        if _is_known(connection, forgotten):
            return None
        others = uses_of_profile(connection, redemption.profile_id or "")
        owner = customer_id or next((use.customer_id for use in others), "")
        use = _add(ctx, connection, forgotten, owner, audit, UseState.ROLLING_BACK)
    return f"Redemption {redemption.id} of {use.name} is being rolled back: order {number} is cancelled."


def _keeps_its_use(ctx: Context, forgotten: ForgottenRedemption) -> bool:
    """Whether the order was placed, and cancelled with a benefit that its policy never gives back."""
    policies = [ctx.policy(handle) for handle in forgotten.redemption.benefit_handles]
    if not any(policy.refundable is Refundable.NEVER for policy in policies):
        return False
    recorded: Sequence[object] = ctx.omneo.transactions_with(ctx.ledger.external_id_of(forgotten.order_number))
    return bool(recorded)


def _is_known(connection: Connection, forgotten: ForgottenRedemption) -> bool:
    """Whether the ledger has learned of it since the comparison."""
    ids, references = [forgotten.redemption.id], [forgotten.reference]
    owned = owned_redemptions(connection, ids) | pruned_ids(connection, ids)
    return bool(owned or known_references(connection, references) or pruned_references(connection, references))


def _add(
    ctx: Context,
    connection: Connection,
    forgotten: ForgottenRedemption,
    customer_id: str,
    audit: Audit,
    state: UseState,
) -> Use:
    """Write the use as it would stand had the ledger not forgotten it."""
    redemption, use_id = forgotten.redemption, str(uuid4())
    redeemed_at = audit.at
    if redemption.created_at is not None:
        redeemed_at = redemption.created_at - ctx.omneo.clock_ahead_of(audit.at)
    return add_use(
        connection,
        audit,
        state=state,
        use_id=use_id,
        reference=forgotten.reference,
        channel="checkout",
        customer_id=customer_id,
        profile_id=redemption.profile_id or "",
        benefit_id=next(iter(redemption.benefit_ids), ""),
        definition_handle=next(iter(redemption.benefit_handles), ""),
        name=next(iter(redemption.benefit_names), "a benefit"),
        instructions="",
        slot=0,
        cart_id=f"forgotten {use_id}",
        order_number=forgotten.order_number,
        redemption_id=redemption.id,
        held_until=redeemed_at,
        sent_at=redeemed_at,
        redeemed_at=redeemed_at,
        note=audit.reason,
    )
