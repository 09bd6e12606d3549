"""Drop a hold: the shopper removed it, or it has expired."""

from __future__ import annotations

from claimable_benefits.domain.shop import Cart, Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import Use, held_in_cart, move_use, overdue_holds
from claimable_benefits.service.context import Context, shopper_actor
from claimable_benefits.service.isolation import each_row, set_use_aside


def release(ctx: Context, shopper: Shopper, cart: Cart, benefit_id: str) -> str | None:
    """Drop the cart's hold on a benefit; return the benefit's name, None where the cart does not hold it."""
    with ctx.ledger.write() as connection:
        use = held_in_cart(connection, shopper.customer_id, cart.id)
        if use is None or use.benefit_id != benefit_id:
            return None
        move_use(connection, use, UseState.RELEASED, ctx.audit(shopper_actor(shopper), f"removed from cart {cart.id}"))
        return use.name


def release_overdue(ctx: Context) -> int:
    """Drop expired holds; return how many."""
    with ctx.ledger.read() as connection:
        overdue = overdue_holds(connection, ctx.clock())
    return each_row(ctx, overdue, _release, set_use_aside)


def _release(ctx: Context, use: Use) -> bool:
    """Raises `ConflictError` where it is placed or removed at the same moment."""
    with ctx.ledger.write() as connection:
        move_use(connection, use, UseState.RELEASED, ctx.audit("worker", "the hold expired"))
    return True
