"""Find out which of Omneo's profiles a shopper is."""

from __future__ import annotations

from claimable_benefits.ledger import profile_ids
from claimable_benefits.wallet.source import WalletSource


def profile_of_customer(source: WalletSource, customer_id: str) -> str | None:
    """Find the profile id of the shop's customer: in the ledger, else at Omneo, and then store it in the ledger.

    None where Omneo does not know the customer. Raises `OmneoError`.
    """
    with source.ledger.read() as connection:
        known = profile_ids.known_profile(connection, customer_id)
    if known:
        return known
    if found := source.omneo.profile_id(customer_id):
        remember_profile(source, customer_id, found)
    return found


def remember_profile(source: WalletSource, customer_id: str, profile_id: str) -> None:
    """Store the customer's profile id in the ledger, seen now."""
    with source.ledger.write() as connection:
        profile_ids.remember_profile(connection, customer_id, profile_id, source.clock())


def forget_profile_of_customer(source: WalletSource, customer_id: str) -> None:
    """Delete a stored profile id that Omneo no longer knows: profiles can be merged (Omneo facts 2)."""
    with source.ledger.write() as connection:
        profile_ids.forget_profile(connection, customer_id)
