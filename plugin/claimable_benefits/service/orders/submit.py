"""Put an order's transaction into the outbox, in the shop's own database transaction."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from claimable_benefits.domain.shop import Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError, InvalidValue, SettingsError
from claimable_benefits.ledger import key_values
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import find_delivery, put_delivery, write_transaction
from claimable_benefits.ledger.same_database import commits_at_once
from claimable_benefits.ledger.uses import Use, find_use, move_use, uses_of_order
from claimable_benefits.service.context import Context

_log = logging.getLogger("claimable_benefits")
_TRIES = 10
_ROLLED_BACK = (UseState.ROLLING_BACK, UseState.ROLLED_BACK)


def submit(ctx: Context, transaction: Transaction, connection: Connection) -> None:
    """Consume the order's use and enqueue its transaction on the shop's ``connection``; the shop commits.

    Raises `SettingsError` where that connection reaches another database than the ledger: one could then be committed
    without the other.
    """
    if not isinstance(transaction, Transaction):
        raise _no_transaction(transaction)
    check_database(ctx, connection, "submit()")
    ctx.ledger.join(connection)
    submit_in(ctx, transaction, connection, actor="shop")


def check_transaction(ctx: Context, transaction: object, order_number: str) -> None:
    """Check before the money moves that ``transaction`` can be submitted and delivered for this order.

    Raises `InvalidValue` where it is none, is another order's, or cannot be written.
    """
    if not isinstance(transaction, Transaction):
        raise _no_transaction(transaction)
    if transaction.order_number != order_number:
        problem = f"is that of order {transaction.order_number}, not of order {order_number}."
        raise InvalidValue("transaction", problem, "Give this order's own.")
    aware = ctx.naive_times.aware(transaction)
    try:
        write_transaction(aware)
        ctx.omneo.check_transaction(aware)
    except (ValueError, ArithmeticError) as error:
        raise InvalidValue("transaction", f"cannot be written: {error}", "Correct that field.") from error


def _no_transaction(given: object) -> InvalidValue:
    return InvalidValue("transaction", f"is a value of type {type(given).__name__}.", "Give a Transaction.")


def check_database(ctx: Context, connection: Connection, verb: str) -> None:
    """Raise `SettingsError` where what ``connection``, given to ``verb``, writes is not one commit with the ledger.

    It reaches another database, or it commits each statement at once.
    """
    if not ctx.ledger.is_same_database(connection):
        raise SettingsError(
            "BENEFITS_DATABASE_URL",
            f"names another database ({ctx.ledger.engine.url!r}) than the session given to {verb}.",
            "Point it at the database in which your orders are. Where the session has several databases, give "
            'session=session.connection(bind_arguments={"mapper": …}) with the class of your orders.',
        )
    if commits_at_once(connection):
        raise SettingsError(
            "isolation_level",
            f"is AUTOCOMMIT on the session given to {verb}: a rollback would take nothing back.",
            "Give a session whose statements are one transaction.",
        )


def submit_in(ctx: Context, transaction: Transaction, connection: Connection, *, actor: str) -> None:
    """Submit on a connection that is known to be the ledger's. A void sale stays void."""
    audit = ctx.audit(actor, f"order {transaction.order_number} is placed")
    transaction = ctx.naive_times.aware(transaction)
    _note_naive_times(ctx, connection, audit)
    known = find_delivery(connection, transaction.order_number)
    if known is not None and known.transaction.is_void and not transaction.is_void:
        _log.warning("Order %s was cancelled, so its transaction stays void.", transaction.order_number)
        return
    attempts = uses_of_order(connection, transaction.order_number)
    use = consume(connection, attempts, audit)
    if use is None and known is None and any(attempt.state in _ROLLED_BACK for attempt in attempts):
        # The money has moved, so the order stays placed; staff should know that its redemption was rolled back.
        _log.error("Order %s was placed after its redemption had been rolled back.", transaction.order_number)
    # A newer content of an order whose redemption was rolled back keeps the link to the use it was charged with.
    use_id, redemption_id = (known.use_id, known.redemption_id) if known else (None, None)
    put_delivery(
        connection,
        transaction,
        audit,
        use_id=use.use_id if use else use_id,
        redemption_id=use.redemption_id if use else redemption_id,
    )


def _note_naive_times(ctx: Context, connection: Connection, audit: Audit) -> None:
    """Note once, for doctor, that this shop gives times without a zone; later calls do not touch that row."""
    if not ctx.naive_times.is_met or ctx.naive_times.is_noted:
        return
    if key_values.get_value(connection, key_values.NAIVE_TIMES) is None:
        key_values.compare_and_set_value(connection, key_values.NAIVE_TIMES, None, "seen", audit.at)
    ctx.naive_times.is_noted = True


def consume(connection: Connection, attempts: list[Use], audit: Audit) -> Use | None:
    """Consume the use that this order was charged with: the one redeemed last. An earlier submission may have done so.

    Any other redemption of the order, such as an attempt that was found late, is rolled back.
    """
    done = next((use for use in attempts if use.state is UseState.CONSUMED), None)
    redeemed = [use for use in attempts if use.state is UseState.REDEEMED]
    redeemed.sort(key=lambda use: use.sent_at or use.updated_at)
    own = done or (_move(connection, redeemed.pop(), UseState.CONSUMED, audit) if redeemed else None)
    for other in redeemed:
        _move(connection, other, UseState.ROLLING_BACK, audit, attempts=0, note="its order has another benefit")
    return own


def _move(connection: Connection, use: Use, to: UseState, audit: Audit, **changes: object) -> Use | None:
    """Move a use whatever a worker notes on it meanwhile; None where a worker rolls it back."""
    current: Use | None = use
    for _ in range(_TRIES):
        if current is None or current.state is not use.state:
            break
        try:
            return move_use(connection, current, to, audit, **changes)
        except ConflictError:
            current = find_use(connection, use.use_id)
    if current is not None and current.state is to:
        return current  # another submission of this order was faster
    # A worker has begun to roll it back. The shop's commit must not fail after a capture.
    _log.error("Order %s: its redemption is being rolled back.", use.order_number)
    return None
