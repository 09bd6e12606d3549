"""Repair what disagrees; repeating it changes nothing more.

The outbox delivers transactions again, and the worker rolls back uses of the ledger. A redemption without a row in the
ledger is reported and not changed, as it may be a till's, unless its reference was made for an order of this shop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from claimable_benefits.domain.reconcile import Disagreement, DisagreementCode
from claimable_benefits.domain.shop import OrderState, Transaction
from claimable_benefits.domain.states import USE_MOVES, DeliveryState, UseState
from claimable_benefits.errors import ConflictError, OmneoError
from claimable_benefits.ledger.events import write_event
from claimable_benefits.ledger.outbox import Delivery, deliver_again, find_delivery, put_delivery
from claimable_benefits.ledger.uses import Use, find_use, move_use
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.operations.forgotten import recover_forgotten
from claimable_benefits.service.operations.reconcile import Report, reconcile
from claimable_benefits.service.orders.submit import submit_in
from claimable_benefits.service.orders.unplaced import order_of
from claimable_benefits.service.recovery.resolve_uses import roll_back_extras
from claimable_benefits.service.redemption.rollback import finish_rollbacks

_log = logging.getLogger("claimable_benefits")
_ROUNDS = 1_000


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done, in sentences for staff, and what still disagrees."""

    done: tuple[str, ...]
    left: Report


def repair(ctx: Context, report: Report, *, actor: str) -> Repaired:
    """Repair what can be repaired, deliver and roll back what that made due, and compare again. Raises `OmneoError`."""
    # Duplicates first: a redemption that is linked to a duplicate cannot be linked to the remaining transaction.
    in_order = sorted(report.found, key=lambda one: one.code is not DisagreementCode.TRANSACTION_DUPLICATED)
    done = [sentence for one in in_order if (sentence := _apply(ctx, one, actor))]
    if done:
        _work(ctx)
        report = reconcile(ctx, report.since, report.until)
    return Repaired(tuple(done), report)


def _work(ctx: Context) -> None:
    finish_rollbacks(ctx)
    for _ in range(_ROUNDS):
        if not deliver_due(ctx):
            return


def _apply(ctx: Context, one: Disagreement, actor: str) -> str | None:
    """Repair one disagreement; say what was done, None where nothing was."""
    repair_one = _WAYS.get(one.code)
    if repair_one is None:
        return None
    try:
        return repair_one(ctx, one, actor)
    except (OmneoError, ConflictError) as error:
        _log.warning("Reconciliation could not repair this now: %s (%s)", one.sentence, error)
        return None


def _deliver_again(ctx: Context, one: Disagreement, actor: str) -> str | None:
    number = one.order_number or ""
    delivery = _delivery(ctx, number)
    if delivery is None:
        return _submit(ctx, one, actor)
    if delivery.state is not DeliveryState.DELIVERED:
        return None
    if not delivery.transaction.is_void:
        _unvoid(ctx, delivery, one.ids, actor)
    audit = ctx.audit(actor, "reconciled: Omneo does not have what was delivered")
    with ctx.ledger.write() as connection:
        again = deliver_again(connection, delivery, DeliveryState.DUE, audit)
    return f"The transaction of order {number} is delivered again." if again else None


def _unvoid(ctx: Context, delivery: Delivery, ids: Iterable[str], actor: str) -> None:
    """Make void transactions count again: an upsert leaves a void sale void (Omneo facts 11)."""
    for recorded in ctx.omneo.transactions_with(delivery.external_id):
        if recorded.id in ids and recorded.is_void:
            _noted(ctx, delivery, actor, f"let transaction {recorded.id} count again")
            ctx.omneo.void_transaction(recorded.id, is_void=False)


def _submit(ctx: Context, one: Disagreement, actor: str) -> str | None:
    number = one.order_number or ""
    transaction = _of_shop(ctx, number)
    if transaction is None:
        return None
    with ctx.ledger.write() as connection:
        submit_in(ctx, transaction, connection, actor=actor)
    return f"Order {number} is submitted."


def _of_shop(ctx: Context, number: str) -> Transaction | None:
    """Ask the shop again for the paid order's transaction: it may have changed since the comparison."""
    order = order_of(ctx, number)
    return order.transaction if order is not None and order.state is OrderState.PAID else None


def _void(ctx: Context, one: Disagreement, actor: str) -> str | None:
    number = one.order_number or ""
    delivery = _delivery(ctx, number)
    if delivery is None:
        return None  # not ours: recorded before the extension, or by a till
    with ctx.ledger.write() as connection:
        if delivery.transaction.is_void:
            again = ctx.audit(actor, "reconciled: not void at Omneo")
            deliver_again(connection, delivery, DeliveryState.DUE, again)
        else:
            voided = replace(delivery.transaction, is_void=True)
            audit = ctx.audit(actor, f"reconciled: order {number} is cancelled")
            put_delivery(connection, voided, audit, use_id=delivery.use_id, redemption_id=delivery.redemption_id)
    return f"The transaction of order {number} is voided."


