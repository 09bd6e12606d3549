"""The values that the audit compares: one class per kind of record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ShopOrder:
    """An order as the shop keeps it; amounts in cents. ``awaits_approval``: by its shopper at the provider."""

    number: str
    state: str
    total: int
    checkout_id: str
    use_id: str | None = None
    discount: int = 0
    payment_id: str | None = None
    was_paid: bool = False
    refunded: int = 0
    awaits_approval: bool = False


@dataclass(frozen=True, slots=True)
class LedgerUse:
    """A use as the ledger keeps it."""

    use_id: str
    reference: str
    state: str
    handle: str
    benefit_id: str
    order_number: str | None = None
    redemption_id: str | None = None
    note: str | None = None
    channel: str = "checkout"
    asked_at: tuple[datetime, ...] = ()  # when its redemption and its rollback were asked for


@dataclass(frozen=True, slots=True)
class LedgerClaim:
    """A claim as the ledger keeps it."""

    claim_id: str
    reference: str
    state: str
    handle: str
    benefit_id: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A benefit at Omneo that was claimed."""

    id: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery as the ledger keeps it; ``total`` in cents."""

    order_number: str
    state: str
    total: int
    redemption_id: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption at Omneo; ``live`` is how many uses of it stand, below zero where it was rolled back twice."""

    id: str
    reference: str | None
    benefit_id: str
    live: int
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """A transaction at Omneo; ``total`` in cents."""

    id: str
    order_number: str | None
    total: int
    redemption_id: str | None = None
    is_void: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment at the provider, and what of it was refunded; amounts in cents."""

    id: str
    reference: str
    amount: int
    status: str
    refunded: int = 0


@dataclass(frozen=True)
class Records:
    """Everything that the audit compares. ``shown``: the totals, in cents, that shoppers agreed to by checkout id."""

    orders: Sequence[ShopOrder] = ()
    uses: Sequence[LedgerUse] = ()
    claims: Sequence[LedgerClaim] = ()
    refunds: Sequence[tuple[str, str]] = ()  # (order number, state), as the shop keeps them
    deliveries: Sequence[Outgoing] = ()
    claimed: Sequence[Claimed] = ()
    redemptions: Sequence[Redemption] = ()
    sales: Sequence[Sale] = ()
    payments: Sequence[Payment] = ()
    shown: Mapping[str, frozenset[int]] = field(default_factory=dict)
    refundable: Mapping[str, str] = field(default_factory=dict)  # by handle: always, full-refund or never
    # What an older copy of the ledger lacks, as it was before; and the redemptions and uses that reconcile names.
    forgotten_uses: Sequence[LedgerUse] = ()
    forgotten_claims: Sequence[LedgerClaim] = ()
    named: frozenset[str] = frozenset()
