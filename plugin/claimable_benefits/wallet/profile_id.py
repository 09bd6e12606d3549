"""Find out which of Omneo's profiles a shopper is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.ledger import profile_ids

if TYPE_CHECKING:
    from claimable_benefits.service.context import Context  # which has the wallets, which ask here


def profile_of(ctx: Context, shopper: Shopper) -> str | None:
    """The shopper's profile id, remembered once found; None where Omneo does not know them."""
    return profile_of_customer(ctx, shopper.customer_id)


def profile_of_customer(ctx: Context, customer_id: str) -> str | None:
    """The profile id of the shop's customer. Raises `OmneoError`."""
    with ctx.ledger.read() as connection:
        known = profile_ids.known_profile(connection, customer_id)
    if known:
        return known
    if found := ctx.omneo.profile_id(customer_id):
        remember_profile(ctx, customer_id, found)
    return found


def remember_profile(ctx: Context, customer_id: str, profile_id: str) -> None:
    with ctx.ledger.write() as connection:
        profile_ids.remember_profile(connection, customer_id, profile_id, ctx.clock())


def forget_profile_of(ctx: Context, shopper: Shopper) -> None:
    """A remembered profile was not there any more: it may have been merged (Omneo facts 2)."""
    with ctx.ledger.write() as connection:
        profile_ids.forget_profile(connection, shopper.customer_id)
