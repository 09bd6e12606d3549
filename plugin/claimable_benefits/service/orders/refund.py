"""A placed order was cancelled or refunded: its benefit comes back where its policy says so, and Omneo hears of it.

Everything that is decided here is one database transaction, the shop's own where it gives its session: the refund, the
use on its way back and the newest content of the outbox are there together or not at all. Omneo is called afterwards.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from claimable_benefits.domain.policy import GiveBack
from claimable_benefits.domain.shop import Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Overtaken
from claimable_benefits.ledger.events import Because
from claimable_benefits.ledger.outbox import Delivery, find_delivery, put_delivery
from claimable_benefits.ledger.uses import Use, move_use, uses_of_order
from claimable_benefits.service.context import Context
from claimable_benefits.service.orders.submit import check_database
from claimable_benefits.service.redemption.rollback import undo_now


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What a cancellation or refund has set in motion; true where that is anything.

    ``benefit``: the order's benefit is on its way back. ``transaction``: Omneo gets a newer content of the sale.
    """

    benefit: bool = False
    transaction: bool = False

    def __bool__(self) -> bool:
        return self.benefit or self.transaction


def give_back_order(
    ctx: Context,
    order_number: str,
    *,
    full_refund: bool,
    actor: str,
    reason: str,
    transaction: Transaction | None = None,
) -> GivenBack:
    """Give back in a database transaction of our own, and ask Omneo at once; the worker goes on with what fails.

    Raises `ValueError` where ``transaction`` is another order's.
    """
    _check_number(order_number, transaction)
    because = ctx.because(actor, reason)
    with ctx.ledger.write() as connection:
        returning = _begin_undos(ctx, connection, order_number, full_refund, because, is_called_next=True)
        changed = _follow(connection, order_number, transaction, because, full_refund=full_refund)
    for use in returning:
        undo_now(ctx, use, actor)
    return GivenBack(bool(returning), changed)


def give_back_in(
    ctx: Context,
    connection: Connection,
    order_number: str,
    *,
    full_refund: bool,
    actor: str,
    reason: str,
    transaction: Transaction | None = None,
) -> GivenBack:
    """The same on the shop's ``connection``; the shop commits, and the worker does the rest.

    Raises `ValueError` likewise, and `SettingsError` where that connection reaches another database than the ledger.
    """
    _check_number(order_number, transaction)
    check_database(ctx, connection, "give_back()")
    because = ctx.because(actor, reason)
    returning = _begin_undos(ctx, connection, order_number, full_refund, because, is_called_next=False)
    changed = _follow(connection, order_number, transaction, because, full_refund=full_refund)
    return GivenBack(bool(returning), changed)


def comes_back(ctx: Context, order_number: str, *, full_refund: bool) -> bool:
    """Whether a refund would give the order's benefit back: what to tell the shopper before they decide."""
    with ctx.ledger.read() as connection:
        consumed = [use for use in uses_of_order(connection, order_number) if use.state is UseState.CONSUMED]
    return any(_comes_back(ctx, use, full_refund=full_refund) for use in consumed)


def _check_number(order_number: str, transaction: Transaction | None) -> None:
    if transaction is not None and transaction.order_number != order_number:
        raise ValueError(f"The transaction is that of order {transaction.order_number}, not of order {order_number}.")


def _begin_undos(
    ctx: Context,
    connection: Connection,
    order_number: str,
    full_refund: bool,
    because: Because,
    *,
    is_called_next: bool,
) -> list[Use]:
    """Commit to undoing what the order has consumed, where the policy says so."""
    # Whoever calls Omneo next has the row leased until then; else it is due at once.
    lease = because.at + ctx.timing.lease if is_called_next else None
    returning = []
    for use in uses_of_order(connection, order_number):
        if use.state is UseState.CONSUMED and _comes_back(ctx, use, full_refund=full_refund):
            with suppress(Overtaken):  # another request gives it back at this moment
                changes = {"lease_until": lease, "due_at": None, "attempts": 0, "note": because.reason}
                returning.append(move_use(connection, use, UseState.UNDOING, because, **changes))
    return returning


def _comes_back(ctx: Context, use: Use, *, full_refund: bool) -> bool:
    rule = ctx.policy(use.definition_handle).given_back
    return rule is GiveBack.ALWAYS or (rule is GiveBack.FULL_REFUND and full_refund)


def _follow(
    connection: Connection, order_number: str, transaction: Transaction | None, because: Because, *, full_refund: bool
) -> bool:
    """Put the newest content into the outbox; False where Omneo has it, or something newer."""
    known = find_delivery(connection, order_number)
    newest = _voided(known, transaction) if full_refund else transaction
    if newest is None or (known is not None and _is_outdated(known.transaction, newest)):
        return False
    use_id, redemption_id = (known.use_id, known.redemption_id) if known else _consumed(connection, order_number)
    put_delivery(connection, newest, because, use_id=use_id, redemption_id=redemption_id)
    return True


def _voided(known: Delivery | None, transaction: Transaction | None) -> Transaction | None:
    """What is recorded, void; where nothing is, what the shop gives."""
    recorded = known.transaction if known else transaction
    return replace(recorded, is_void=True) if recorded else None


def _is_outdated(known: Transaction, newest: Transaction) -> bool:
    """Whether it is a repeated call: what is void stays void, and a refund never makes a sale larger."""
    return known == newest or (known.is_void and not newest.is_void) or newest.total > known.total


def _consumed(connection: Connection, order_number: str) -> tuple[str | None, str | None]:
    """The use of an order that is not in the outbox, and its redemption."""
    states = (UseState.CONSUMED, UseState.UNDOING, UseState.UNDONE)
    uses = [use for use in uses_of_order(connection, order_number) if use.state in states and use.redemption_id]
    return (uses[-1].use_id, uses[-1].redemption_id) if uses else (None, None)
