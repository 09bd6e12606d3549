"""What a merchant does at a terminal: create a definition, issue a benefit, record a sale, resume a delivery."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.shop import Transaction
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import Declined, OmneoError
from claimable_benefits.ledger.outbox import Delivery, find_delivery, put_delivery, resume_delivery
from claimable_benefits.ledger.uses import use_of_redemption
from claimable_benefits.service.account.invalidation import invalidate_profile
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.wallet.profile_id import profile_of_customer

NEEDED = ("name", "handle", "period")


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition; ``already``: it existed before."""

    definition: Definition
    already: bool


def define(ctx: Context, fields: Mapping[str, object]) -> Defined:
    """Create a definition from Omneo's own fields (Omneo facts 13.2), unless one with that handle exists.

    Raises `Declined` where a needed field is missing, and `OmneoError`.
    """
    if missing := [key for key in NEEDED if fields.get(key) in (None, "")]:
        raise Declined("incomplete_definition", f"The definition lacks {' and '.join(missing)}.")
    known = next((d for d in ctx.omneo.definitions() if d.handle == fields["handle"]), None)
    if known is not None:
        return Defined(known, already=True)
    return Defined(ctx.omneo.create_definition(fields), already=False)


def issue(ctx: Context, handle: str, customer_id: str) -> Benefit:
    """Issue the benefit ``handle`` to a customer. Raises `Declined` where either is unknown, and `OmneoError`."""
    definition = next((d for d in ctx.omneo.definitions() if d.handle == handle), None)
    if definition is None:
        raise Declined("unknown_definition", f"Omneo has no benefit definition with the handle {handle!r}.")
    profile_id = known_profile(ctx, customer_id)
    benefit = ctx.omneo.issue(definition.id, profile_id, at=ctx.clock())
    invalidate_profile(ctx, profile_id)
    return benefit


def known_profile(ctx: Context, customer_id: str) -> str:
    """Find the customer's profile id. Raises `Declined` where Omneo does not know them, and `OmneoError`."""
    profile_id = profile_of_customer(ctx.wallet_source, customer_id)
    if profile_id is None:
        raise Declined("unknown_customer", f"Omneo does not know customer {customer_id!r}.")
    return profile_id


def record_sale(ctx: Context, transaction: Transaction, *, redemption_id: str | None, actor: str) -> Delivery:
    """Enqueue a transaction with the redemption it used, and try to deliver it at once.

    Gives the delivery: delivered, due again later, or stopped with its reason. Raises `Declined` where Omneo does not
    know the customer: a mistyped id would be recorded as a guest's sale.
    """
    if transaction.customer_id is not None:
        with suppress(OmneoError):  # Omneo cannot answer now; the sale is enqueued anyway
            known_profile(ctx, transaction.customer_id)
    audit = ctx.audit(actor, "recorded by hand")
    with ctx.ledger.write() as connection:
        use = use_of_redemption(connection, redemption_id) if redemption_id else None
        put_delivery(connection, transaction, audit, use_id=use.use_id if use else None, redemption_id=redemption_id)
    deliver_due(ctx)
    with ctx.ledger.read() as connection:
        delivery = find_delivery(connection, transaction.order_number)
    if delivery is None:
        raise LookupError(transaction.order_number)
    return delivery


def resume(ctx: Context, order_number: str, *, actor: str, replaces: bool = False) -> bool:
    """Make a stopped delivery due again. False where it is not stopped.

    With ``replaces`` a person says that Omneo's transaction of this number is ours, whatever the first look found.
    """
    reason = "resumed by hand, to replace what Omneo has" if replaces else "resumed by hand"
    with ctx.ledger.write() as connection:
        return resume_delivery(connection, order_number, ctx.audit(actor, reason), replaces=replaces)


def resume_without_redemption(ctx: Context, order_number: str, *, actor: str) -> bool:
    """Make a stopped delivery due again, without the redemption that Omneo refuses. False where it is not stopped.

    The history keeps the redemption id.
    """
    with ctx.ledger.write() as connection:
        delivery = find_delivery(connection, order_number)
        if delivery is None or delivery.state is not DeliveryState.STOPPED:
            return False
        if delivery.redemption_id is None:
            return resume_delivery(connection, order_number, ctx.audit(actor, "resumed by hand"))
        audit = ctx.audit(actor, f"resumed by hand, without redemption {delivery.redemption_id}")
        put_delivery(connection, delivery.transaction, audit, use_id=delivery.use_id, redemption_id=None)
    return True
