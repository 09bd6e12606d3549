"""Assign one of a benefit's remaining uses to a new hold."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from claimable_benefits.domain.benefits import Benefit
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UNCOUNTED_USES, UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.uses import Use, add_use, live_uses_of, move_use
from claimable_benefits.service.context import Context

_SAME = (
    *("channel", "customer_id", "profile_id", "benefit_id", "definition_handle", "name"),
    *("code", "instructions", "cart_id", "baseline_remaining"),
)


def take_slot(
    ctx: Context,
    connection: Connection,
    shopper: Shopper,
    profile_id: str,
    benefit: Benefit,
    audit: Audit,
    *,
    move: bool = False,
    **values: Any,
) -> Use:
    """Write a hold on a free slot of ``benefit``.

    With ``move``, a hold of the same shopper's other cart is dropped for it. Raises `Declined` where every remaining
    use is taken, and `ConflictError` where another request took the slot at the same moment.
    """
    live = live_uses_of(connection, profile_id, benefit.id)
    if benefit.remaining is not None:
        live = _make_room(connection, live, benefit, audit, move=move)
    return add_use(
        connection,
        audit,
        customer_id=shopper.customer_id,
        profile_id=profile_id,
        benefit_id=benefit.id,
        definition_handle=benefit.handle,
        name=benefit.name,
        code=benefit.code_online or benefit.definition.code_online,
        instructions=benefit.definition.instructions_online,
        slot=free_slot(live),
        reference=f"{ctx.reference_prefix}-{values['use_id']}",
        baseline_remaining=benefit.remaining,
        **{"held_until": audit.at + ctx.timing.hold, **values},
    )


def repeat_hold(ctx: Context, connection: Connection, use: Use, audit: Audit) -> Use:
    """Hold the same benefit for the same cart again: a new attempt with a reference of its own."""
    use_id = str(uuid4())
    return add_use(
        connection,
        audit,
        use_id=use_id,
        reference=f"{ctx.reference_prefix}-{use_id}",
        slot=free_slot(live_uses_of(connection, use.profile_id, use.benefit_id)),
        held_until=audit.at + ctx.timing.hold,
        **{name: getattr(use, name) for name in _SAME},
    )


def _make_room(connection: Connection, live: list[Use], benefit: Benefit, audit: Audit, *, move: bool) -> list[Use]:
    # Omneo's count of remaining uses already lacks the uses that it has recorded.
    uncounted = [use for use in live if use.state in UNCOUNTED_USES]
    if len(uncounted) < (benefit.remaining or 0):
        return live
    holds = [use for use in uncounted if use.state is UseState.HELD]
    overdue = [use for use in holds if use.held_until <= audit.at]
    if not holds:
        raise Declined(
            "not_confirmed", f"Your last use of {benefit.name} is still being confirmed. Please try again shortly."
        )
    if not overdue and not move:
        raise Declined(
            "in_another_cart", f"{benefit.name} is applied to another cart of yours. Remove it there to use it here."
        )
    dropped = (overdue or holds)[0]
    drop = Audit(audit.actor, "expired" if overdue else f"moved: {audit.reason}", audit.at)
    move_use(connection, dropped, UseState.RELEASED, drop)
    return [use for use in live if use.use_id != dropped.use_id]


def free_slot(live: list[Use]) -> int:
    """Return the lowest number of a use that none of a benefit's live uses has."""
    taken = {use.slot for use in live}
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)