def _void_stopped(ctx: Context, one: Disagreement, actor: str) -> str | None:
    """Void a stopped delivery whose order is cancelled: an older copy of the ledger does not know of the refund."""
    number = one.order_number or ""
    delivery, order = _delivery(ctx, number), order_of(ctx, number)
    if delivery is None or delivery.state is not DeliveryState.STOPPED or delivery.transaction.is_void:
        return None
    if order is None or order.state is not OrderState.CANCELLED:
        return None
    return _void(ctx, one, actor)


def _void_duplicates(ctx: Context, one: Disagreement, actor: str) -> str | None:
    """Void duplicates, unlinking their redemption first: some tenants return it with the sale (Omneo facts 16.31)."""
    delivery = _delivery(ctx, one.order_number or "")
    if delivery is None or not one.ids or not delivery.is_looked_for:
        return None  # before the first look, what Omneo has of this number may be another shop's
    linked = {recorded.id: recorded.redemption_id for recorded in ctx.omneo.transactions_with(delivery.external_id)}
    for transaction_id in one.ids:
        _noted(ctx, delivery, actor, f"void transaction {transaction_id}, a duplicate")
        ctx.omneo.void_transaction(transaction_id, without_redemption=linked.get(transaction_id) is not None)
    if any(linked.get(transaction_id) for transaction_id in one.ids) and delivery.state is DeliveryState.DELIVERED:
        audit = ctx.audit(actor, "reconciled: a duplicate had its redemption")
        with ctx.ledger.write() as connection:
            deliver_again(connection, delivery, DeliveryState.DUE, audit)
    return f"Transactions {', '.join(one.ids)} of order {delivery.order_number} are voided: they were duplicates."


def _roll_back(ctx: Context, one: Disagreement, actor: str) -> str | None:
    redemption_id = next(iter(one.ids), None)
    with ctx.ledger.read() as connection:
        use = find_use(connection, one.use_id) if one.use_id else None
    if use is None or redemption_id is None:
        return None
    reason = f"reconciled: redemption {redemption_id} belongs to no placed order"
    if use.redemption_id not in (None, redemption_id):
        roll_back_extras(ctx, use, (redemption_id,))
    elif not _begin(ctx, use, redemption_id, actor, reason):
        return None
    return f"Redemption {redemption_id} of {use.name} is being rolled back."


def _recover(ctx: Context, one: Disagreement, actor: str) -> str | None:
    return recover_forgotten(ctx, one.forgotten, actor=actor) if one.forgotten is not None else None


def _begin(ctx: Context, use: Use, redemption_id: str, actor: str, reason: str) -> bool:
    """Commit the intent; the next step, here or in the worker, calls Omneo."""
    if UseState.ROLLING_BACK not in USE_MOVES[use.state]:
        return False
    audit = ctx.audit(actor, reason)
    found = {"redemption_id": redemption_id, "redeemed_at": use.redeemed_at or audit.at}
    with ctx.ledger.write() as connection:
        move_use(connection, use, UseState.ROLLING_BACK, audit, attempts=0, note=reason, **found)
    return True


def _delivery(ctx: Context, number: str) -> Delivery | None:
    with ctx.ledger.read() as connection:
        return find_delivery(connection, number)


def _noted(ctx: Context, delivery: Delivery, actor: str, intent: str) -> None:
    """Commit the intent to the history before the call goes out."""
    state = delivery.state
    with suppress(ConflictError), ctx.ledger.write() as connection:
        audit = ctx.audit(actor, intent)
        subject = f"order {delivery.order_number}"
        write_event(connection, subject, audit, from_state=state, to_state=state, version=delivery.revision)


_WAYS: dict[DisagreementCode, Callable[[Context, Disagreement, str], str | None]] = {
    DisagreementCode.TRANSACTION_DUPLICATED: _void_duplicates,
    DisagreementCode.TRANSACTION_MISSING: _deliver_again,
    DisagreementCode.TRANSACTION_DIFFERS: _deliver_again,
    DisagreementCode.TRANSACTION_NOT_VOID: _void,
    DisagreementCode.DELIVERY_STOPPED: _void_stopped,
    DisagreementCode.USE_NOT_CONSUMED: _submit,
    DisagreementCode.REDEMPTION_LEFT_OVER: _roll_back,
    DisagreementCode.REDEMPTION_UNKNOWN: _recover,
}
