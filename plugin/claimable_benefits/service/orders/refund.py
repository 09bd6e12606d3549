"""Refund a placed order: return its benefit where the policy says so, and void or replace its transaction.

One database transaction, the shop's own where the shop gives its session, holds the refund, the rollback of the use and
the new content of the outbox. Omneo is called after it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from claimable_benefits.domain.policy import Refundable
from claimable_benefits.domain.shop import Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import Delivery, find_delivery, put_delivery
from claimable_benefits.ledger.uses import Use, move_use, uses_of_order
from claimable_benefits.service.context import Context
from claimable_benefits.service.orders.submit import check_database, check_transaction
from claimable_benefits.service.redemption.rollback import roll_back_now


@dataclass(frozen=True, slots=True)
class Refund:
    """What a refund has begun; true where it has begun anything.

    ``benefit``: the order's benefit is being rolled back. ``transaction``: the outbox has a newer content of the sale.
    """

    benefit: bool = False
    transaction: bool = False

    def __bool__(self) -> bool:
        return self.benefit or self.transaction


def refund_order(
    ctx: Context,
    order_number: str,
    *,
    full_refund: bool,
    actor: str,
    reason: str,
    transaction: Transaction | None = None,
) -> Refund:
    """Refund in a database transaction of the extension's own, and call Omneo at once; the worker retries what fails.

    Raises `ValueError` where ``transaction`` is another order's.
    """
    transaction = _checked(ctx, order_number, transaction)
    audit = ctx.audit(actor, reason)
    with ctx.ledger.write() as connection:
        returning = _begin_rollbacks(ctx, connection, order_number, full_refund, audit, is_called_next=True)
        changed = _enqueue_newest(connection, order_number, transaction, audit, full_refund=full_refund)
    for use in returning:
        roll_back_now(ctx, use, actor)
    return Refund(bool(returning), changed)


def refund_in(
    ctx: Context,
    connection: Connection,
    order_number: str,
    *,
    full_refund: bool,
    actor: str,
    reason: str,
    transaction: Transaction | None = None,
) -> Refund:
    """Refund on the shop's ``connection``; the shop commits, and the worker calls Omneo.

    Raises `ValueError` likewise, and `SettingsError` where that connection reaches another database than the ledger.
    """
    transaction = _checked(ctx, order_number, transaction)
    check_database(ctx, connection, "refund()")
    ctx.ledger.join(connection)
    audit = ctx.audit(actor, reason)
    returning = _begin_rollbacks(ctx, connection, order_number, full_refund, audit, is_called_next=False)
    changed = _enqueue_newest(connection, order_number, transaction, audit, full_refund=full_refund)
    return Refund(bool(returning), changed)


def is_refundable(ctx: Context, order_number: str, *, full_refund: bool) -> bool:
    """Whether a refund would return the order's benefit, for the shop to say so before the shopper decides."""
    with ctx.ledger.read() as connection:
        consumed = [use for use in uses_of_order(connection, order_number) if use.state is UseState.CONSUMED]
    return any(_is_refundable(ctx, use, full_refund=full_refund) for use in consumed)


def _checked(ctx: Context, order_number: str, transaction: Transaction | None) -> Transaction | None:
    """Return the transaction with an aware time. Raises `InvalidValue` where it is none, or another order's."""
    if transaction is None:
        return None
    check_transaction(ctx, transaction, order_number)
    return ctx.naive_times.aware(transaction)


def _begin_rollbacks(
    ctx: Context,
    connection: Connection,
    order_number: str,
    full_refund: bool,
    audit: Audit,
    *,
    is_called_next: bool,
) -> list[Use]:
    """Move what the order has consumed to ``rolling_back``, where the policy says so."""
    # Where this request calls Omneo next, it has the row leased; else the row is due for the worker at once.
    lease = audit.at + ctx.timing.lease if is_called_next else None
    returning = []
    for use in uses_of_order(connection, order_number):
        if use.state is UseState.CONSUMED and _is_refundable(ctx, use, full_refund=full_refund):
            with suppress(ConflictError):  # another request rolls it back at the same moment
                changes = {"lease_until": lease, "due_at": None, "attempts": 0, "note": audit.reason}
                returning.append(move_use(connection, use, UseState.ROLLING_BACK, audit, **changes))
    return returning


def _is_refundable(ctx: Context, use: Use, *, full_refund: bool) -> bool:
    rule = ctx.policy(use.definition_handle).refundable
    return rule is Refundable.ALWAYS or (rule is Refundable.FULL_REFUND and full_refund)


def _enqueue_newest(
    connection: Connection, order_number: str, transaction: Transaction | None, audit: Audit, *, full_refund: bool
) -> bool:
    """Put the newest content into the outbox; False where it is there, or something newer."""
    known = find_delivery(connection, order_number)
    newest = _voided(known, transaction) if full_refund else transaction
    if newest is None or (known is not None and _is_outdated(known.transaction, newest)):
        return False
    use_id, redemption_id = (known.use_id, known.redemption_id) if known else _consumed(connection, order_number)
    put_delivery(connection, newest, audit, use_id=use_id, redemption_id=redemption_id)
    return True


def _voided(known: Delivery | None, transaction: Transaction | None) -> Transaction | None:
    """Void the transaction in the outbox; where there is none, the one that the shop gives."""
    recorded = known.transaction if known else transaction
    return replace(recorded, is_void=True) if recorded else None


def _is_outdated(known: Transaction, newest: Transaction) -> bool:
    """Whether this call adds nothing: a void sale stays void, and a refund never makes a sale larger."""
    return known == newest or (known.is_void and not newest.is_void) or newest.total > known.total


def _consumed(connection: Connection, order_number: str) -> tuple[str | None, str | None]:
    """The use of an order that is not in the outbox, and its redemption."""
    states = (UseState.CONSUMED, UseState.ROLLING_BACK, UseState.ROLLED_BACK)
    uses = [use for use in uses_of_order(connection, order_number) if use.state in states and use.redemption_id]
    return (uses[-1].use_id, uses[-1].redemption_id) if uses else (None, None)
