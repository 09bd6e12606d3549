"""Put an order's transaction into the outbox, in the shop's own database transaction."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from claimable_benefits.domain.shop import Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError, SettingsError
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import find_delivery, put_delivery
from claimable_benefits.ledger.uses import Use, find_use, move_use, uses_of_order
from claimable_benefits.service.context import Context

_log = logging.getLogger("claimable_benefits")
_TRIES = 10
_GIVEN_BACK = (UseState.ROLLING_BACK, UseState.ROLLED_BACK)


def submit(ctx: Context, transaction: Transaction, connection: Connection) -> None:
    """Consume the order's use and queue its transaction on the shop's ``connection``; the shop commits.

    Raises `SettingsError` where that connection reaches another database than the ledger: the order and its
    transaction could then be torn apart.
    """
    check_database(ctx, connection, "submit()")
    submit_in(ctx, transaction, connection, actor="shop")


def check_database(ctx: Context, connection: Connection, verb: str) -> None:
    """Raises `SettingsError` where ``connection``, given to ``verb``, reaches another database than the ledger."""
    if not ctx.ledger.is_same_database(connection):
        raise SettingsError(
            "BENEFITS_DATABASE_URL",
            f"names another database ({ctx.ledger.engine.url!r}) than the session given to {verb}.",
            "Point it at the database in which your orders are.",
        )


def submit_in(ctx: Context, transaction: Transaction, connection: Connection, *, actor: str) -> None:
    """The same on a connection that is known to be the ledger's. A sale that was taken back stays taken back."""
    audit = ctx.audit(actor, f"order {transaction.order_number} is placed")
    known = find_delivery(connection, transaction.order_number)
    if known is not None and known.transaction.is_void and not transaction.is_void:
        _log.warning("Order %s was cancelled, so its transaction stays void.", transaction.order_number)
        return
    attempts = uses_of_order(connection, transaction.order_number)
    use = consume(connection, attempts, audit)
    if use is None and known is None and any(attempt.state in _GIVEN_BACK for attempt in attempts):
        # The money has moved: the order stands, and a person should know that its benefit was given back.
        _log.error("Order %s was placed after its benefit had been given back.", transaction.order_number)
    # A newer content of an order whose benefit came back meanwhile keeps the link to what it was charged with.
    use_id, redemption_id = (known.use_id, known.redemption_id) if known else (None, None)
    put_delivery(
        connection,
        transaction,
        audit,
        use_id=use.use_id if use else use_id,
        redemption_id=use.redemption_id if use else redemption_id,
    )


def consume(connection: Connection, attempts: list[Use], audit: Audit) -> Use | None:
    """The use that this order was charged with: the one redeemed last. Consumed now, or by an earlier submission.

    What was redeemed for the order besides, such as an attempt that turned up late, goes back.
    """
    done = next((use for use in attempts if use.state is UseState.CONSUMED), None)
    redeemed = [use for use in attempts if use.state is UseState.REDEEMED]
    redeemed.sort(key=lambda use: use.sent_at or use.updated_at)
    own = done or (_move(connection, redeemed.pop(), UseState.CONSUMED, audit) if redeemed else None)
    for other in redeemed:
        _move(connection, other, UseState.ROLLING_BACK, audit, attempts=0, note="its order has another benefit")
    return own


def _move(connection: Connection, use: Use, to: UseState, audit: Audit, **changes: object) -> Use | None:
    """Move a use whatever a worker notes about it meanwhile; None where it is being given back."""
    now_is: Use | None = use
    for _ in range(_TRIES):
        if now_is is None or now_is.state is not use.state:
            break
        try:
            return move_use(connection, now_is, to, audit, **changes)
        except ConflictError:
            now_is = find_use(connection, use.use_id)
    if now_is is not None and now_is.state is to:
        return now_is  # by another submission of this order, at the same moment
    # The worker has begun to undo it at this moment. The shop's commit must not fail after a capture.
    _log.error("Order %s: its benefit is being given back.", use.order_number)
    return None
